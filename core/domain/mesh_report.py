"""What is known of a finished model: its figures, and what it is good for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Light(StrEnum):
    """As on a traffic light."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Use(StrEnum):
    """What people want a model for."""

    WEB = "web"
    GAMES = "games"
    AR = "ar"
    PRINT = "print"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a model is fit for one use.

    Attributes:
        reason: a sentence with the figure that decides.
        remedy: what would mend it; empty when nothing needs to.
    """

    use: Use
    light: Light
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureFacts:
    """One picture inside the file.

    Attributes:
        channels: what it is used for, such as "base colour", "normal".
    """

    width_px: int
    height_px: int
    size_bytes: int
    media_type: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderFacts:
    """What the description inside a GLB says; instances are counted as often as they are shown.

    Attributes:
        placed_count: how many parts are drawn, those of a mesh that is shown twice counted twice.
        bounds_m: lower and upper corner in metres, or None when the file does not tell, as where bones move points.
        note: what the built-in engine says of how it made the model; empty for files of others.
        has_no_object: it found no object in the picture, and made something of the whole picture instead.
        geometry_bytes, texture_bytes: how the file splits; the rest is the description.
    """

    file_bytes: int
    geometry_bytes: int
    texture_bytes: int
    face_count: int
    vertex_count: int
    mesh_count: int
    placed_count: int
    material_count: int
    node_count: int
    animation_count: int
    skin_count: int
    textures: tuple[TextureFacts, ...]
    bounds_m: tuple[tuple[float, float, float], tuple[float, float, float]] | None
    extensions: tuple[str, ...]
    generator: str
    copyright: str = ""
    note: str = ""
    has_no_object: bool = False
    up_axis: str = "Y"  # always, in glTF 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFacts:
    """What needs the geometry itself, with vertices of the same place taken as one.

    Attributes:
        is_watertight: every edge has two faces.
        has_consistent_winding: neighbours agree which side is outside.
        volume_m3: None unless the surface is closed and consistent.
        body_count: parts that do not touch.
        base_share: part of the outline seen from above that lies flat on the ground, 0 to 1.
        thin_share: part of the surface whose wall is thinner than a hundredth of the largest extent, 0 to 1.
    """

    merged_vertex_count: int
    is_watertight: bool
    has_consistent_winding: bool
    volume_m3: float | None
    area_m2: float
    body_count: int
    degenerate_count: int
    duplicate_count: int
    base_share: float
    thin_share: float | None
    centre_m: tuple[float, float, float]
    extents_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshReport:
    """Everything about one model.

    Attributes:
        problem: why the shape could not be measured.
        is_size_known: the lengths in the file are meant as the object's own; otherwise only their proportions count.
    """

    header: HeaderFacts
    shape: ShapeFacts | None
    problem: str = ""
    is_size_known: bool = False
