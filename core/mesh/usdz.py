"""USDZ, for AR on Apple's devices, by Pixar's own library. For the child process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.domain.errors import ExportFailed
from core.mesh.surface import Surface

ROUGHNESS = 0.8


def is_available() -> bool:
    """Whether the library is installed: it is large, and one of the extras."""
    try:
        import pxr.Usd  # noqa: F401
    except ImportError:
        return False
    return True


def write_usdz(surface: Surface, *, name: str) -> bytes:
    """One mesh for each material, metres, Y up. Raises: ExportFailed."""
    if not is_available():
        raise ExportFailed("This server does not make USDZ files.")
    from pxr import Sdf, Usd, UsdGeom, UsdUtils

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        stage = Usd.Stage.CreateNew(str(place / "model.usdc"))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        root = UsdGeom.Xform.Define(stage, "/Model")
        root.GetPrim().SetDisplayName(name)
        stage.SetDefaultPrim(root.GetPrim())
        for number in range(len(surface.materials)):
            _add_part(stage, surface, number, place)
        stage.Save()
        target = place / "model.usdz"
        if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(place / "model.usdc")), str(target)):
            raise ExportFailed("The USDZ file could not be put together, so it is not offered.")
        return target.read_bytes()


def _add_part(stage: Any, surface: Surface, number: int, folder: Path) -> None:
    from pxr import UsdGeom, UsdShade, Vt

    faces = surface.faces[surface.material_of == number]
    if not len(faces):
        return
    used, compact = np.unique(faces, return_inverse=True)
    points = np.ascontiguousarray(surface.vertices[used], np.float32)
    mesh = UsdGeom.Mesh.Define(stage, f"/Model/part_{number}")
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(compact.ravel(), np.int32)))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(surface.normals[used], np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.array([points.min(0), points.max(0)], np.float32)))
    material = _material(stage, surface, number, folder, mesh, used)
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _material(stage: Any, surface: Surface, number: int, folder: Path, mesh: Any, used: Any) -> Any:
    from pxr import Gf, Sdf, UsdGeom, UsdShade, Vt

    path = f"/Model/material_{number}"
    material = UsdShade.Material.Define(stage, path)
    shader = UsdShade.Shader.Define(stage, f"{path}/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(ROUGHNESS)
    shader.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(0.0)
    look = surface.materials[number]
    diffuse = shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
    if look.picture is None:
        diffuse.Set(Gf.Vec3f(*(float(part) for part in look.colour[:3])))
    else:
        primvar = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
            "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex
        )
        primvar.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(surface.uv[used], np.float32)))
        Image.fromarray(look.picture).convert("RGB").save(folder / f"texture_{number}.jpg", quality=92)
        reader = UsdShade.Shader.Define(stage, f"{path}/st")
        reader.CreateIdAttr("UsdPrimvarReader_float2")
        reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
        texture = UsdShade.Shader.Define(stage, f"{path}/texture")
        texture.CreateIdAttr("UsdUVTexture")
        texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(f"texture_{number}.jpg")
        texture.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set("sRGB")
        texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
            reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
        )
        diffuse.ConnectToSource(texture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3))
    material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    return material


def read_usdz(data: bytes) -> tuple[Any, Any]:
    """Places (n, 3) and faces (m, 3) of all meshes in it."""
    from pxr import Usd, UsdGeom

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.usdz"
        file.write_bytes(data)
        stage = Usd.Stage.Open(str(file))
        vertices, faces, count = [], [], 0
        for prim in stage.Traverse():
            if prim.IsA(UsdGeom.Mesh):
                mesh = UsdGeom.Mesh(prim)
                points = np.array(mesh.GetPointsAttr().Get(), np.float64)
                faces.append(np.array(mesh.GetFaceVertexIndicesAttr().Get(), np.int64).reshape(-1, 3) + count)
                vertices.append(points)
                count += len(points)
        del stage
    return np.concatenate(vertices), np.concatenate(faces)
