"""From a cut-out object to a closed solid: two inflated sides that share their rim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.generators.offline.colours import Mask, Rgb, lit_evenly
from core.generators.offline.inflate import SCREEN, capped, film_height
from core.generators.offline.mesh import Mesh, finished
from core.generators.offline.outline import Edges, Points, Triangles, boundary_edges, grid_mesh, smoothed, split_chords
from core.generators.offline.profile import Profile
from core.generators.offline.texture import Atlas, atlas

FRONT, BACK = 0.85, 0.70  # thickness of the two sides, as a share of the film's height; the back is guessed flatter
BALL_SCREEN = 6.0  # the film of a ball grows this much further inwards: nearly as deep as wide
FILM = Profile()
DETAIL = 0.012  # object units: how far brightness raises the front
LEAST_THICKNESS = 2e-3  # object units: front and back never touch away from the rim
FINEST = 700  # steps along the longest side: below, the mask has no more detail
SIDES = ("left", "right", "top", "bottom")


class NoSolid(Exception):
    """The outline gives no surface; the caller makes a relief."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crop:
    """The object with a margin, and the sides of the picture that cut it off."""

    rgb: Rgb
    mask: Mask
    back: Rgb | None
    extent_px: float
    cut: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """The flat mesh of the outline's inside.

    Attributes:
        points: (n, 2) object units, y up.
        pixels: (n, 2) the same in the crop's pixels, y down.
        free: (n,) points on a side where the picture cuts the object: there the solid ends in a flat wall.
        rim: (n,) points where front and back meet.
    """

    points: Points
    pixels: Points
    triangles: Triangles
    outline: Edges
    free: NDArray[Any]
    rim: NDArray[Any]


def inflated(
    rgb: Rgb, mask: Mask, *, face_limit: int, texture_px: int, profile: Profile = FILM, back: Rgb | None = None
) -> Mesh:
    """The object as a solid of at most `face_limit` faces. Raises: NoSolid.

    Args:
        profile: how flat or round it is.
        back: (h, w, 3) uint8, what is seen from behind, laid over `rgb` from the front; guessed when None.
    """
    crop = _cropped(rgb, mask, back)
    sheet = _sheet(crop, face_limit)
    screen = SCREEN * BALL_SCREEN**profile.roundness
    height = capped(film_height(sheet.points, sheet.triangles, sheet.rim, screen=screen), profile.cap)
    front = (FRONT + (1 - FRONT) * profile.roundness) * height
    behind = -(BACK + (1 - BACK) * profile.roundness) * height
    front = _with_detail(front, height, crop, sheet.pixels)
    inner = ~sheet.rim
    front[inner] = np.maximum(front[inner], LEAST_THICKNESS)
    behind[inner] = np.minimum(behind[inner], -LEAST_THICKNESS)
    front[sheet.rim] = behind[sheet.rim] = 0
    even = lit_evenly(crop.rgb, crop.mask > 0.5, profile.roundness)
    colours = atlas(even, crop.mask, size_px=texture_px, flatness=profile.flatness, back=crop.back)
    return _closed(sheet, front, behind, crop, colours)


def _cropped(rgb: Rgb, mask: Mask, back: Rgb | None = None) -> _Crop:
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) < 30:
        raise NoSolid("the object has fewer than 30 pixels")
    if min(mask.shape) < 2:
        raise NoSolid("the picture is a single line of pixels")
    extent = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    margin = max(2, round(0.03 * extent))
    height, width = mask.shape
    left, right = max(0, int(columns.min()) - margin), min(width, int(columns.max()) + 1 + margin)
    top, bottom = max(0, int(rows.min()) - margin), min(height, int(rows.max()) + 1 + margin)
    rgb, mask = rgb[top:bottom, left:right], mask[top:bottom, left:right]
    back = None if back is None else back[top:bottom, left:right]
    touches = {
        "left": left == 0 and (mask[:, 0] > 0.5).any(),
        "right": right == width and (mask[:, -1] > 0.5).any(),
        "top": top == 0 and (mask[0] > 0.5).any(),
        "bottom": bottom == height and (mask[-1] > 0.5).any(),
    }
    cut = frozenset(side for side in SIDES if touches[side])
    return _Crop(rgb=rgb, mask=mask, back=back, extent_px=float(extent), cut=cut)


def _sheet(crop: _Crop, face_limit: int) -> _Sheet:
    """The finest mesh of the outline's inside whose two sides keep within `face_limit`."""
    height, width = crop.mask.shape
    step = float(np.sqrt(2 * (crop.mask > 0.5).sum() / (0.46 * face_limit)))
    step = max(step, crop.extent_px / FINEST)
    for _ in range(40):
        columns, rows = max(4, int((width - 1) / step)), max(4, int((height - 1) / step))
        points, triangles = grid_mesh(_field(crop, columns, rows, 0.45 * step))
        if not len(triangles):
            raise NoSolid("nothing is left of the outline")
        points, triangles = split_chords(points, triangles)
        faces = 2 * len(triangles) + 2 * len(boundary_edges(triangles))
        if faces <= face_limit:
            return _as_sheet(crop, points, triangles, columns, rows)
        if columns == 4 and rows == 4:
            break
        step *= max(1.03, 1.02 * float(np.sqrt(faces / face_limit)))
    raise NoSolid(f"the outline is too detailed for {face_limit} faces")


