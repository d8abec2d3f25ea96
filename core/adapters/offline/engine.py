"""Picture in, GLB out: the built-in engine as one pure function."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.adapters.offline import LABEL
from core.adapters.offline.cutout import cut_out
from core.adapters.offline.glb_writer import write_glb
from core.adapters.offline.mesh import Mesh
from core.adapters.offline.relief import relief
from core.adapters.offline.solid import NoSolid, inflated

log = logging.getLogger(__name__)
HONESTY = "A small network cut the object out of one picture; its depth and its back are guessed."
WORK_SIDE_PX = 2048  # the outline's precision; larger pictures gain nothing
TEXTURE_PX = 1024
DEFAULT_FACES = 50_000
LEAST_FACES = 100


def make_model(
    image: bytes,
    *,
    name: str,
    face_limit: int | None = None,
    texture: bool = True,
    report: Callable[[int], None] = lambda percent: None,
) -> bytes:
    """A GLB of the picture: a solid when an object stands out, else a framed relief.

    Args:
        image: JPEG or PNG, as `core.imaging.picture.prepare` makes it.
        face_limit: at most this many triangles, at least LEAST_FACES.
        report: is told the progress in percent.
    """
    report(5)
    rgb, alpha = _decoded(image)
    report(15)
    limit = max(LEAST_FACES, face_limit or DEFAULT_FACES)
    mesh = _mesh(rgb, alpha, limit, report)
    report(85)
    extras = {"engine": LABEL, "kind": mesh.kind, "note": HONESTY}
    return write_glb(mesh, name=name, generator=f"Maquette, {LABEL}", extras=extras, has_texture=texture)


def _mesh(rgb: NDArray[Any], alpha: NDArray[Any] | None, face_limit: int, report: Callable[[int], None]) -> Mesh:
    try:
        cutout = cut_out(rgb, alpha)
        report(50)
        if cutout is not None:
            return inflated(rgb, cutout.mask, face_limit=face_limit, texture_px=TEXTURE_PX)
    except NoSolid as exc:
        log.info("No solid could be made (%s); it becomes a relief.", exc)
    except Exception:  # whatever a filter, a solver or the network stumbles over: a relief can always be made
        log.exception("No solid could be made; it becomes a relief.")
    return relief(rgb, face_limit=face_limit, texture_px=TEXTURE_PX)


def _decoded(image: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """RGB (h, w, 3) and transparency (h, w) 0…1, or None; at most WORK_SIDE_PX a side.

    Transparent parts get the colour of the nearest visible ones, which is what a texture needs at its rim.
    """
    with Image.open(io.BytesIO(image), formats=("JPEG", "PNG")) as opened:
        if opened.format == "JPEG":
            opened.draft("RGB", (WORK_SIDE_PX, WORK_SIDE_PX))
        picture = opened.convert("RGBA" if opened.mode == "RGBA" else "RGB")
    picture.thumbnail((WORK_SIDE_PX, WORK_SIDE_PX), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture)
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels), None
    alpha = pixels[..., 3].astype(np.float32) / 255
    rgb = np.ascontiguousarray(pixels[..., :3])
    if (alpha < 0.5).any() and (alpha >= 0.5).any():
        white = np.full_like(rgb, 255)
        weight = cv2.merge([alpha] * 3)
        rgb = np.where(weight >= 0.5, rgb, (rgb * weight + white * (1 - weight)).astype(np.uint8))
    return rgb, alpha
