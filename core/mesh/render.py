"""A picture of a model without a graphics card: a z-buffer in numpy. For the child process."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.mesh.surface import Surface

SUPERSAMPLING = 2
CHUNK_PIXELS = 4_000_000  # candidates looked at in one go; bounds the memory
FIELD_OF_VIEW = np.radians(30)
GAMMA = 2.2
# direction in the camera's own axes (right, up, towards the viewer), strength: key, fill, rim
LIGHTS = (((-0.5, 0.8, 0.9), 0.62), ((0.9, 0.1, 0.5), 0.22), ((-0.3, 0.9, -0.6), 0.2))
AMBIENT, SKY = 0.34, 0.16


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera stands, in degrees: around the model from its front, and above the ground."""

    around: float = 25.0
    above: float = 15.0


def thumbnail(surface: Surface, *, side_px: int = 512, view: View = View()) -> bytes:
    """A PNG with a transparent background, (side_px, side_px)."""
    out = io.BytesIO()
    Image.fromarray(drawn(surface, side_px=side_px, view=view), "RGBA").save(out, "PNG", compress_level=6)
    return out.getvalue()


def turntable(surface: Surface, *, side_px: int = 320, frames: int = 24, frame_ms: int = 90) -> bytes:
    """An animated WebP, once around."""
    pictures = [
        Image.fromarray(drawn(surface, side_px=side_px, view=View(around=25 + 360 * number / frames)), "RGBA")
        for number in range(frames)
    ]
    out = io.BytesIO()
    pictures[0].save(
        out, "WEBP", save_all=True, append_images=pictures[1:], duration=frame_ms, loop=0, quality=80, method=2
    )
    return out.getvalue()


