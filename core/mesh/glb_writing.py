"""A surface written as GLB. For the child process."""

from __future__ import annotations

import trimesh

from core.mesh.parts import parts
from core.mesh.surface import Surface


def write_glb(surface: Surface, *, name: str) -> bytes:
    """One mesh for each material, with normals and all textures the materials had."""
    scene = trimesh.Scene()
    for number, part in enumerate(parts(surface)):
        scene.add_geometry(part, node_name=f"{name} {number}" if number else name)
    return bytes(scene.export(file_type="glb", include_normals=True))
