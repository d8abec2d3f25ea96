"""`python -m tests.bench.contact_sheet OUT.jpg [NAME …]`: models of varied pictures, seen from four sides."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.generators.offline.engine import make_model
from core.imaging.picture import prepare
from tests.drawings import DRAWN, PHOTOS
from tests.pictures import VARIED

TILE_PX, LABEL_PX, SHEET_COLUMNS = 132, 118, 2
VIEWS = {"front": (0, 0), "three-quarter": (38, 18), "side": (90, 0), "back": (180, 0)}  # degrees: turn, raise
STYLES = ("relief", "lithophane", "coin")
PAGE = (244, 244, 246)
FACES = 20_000
Array = NDArray[Any]


def main() -> None:
    out, names = Path(sys.argv[1]), sys.argv[2:]
    rows = []
    for name, (data, options) in orders().items():
        if names and name not in names:
            continue
        started_s = time.perf_counter()
        glb = make_model(prepare(data, max_bytes=10**8).data, name=name, face_limit=FACES, **options)
        seconds = time.perf_counter() - started_s
        (mesh,) = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False).geometry.values()
        depth = mesh.extents[2] / min(mesh.extents[:2])
        print(f"{name:22s} {seconds:5.2f} s  depth/width {depth:4.2f}", flush=True)
        rows.append(row(name, data, mesh, f"depth/width {depth:.2f}"))
    save(rows, out)


def orders() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Each row's picture and how the model is made from it."""
    pictures = DRAWN | PHOTOS
    others = ("product on white", "with alpha", "dark and cluttered", "line art")
    plain: dict[str, tuple[bytes, dict[str, Any]]] = {name: (draw(), {}) for name, draw in pictures.items()}
    plain |= {name: (VARIED[name](), {}) for name in others}
    plain |= {f"{style}: portrait": (VARIED["portrait"](), {"style": style}) for style in STYLES}
    return plain


