"""Models that tests need: small, and known to the last face."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

RED, BLUE = (220, 20, 20), (20, 20, 220)


def glb_of(*meshes: trimesh.Trimesh, **nodes: Any) -> bytes:
    return bytes(trimesh.Scene(list(meshes)).export(file_type="glb", include_normals=True))


def textured(mesh: trimesh.Trimesh, picture: Image.Image | None = None) -> trimesh.Trimesh:
    """With a seam: the texture is laid around the vertical axis, and its ends meet in points that are there twice."""
    flat = mesh.copy()
    flat.unmerge_vertices()
    corners = flat.vertices.reshape(-1, 3, 3)
    u = (np.arctan2(corners[..., 0], corners[..., 2]) / (2 * np.pi)) % 1
    u = np.where(np.ptp(u, axis=1, keepdims=True) > 0.5, np.where(u < 0.5, u + 1, u), u)
    low, high = flat.bounds[:, 1]
    v = (corners[..., 1] - low) / (high - low)
    image = picture or halves()
    flat.visual = trimesh.visual.TextureVisuals(
        uv=np.stack([u.ravel() / 2, v.ravel()], axis=1), material=PBRMaterial(baseColorTexture=image)
    )
    return flat


def halves() -> Image.Image:
    """Red below, blue above."""
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:32], pixels[32:] = BLUE, RED
    return Image.fromarray(pixels)


def ball(subdivisions: int = 3, radius: float = 0.5) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)


def box(*extents: float) -> trimesh.Trimesh:
    return trimesh.creation.box(extents=extents or (1, 1, 1))


def ring() -> trimesh.Trimesh:
    return trimesh.creation.torus(0.5, 0.2, major_sections=48, minor_sections=24)


def mean_colour(png: bytes) -> tuple[float, float, float]:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), float)
    seen = pixels[pixels[..., 3] > 200]
    return tuple(seen[:, :3].mean(axis=0))  # type: ignore[return-value]
