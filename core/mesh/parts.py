"""A surface as trimesh's meshes, one for each material. For the child process."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial, SimpleMaterial

from core.mesh.surface import Material, Surface


def parts(surface: Surface, *, simple: bool = False) -> list[trimesh.Trimesh]:
    """`simple`: one picture and one colour for each, as OBJ has; else what the GLB had."""
    found = []
    for number, material in enumerate(surface.materials):
        faces = surface.faces[surface.material_of == number]
        if not len(faces):
            continue
        used, compact = np.unique(faces, return_inverse=True)
        look: Any
        if simple:
            look = trimesh.visual.TextureVisuals(uv=surface.uv[used], material=_simple(material, number))
        elif surface.colours is not None and material.picture is None:
            look = trimesh.visual.ColorVisuals(vertex_colors=surface.colours[used])
        else:
            look = trimesh.visual.TextureVisuals(uv=surface.uv[used], material=_full(material))
        found.append(
            trimesh.Trimesh(
                surface.vertices[used],
                compact.reshape(-1, 3),
                vertex_normals=surface.normals[used],
                visual=look,
                process=False,
            )
        )
    return found


def _simple(material: Material, number: int) -> SimpleMaterial:
    """White under a texture: trimesh's usual grey would darken it."""
    picture = None if material.picture is None else Image.fromarray(material.picture).convert("RGB")
    colour = np.round(np.clip(material.colour, 0, 1) * 255).astype(np.uint8)
    return SimpleMaterial(
        image=picture, diffuse=colour, ambient=colour, specular=[0, 0, 0, 255], name=f"surface_{number}"
    )


def _full(material: Material) -> PBRMaterial:
    if isinstance(material.source, PBRMaterial):
        return material.source
    picture = None if material.picture is None else Image.fromarray(material.picture)
    return PBRMaterial(baseColorTexture=picture, baseColorFactor=np.round(material.colour * 255).astype(np.uint8))