def row(name: str, data: bytes, mesh: trimesh.Trimesh, note: str) -> Image.Image:
    """The picture, then the model from each side, under one label."""
    strip = Image.new("RGB", (LABEL_PX + TILE_PX * (1 + len(VIEWS)), TILE_PX), PAGE)
    draw = ImageDraw.Draw(strip)
    draw.text((6, TILE_PX / 2 - 14), name, fill=(20, 20, 30), font_size=13)
    draw.text((6, TILE_PX / 2 + 4), note, fill=(110, 110, 120), font_size=11)
    with Image.open(io.BytesIO(data)) as opened:
        thumb = opened.convert("RGBA")
    thumb.thumbnail((TILE_PX - 8, TILE_PX - 8))
    strip.paste(thumb, (LABEL_PX + (TILE_PX - thumb.width) // 2, (TILE_PX - thumb.height) // 2), thumb)
    for place, (turn, raised) in enumerate(VIEWS.values(), 1):
        tile = Image.fromarray(rendered(mesh, TILE_PX, turn, raised))
        strip.paste(tile, (LABEL_PX + place * TILE_PX, 0))
    return strip


def save(rows: list[Image.Image], out: Path) -> None:
    per_column = -(-len(rows) // SHEET_COLUMNS)
    width, head = rows[0].width, 24
    sheet = Image.new("RGB", (width * min(SHEET_COLUMNS, len(rows)), head + per_column * TILE_PX), PAGE)
    draw = ImageDraw.Draw(sheet)
    for index, strip in enumerate(rows):
        column, line = divmod(index, per_column)
        sheet.paste(strip, (column * width, head + line * TILE_PX))
        for place, title in enumerate(("picture", *VIEWS)):
            left = column * width + LABEL_PX + place * TILE_PX
            draw.text((left + TILE_PX / 2, head / 2), title, fill=(60, 60, 70), font_size=13, anchor="mm")
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, quality=84)
    print(f"{out}: {sheet.width} × {sheet.height} px, {out.stat().st_size / 1e6:.2f} MB")


def rendered(mesh: trimesh.Trimesh, side_px: int, turn_deg: float, raise_deg: float) -> Array:
    """The model under three lights, parallel projection, (side, side, 3) uint8."""
    size = 2 * side_px
    turn, up = np.radians(turn_deg), np.radians(raise_deg)
    toward = np.array([np.sin(turn) * np.cos(up), np.sin(up), np.cos(turn) * np.cos(up)])
    right = np.array([np.cos(turn), 0, -np.sin(turn)])
    above = np.cross(toward, right)
    placed = (mesh.vertices - mesh.bounds.mean(0)) / max(mesh.extents.max(), 1e-9)
    seen = np.column_stack([placed @ right, -(placed @ above)]) * size * 0.78 + size / 2
    face, weights = nearest_faces(seen, placed @ toward, np.asarray(mesh.faces), size)
    hit = face >= 0
    corners = mesh.faces[face[hit]]
    normals = (np.asarray(mesh.vertex_normals)[corners] * weights[hit][..., None]).sum(1)
    light = 0.36 + 0.14 * normals[:, 1:2]
    for lamp, power in ((-0.5 * right + 0.8 * above + 0.9 * toward, 0.55), (right + 0.5 * toward, 0.2)):
        light = light + power * np.clip(normals @ (lamp / np.linalg.norm(lamp)), 0, None)[:, None]
    out = np.tile((np.array(PAGE) / 255) ** 2.2, (size, size, 1))
    out[hit] = colours(mesh, corners, weights[hit]) * light
    small = cv2.resize(np.clip(out, 0, 1), (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small ** (1 / 2.2) * 255, np.uint8)


def colours(mesh: trimesh.Trimesh, corners: Array, weights: Array) -> Array:
    """Linear colours of the points seen, (n, 3)."""
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), np.float64) / 255
    uv = (np.asarray(mesh.visual.uv)[corners] * weights[..., None]).sum(1)
    rows = np.clip((1 - uv[:, 1]) * texture.shape[0], 0, texture.shape[0] - 1).astype(int)
    columns = np.clip(uv[:, 0] * texture.shape[1], 0, texture.shape[1] - 1).astype(int)
    return np.asarray(texture[rows, columns] ** 2.2)


def nearest_faces(seen: Array, near: Array, faces: Array, size: int) -> tuple[Array, Array]:
    """A z-buffer: the nearest face of each pixel, -1 for none, (size, size), and barycentric weights (…, 3)."""
    a, b, c = (seen[faces[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low = np.clip(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5), 0, size - 1).astype(int)
    high = np.clip(np.floor(np.maximum(np.maximum(a, b), c) - 0.5), -1, size - 1).astype(int)
    spans = np.where((np.abs(area) > 1e-9)[:, None], np.maximum(high - low + 1, 0), 0)
    count = spans.prod(1)
    face = np.repeat(np.arange(len(faces)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    x, y = low[face, 0] + offset % spans[face, 0], low[face, 1] + offset // spans[face, 0]
    px, py = x + 0.5, y + 0.5
    a, b, c, area = a[face], b[face], c[face], area[face]
    wa = ((b[:, 0] - px) * (c[:, 1] - py) - (b[:, 1] - py) * (c[:, 0] - px)) / area
    wb = ((c[:, 0] - px) * (a[:, 1] - py) - (c[:, 1] - py) * (a[:, 0] - px)) / area
    weights = np.column_stack([wa, wb, 1 - wa - wb])
    inside = np.nonzero((weights >= -1e-6).all(1))[0]
    depth = (weights[inside] * near[faces[face[inside]]]).sum(1)
    order = inside[np.argsort(depth, kind="stable")]  # the nearest is written last
    out, of_pixel = np.full((size, size), -1), np.zeros((size, size, 3))
    out[y[order], x[order]] = face[order]
    of_pixel[y[order], x[order]] = weights[order]
    return out, of_pixel


if __name__ == "__main__":
    main()