def drawn(surface: Surface, *, side_px: int, view: View) -> NDArray[np.uint8]:
    """(side_px, side_px, 4), sRGB with alpha."""
    side = side_px * SUPERSAMPLING
    camera = _Camera.around(surface.vertices, view)
    x, y, depth = camera.project(surface.vertices, side)
    nearest = _rasterized(x, y, np.float32(-1) / depth, surface.faces, side)
    hit = np.flatnonzero(nearest >= 0)
    colours = _shaded(surface, camera, x, y, depth, nearest[hit], hit, side)
    linear = np.zeros((side * side, 4), np.float32)
    linear[hit, :3], linear[hit, 3] = colours, 1.0
    blocks = linear.reshape(side_px, SUPERSAMPLING, side_px, SUPERSAMPLING, 4).mean(axis=(1, 3))
    covered = blocks[..., 3:]
    rgb = np.divide(blocks[..., :3], covered, out=np.zeros_like(blocks[..., :3]), where=covered > 0)
    srgb = np.clip(rgb, 0, 1) ** (1 / GAMMA)
    return (np.concatenate([srgb, covered], axis=2) * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Camera:
    centre: NDArray[np.float64]
    scale: float
    right: NDArray[np.float64]
    up: NDArray[np.float64]
    towards: NDArray[np.float64]
    distance: float

    @classmethod
    def around(cls, vertices: NDArray[np.float32], view: View) -> _Camera:
        low, high = vertices.min(axis=0).astype(float), vertices.max(axis=0).astype(float)
        centre = (low + high) / 2
        radius = float(np.sqrt(((vertices - centre.astype(np.float32)) ** 2).sum(axis=1).max())) or 1.0
        a, e = np.radians(view.around), np.radians(view.above)
        towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        right = np.cross([0.0, 1.0, 0.0], towards)
        right /= np.linalg.norm(right)
        return cls(centre, 1 / radius, right, np.cross(towards, right), towards, 1.02 / np.sin(FIELD_OF_VIEW / 2))

    def project(
        self, vertices: NDArray[np.float32], side: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Pixels from the left and from the top, and the distance from the camera."""
        axes = np.stack([self.right, self.up, self.towards], axis=1).astype(np.float32)
        seen = ((vertices - self.centre.astype(np.float32)) * np.float32(self.scale)) @ axes
        depth = np.float32(self.distance) - seen[:, 2]
        focal = np.float32(side / 2 / np.tan(FIELD_OF_VIEW / 2))
        middle = np.float32(side / 2)
        x, y = middle + seen[:, 0] / depth * focal, middle - seen[:, 1] / depth * focal
        return x.astype(np.float32), y.astype(np.float32), depth.astype(np.float32)


def _rasterized(
    x: NDArray[np.float32], y: NDArray[np.float32], key: NDArray[np.float32], faces: NDArray[np.int64], side: int
) -> NDArray[np.int64]:
    """For each pixel the number of the nearest face, or -1, as (side * side,). A smaller `key` is nearer."""
    best = np.full(side * side, np.iinfo(np.int64).max, np.int64)
    z = ((key - key.min()) / (np.ptp(key) + 1e-12) * (2**30 - 2)).astype(np.float32)
    a, b, c = faces[:, 0], faces[:, 1], faces[:, 2]
    area = (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a])
    left, right = _span(x[a], x[b], x[c], side)
    top, bottom = _span(y[a], y[b], y[c], side)
    is_seen = (np.abs(area) > 1e-9) & (right >= left) & (bottom >= top)
    width = np.where(is_seen, right - left + 1, 0)
    counts = width.astype(np.int64) * np.where(is_seen, bottom - top + 1, 0)
    shown = np.flatnonzero(counts)
    counts = counts[shown]
    ends = np.cumsum(counts)
    start = 0
    while start < len(shown):
        done = ends[start - 1] if start else 0
        end = max(int(np.searchsorted(ends, done + CHUNK_PIXELS, "right")), start + 1)
        chosen, size = shown[start:end], counts[start:end]
        which = np.repeat(np.arange(len(chosen)), size)
        within = np.arange(len(which)) - np.repeat(np.cumsum(size) - size, size)
        face = chosen[which]
        column = left[face] + within % width[face]
        row = top[face] + within // width[face]
        fa, fb, fc = a[face], b[face], c[face]
        px, py = column + np.float32(0.5), row + np.float32(0.5)
        w0 = ((x[fb] - px) * (y[fc] - py) - (y[fb] - py) * (x[fc] - px)) / area[face]
        w1 = ((x[fc] - px) * (y[fa] - py) - (y[fc] - py) * (x[fa] - px)) / area[face]
        w2 = 1 - w0 - w1
        inside = (w0 >= -1e-6) & (w1 >= -1e-6) & (w2 >= -1e-6)
        level = (w0 * z[fa] + w1 * z[fb] + w2 * z[fc])[inside].astype(np.int64)
        place = row[inside].astype(np.int64) * side + column[inside]
        np.minimum.at(best, place, (level << 32) | face[inside])
        start = end
    return np.where(best == np.iinfo(np.int64).max, -1, best & 0xFFFFFFFF)


def _span(
    a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32], side: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """First and last pixel whose middle may lie between three places."""
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    first = np.maximum(np.ceil(low - 0.5), 0).astype(np.int32)
    return first, np.minimum(np.floor(high - 0.5), side - 1).astype(np.int32)


def _shaded(
    surface: Surface,
    camera: _Camera,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    depth: NDArray[np.float32],
    face: NDArray[np.int64],
    pixel: NDArray[np.int64],
    side: int,
) -> NDArray[np.float32]:
    """Linear colours (len(pixel), 3)."""
    corner = surface.faces[face]
    px, py = pixel % side + 0.5, pixel // side + 0.5
    x0, x1, x2 = (x[corner[:, k]] for k in range(3))
    y0, y1, y2 = (y[corner[:, k]] for k in range(3))
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    w0 = ((x1 - px) * (y2 - py) - (y1 - py) * (x2 - px)) / area
    w1 = ((x2 - px) * (y0 - py) - (y2 - py) * (x0 - px)) / area
    weights = np.column_stack([w0, w1, 1 - w0 - w1]) / depth[corner]
    weights /= weights.sum(axis=1, keepdims=True)  # right in perspective
    normals = np.einsum("ijk,ij->ik", surface.normals[corner], weights)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    facing = np.sign(normals @ camera.towards)
    normals *= np.where(facing == 0, 1, facing)[:, None]  # insides of open surfaces are lit as well
    light = AMBIENT + SKY * normals[:, 1]
    axes = np.stack([camera.right, camera.up, camera.towards])
    for direction, strength in LIGHTS:
        place = np.array(direction) @ axes
        light = light + strength * np.clip(normals @ (place / np.linalg.norm(place)), 0, 1)
    base = _base_colours(surface, face, corner, weights)
    shaded: NDArray[np.float32] = (base * light[:, None]).astype(np.float32)
    return shaded


def _base_colours(
    surface: Surface, face: NDArray[np.int64], corner: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    uv = np.einsum("ijk,ij->ik", surface.uv[corner], weights)
    base: NDArray[np.float64] = np.ones((len(face), 3))
    for number, material in enumerate(surface.materials):
        mine = surface.material_of[face] == number
        if not mine.any():
            continue
        base[mine] = material.colour[:3]
        if material.picture is not None:
            height, width = material.picture.shape[:2]
            row = np.clip(((1 - uv[mine, 1]) % 1 * height).astype(int), 0, height - 1)
            column = np.clip((uv[mine, 0] % 1 * width).astype(int), 0, width - 1)
            base[mine] *= (material.picture[row, column, :3] / 255.0) ** GAMMA
    if surface.colours is not None:
        tint = np.einsum("ijk,ij->ik", surface.colours[corner][..., :3] / 255.0, weights)
        base = base * tint**GAMMA
    return base