def _field(crop: _Crop, columns: int, rows: int, blur_px: float) -> NDArray[Any]:
    """(rows + 1, columns + 1): the mask at the grid's nodes, inside above 0."""
    height, width = crop.mask.shape
    soft = cv2.GaussianBlur(crop.mask, (0, 0), max(blur_px, 0.8), borderType=cv2.BORDER_REPLICATE)
    x, y = np.meshgrid(np.linspace(0, width - 1, columns + 1), np.linspace(0, height - 1, rows + 1))
    field = np.asarray(ndi.map_coordinates(soft, [y, x], order=1, mode="nearest"), np.float64) - 0.5
    field[np.abs(field) < 1e-6] = 1e-6
    places: dict[str, Any] = {"left": np.s_[:, 0], "right": np.s_[:, -1], "top": np.s_[0, :], "bottom": np.s_[-1, :]}
    for side in SIDES:
        if side not in crop.cut:
            field[places[side]] = np.minimum(field[places[side]], -0.05)
    return field


def _as_sheet(crop: _Crop, points: Points, triangles: Triangles, columns: int, rows: int) -> _Sheet:
    height, width = crop.mask.shape
    near = 1e-6
    on_cut = (
        ((points[:, 0] < near) & ("left" in crop.cut))
        | ((points[:, 0] > columns - near) & ("right" in crop.cut))
        | ((points[:, 1] < near) & ("top" in crop.cut))
        | ((points[:, 1] > rows - near) & ("bottom" in crop.cut))
    )
    outline = boundary_edges(triangles)
    flipped = smoothed(points * (1, -1), triangles, outline, fixed=on_cut)
    pixels = np.column_stack([flipped[:, 0] * (width - 1) / columns, -flipped[:, 1] * (height - 1) / rows])
    on_outline = np.zeros(len(points), bool)
    on_outline[outline] = True
    # free where both edges of the outline at this point lie on the picture's side
    cut_edges = (on_cut[outline[:, 0]] & on_cut[outline[:, 1]]).astype(float)
    free = on_outline & on_cut & (np.bincount(outline.ravel(), np.repeat(cut_edges, 2), len(points)) >= 2)
    return _Sheet(
        points=pixels * (1, -1) / crop.extent_px,
        pixels=pixels,
        triangles=triangles,
        outline=outline,
        free=free,
        rim=on_outline & ~free,
    )


def _with_detail(front: NDArray[Any], height: NDArray[Any], crop: _Crop, pixels: Points) -> NDArray[Any]:
    """Raise the front a little by local brightness: folds, letters and eyes catch the light."""
    relief = _brightness_detail(crop.rgb, crop.mask)
    rows, columns = relief.shape
    place = [
        pixels[:, 1] * (rows - 1) / (crop.mask.shape[0] - 1),
        pixels[:, 0] * (columns - 1) / (crop.mask.shape[1] - 1),
    ]
    raised = ndi.map_coordinates(relief, place, order=1, mode="nearest")
    away_from_rim = np.clip(height / 0.14, 0, 1) ** 1.5
    return np.asarray(np.maximum(front + DETAIL * raised * away_from_rim, 0.25 * front))


def _brightness_detail(rgb: Rgb, mask: Mask) -> NDArray[Any]:
    """Brightness compared with its neighbourhood inside the object, about -1 to 1; 0 where there is little of it."""
    scale = min(1.0, 640 / max(rgb.shape[:2]))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    inside = (cv2.resize(mask, grey.shape[1::-1], interpolation=cv2.INTER_AREA) > 0.5).astype(np.float32)

    def mean(sigma: float) -> NDArray[Any]:
        weight = np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 1e-3)
        return np.asarray(cv2.GaussianBlur(grey * inside, (0, 0), sigma) / weight, np.float32)

    longest = max(grey.shape)
    detail = mean(longest / 200) - mean(longest / 25)
    spread = float(np.sqrt((detail[inside > 0] ** 2).mean())) + 1e-4 if (inside > 0).any() else 1.0
    return np.asarray(np.tanh(detail / (2 * spread)) * inside * min(1.0, spread / 0.05), np.float32)


def _closed(sheet: _Sheet, front: NDArray[Any], back: NDArray[Any], crop: _Crop, colours: Atlas) -> Mesh:
    """Front, back and, where the picture cut the object off, a flat wall."""
    count = len(sheet.points)
    height, width = crop.mask.shape
    seen = np.column_stack([(sheet.pixels[:, 0] + 0.5) / width, (sheet.pixels[:, 1] + 0.5) / height])
    vertices = [np.column_stack([sheet.points, front]), np.column_stack([sheet.points, back])]
    uv = [colours.on_front(seen), colours.on_back(seen)]
    faces = [sheet.triangles, sheet.triangles[:, ::-1] + count]
    wall = sheet.outline[sheet.free[sheet.outline].any(1)]
    if len(wall):
        # the wall has colours of its own, so its edges are vertices of their own
        corners, (start, end) = _numbered(wall)
        vertices += [vertices[0][corners], vertices[1][corners]]
        uv += [colours.on_wall(seen[corners])] * 2
        ahead, behind = 2 * count, 2 * count + len(corners)
        is_rim = sheet.rim[corners]  # there the wall's two edges meet: one triangle instead of two
        first = np.column_stack([end + ahead, start + ahead, start + behind])
        second = np.column_stack([end + ahead, np.where(is_rim[start], ahead, behind) + start, end + behind])
        faces += [first[~is_rim[start]], second[~is_rim[end]]]
    joined = np.vstack(faces)
    used = np.zeros(sum(map(len, vertices)), bool)
    used[joined] = True
    return finished(
        np.vstack(vertices)[used],
        (np.cumsum(used) - 1)[joined],
        np.vstack(uv)[used],
        colours.picture,
        kind="solid",
        has_sharp_edges=False,
    )


def _numbered(edges: Edges) -> tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]]]:
    """The points that edges name, and both ends of each edge as places in that list."""
    points, places = np.unique(edges, return_inverse=True)
    places = places.reshape(edges.shape)
    return points, (places[:, 0], places[:, 1])
