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

from core.generators.offline.coin import coin
from core.generators.offline.cutout import cut_out
from core.generators.offline.declaration import LABEL
from core.generators.offline.glb_writer import write_glb
from core.generators.offline.lithophane import lithophane
from core.generators.offline.mesh import Mesh, at_height
from core.generators.offline.profile import profile_of
from core.generators.offline.rear import laid_over
from core.generators.offline.relief import relief
from core.generators.offline.solid import NoSolid, inflated
from core.generators.offline.trim import trimmed, without_gaps

Pixels = NDArray[Any]
log = logging.getLogger(__name__)
NOTES = {
    "solid": "A small network cut the object out of one picture; its depth and its back are guessed.",
    "relief": "No object was cut out; the picture's brightness became height.",
    "lithophane": "The picture's darkness became thickness, for printing and holding against the light.",
    "coin": "The picture's object was embossed on a disc; its heights are guessed.",
}
NO_OBJECT = {
    "relief": "No object was found in the picture. The whole picture was made into a relief instead.",
    "coin": "No object was found in the picture. The whole picture was embossed on a disc instead.",
}
NO_SOLID = "No solid could be made of the object in the picture. The whole picture was made into a relief instead."
STYLES = ("auto", "solid", "relief", "lithophane", "coin")
LEAST_HEIGHT_M, MOST_HEIGHT_M = 0.001, 1000.0  # beyond, single precision and viewers get into trouble
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
    style: str = "auto",
    height_m: float | None = None,
    back: bytes | None = None,
    report: Callable[[int], None] = lambda percent: None,
) -> bytes:
    """A GLB of the picture. Raises: ValueError, when an option has no meaning.

    Args:
        image: JPEG or PNG, as `core.imaging.picture.prepare` makes it.
        face_limit: at most this many triangles, at least LEAST_FACES.
        style: one of STYLES; "auto" makes a solid when an object stands out, else a framed relief.
        height_m: metres, the real height of the object: the model's extent in Y. None: its longest side is 1.
        back: a second picture like `image`, of the object's back; only solids show it.
        report: is told the progress in percent.
    """
    if style not in STYLES:
        raise ValueError(f"no style is called {style!r}; use one of {', '.join(STYLES)}")
    if height_m is not None and not LEAST_HEIGHT_M <= height_m <= MOST_HEIGHT_M:
        raise ValueError(f"a height of {height_m} m cannot be made; use {LEAST_HEIGHT_M} to {MOST_HEIGHT_M:.0f} m")
    report(5)
    rgb, alpha = _decoded(image)
    behind = None if back is None else _decoded(back)
    report(15)
    limit = max(LEAST_FACES, face_limit or DEFAULT_FACES)
    note, is_found = "", True
    if style == "relief":
        mesh = relief(rgb, face_limit=limit, texture_px=TEXTURE_PX)
    elif style == "lithophane":
        mesh = lithophane(rgb, face_limit=limit)
    elif style == "coin":
        mask = _mask_for_coin(rgb, alpha)
        mesh, is_found = coin(rgb, mask, face_limit=limit, texture_px=TEXTURE_PX), mask is not None
    else:
        made, note = _solid(rgb, alpha, behind, limit, style == "solid", report)
        is_found = made is not None or note == NO_SOLID
        mesh = relief(rgb, face_limit=limit, texture_px=TEXTURE_PX) if made is None else made
    report(85)
    if height_m is not None:
        mesh = at_height(mesh, height_m)
    note = note or (NOTES if is_found else NO_OBJECT)[mesh.kind]
    extras = {"engine": LABEL, "kind": mesh.kind, "note": note} | ({} if is_found else {"object": "none"})
    return write_glb(mesh, name=name, generator=f"Maquette, {LABEL}", extras=extras, has_texture=texture)


def _solid(
    rgb: Pixels,
    alpha: Pixels | None,
    behind: tuple[Pixels, Pixels | None] | None,
    face_limit: int,
    is_forced: bool,
    report: Callable[[int], None],
) -> tuple[Mesh | None, str]:
    """None when there is none, and then why: a relief can always be made."""
    try:
        cutout = cut_out(rgb, alpha, is_forced=is_forced)
        report(50)
        if cutout is None:
            return None, NO_OBJECT["relief"]
        mask = trimmed(cutout.mask)
        made = inflated(
            without_gaps(rgb, cutout.mask, mask),
            mask,
            face_limit=face_limit,
            texture_px=TEXTURE_PX,
            profile=profile_of(rgb, mask),
            back=None if behind is None else _rear(behind, mask),
        )
    except NoSolid as exc:
        log.info("No solid could be made (%s); it becomes a relief.", exc)
    except Exception:  # whatever a filter, a solver or the network stumbles over: a relief can always be made
        log.exception("No solid could be made; it becomes a relief.")
    else:
        return made, NOTES[made.kind]
    return None, NO_SOLID


def _rear(behind: tuple[Pixels, Pixels | None], mask: Pixels) -> Pixels | None:
    """None when the picture of the back cannot be used: then the back is guessed."""
    try:
        cutout = cut_out(*behind)
        return laid_over(behind[0], None if cutout is None else cutout.mask, mask)
    except Exception:  # as above: the front is good
        log.exception("The picture of the back could not be used; the back is guessed.")
        return None


def _mask_for_coin(rgb: Pixels, alpha: Pixels | None) -> Pixels | None:
    """The object to emboss; None for the whole picture."""
    try:
        cutout = cut_out(rgb, alpha)
    except Exception:  # as above: a coin can always be struck
        log.exception("Nothing could be cut out; the whole picture is embossed.")
        return None
    return None if cutout is None or not (cutout.mask > 0.5).any() else cutout.mask


def _decoded(image: bytes) -> tuple[Pixels, Pixels | None]:
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
