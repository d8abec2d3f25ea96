"""Other files that a finished model can become."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.mesh_report import HeaderFacts


class Format(StrEnum):
    """Kinds of files; the value is the ending people know."""

    GLB = "glb"
    OBJ = "obj"
    STL = "stl"
    PLY = "ply"
    THREE_MF = "3mf"
    USDZ = "usdz"


class Compression(StrEnum):
    """How the geometry inside a GLB is packed."""

    NONE = "none"
    DRACO = "draco"
    MESHOPT = "meshopt"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatFacts:
    """What people read about a format.

    Attributes:
        ending: of the file that is downloaded; OBJ comes as a zip with its materials.
    """

    label: str
    use: str
    media_type: str
    ending: str


FORMATS = {
    Format.GLB: FormatFacts(
        label="GLB", use="Blender, games, the web, PowerPoint", media_type="model/gltf-binary", ending="glb"
    ),
    Format.OBJ: FormatFacts(
        label="OBJ with textures (zip)", use="almost any 3D program", media_type="application/zip", ending="obj.zip"
    ),
    Format.STL: FormatFacts(label="STL", use="3D printing, without colour", media_type="model/stl", ending="stl"),
    Format.PLY: FormatFacts(
        label="PLY",
        use="scanning programs, with a colour for each point",
        media_type="application/octet-stream",
        ending="ply",
    ),
    Format.THREE_MF: FormatFacts(
        label="3MF", use="3D printing, with its size in millimetres", media_type="model/3mf", ending="3mf"
    ),
    Format.USDZ: FormatFacts(label="USDZ", use="AR on iPhone and iPad", media_type="model/vnd.usdz+zip", ending="usdz"),
}
PRINTED = frozenset({Format.STL, Format.THREE_MF})  # millimetres, Z up, standing on the ground
LEAST_FACES, LEAST_HEIGHT_MM, MOST_HEIGHT_MM = 100, 1.0, 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOrder:
    """What a person asked for.

    Attributes:
        faces: at most this many; None keeps all.
        height_mm: of the printed object; for STL and 3MF only.
        compression: for GLB only.
    """

    format: Format
    faces: int | None = None
    height_mm: float = 100.0
    compression: Compression = Compression.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFacts:
    """What an export was found to hold when it was read again."""

    size_bytes: int
    face_count: int
    is_watertight: bool
    extents: tuple[float, float, float]


def size_note(is_known: bool, order: ExportOrder) -> str:
    """A sentence where the lengths in a file are not the object's; one for printing has the size that was asked for."""
    if is_known or order.format in PRINTED:
        return ""
    return "The real size is not known: only the proportions in this file count."


def what_is_lost(header: HeaderFacts, order: ExportOrder) -> str:
    """A sentence for people about what of the model's movement the file will not hold; empty when it holds all."""
    is_whole = order.format is Format.GLB and (order.faces is None or order.faces >= header.face_count)
    if is_whole or not (header.animation_count or header.skin_count):
        return ""
    found = [
        f"{count:,} {word}" + ("s" if count > 1 else "")
        for count, word in ((header.animation_count, "animation"), (header.skin_count, "skeleton"))
        if count
    ]
    return f"Without its {' and '.join(found)}: this file holds the model at rest. GLB with all faces keeps them."
