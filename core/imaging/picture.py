"""Check a picture, and make it upright, plain and small enough: for whoever receives pictures from people."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pillow_heif
from PIL import (  # noqa: F401  (Pillow knows only the formats that were imported)
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from core.domain.errors import PictureRefused
from core.domain.picture import MOST_STORED_BYTES, Picture

log = logging.getLogger(__name__)
MAX_SIDE_PX = 4096  # more detail than any generator uses; keeps memory and uploads small
JPEG_QUALITY = 92
FAINTEST = 4  # of 255: transparency that no screen shows
RESIZABLE = ("RGB", "RGBA", "CMYK", "L")  # modes whose values can be averaged
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "HEIF")  # phones' MPO files open as JPEG
ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC"
OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"%pdf", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<html", "a web page"),
    (b"<!doctype html", "a web page"),
    (b"ftypavif", "an AVIF picture"),
    (b"ftyp", "a video"),
    (b"\x1ae\xdf\xa3", "a video"),
    (b"avi list", "a video"),
    (b"8bps", "a Photoshop document"),
    (b"gltf", "a 3D model"),
    (b"pk\x03\x04", "a ZIP archive or an office document"),
)

pillow_heif.register_heif_opener(thumbnails=False)  # only teaches Pillow the format; opens and starts nothing
Image.MAX_IMAGE_PIXELS = None  # our own limit is lower, and checked from the header with a sentence of its own


def prepare(
    data: bytes,
    *,
    max_bytes: int,
    max_pixels: int = 64_000_000,
    min_side_px: int = 64,
    most_stored_bytes: int = MOST_STORED_BYTES,
) -> Picture:
    """Judge a picture by its content and write it anew.

    Args:
        most_stored_bytes: what the result may have; where it would have more, its sides become smaller.

    Raises: PictureRefused, with its own sentence and code for each reason.
    """
    _check_size(data, max_bytes)
    with _decoding():
        with _open(data) as image:
            _check_sides(image, max_pixels=max_pixels, min_side_px=min_side_px)
            source_format = image.format or "unknown"
            upright = _upright(image)
        return _written(upright, source_format, most_stored_bytes)


def thumbnail(data: bytes, *, side_px: int) -> bytes:
    """A small version of a picture that `prepare` made, in the same format; at most `side_px` a side.

    Raises: PictureRefused, when the stored file was damaged since.
    """
    with _decoding(), Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
        kind = image.format or "JPEG"
        image.draft("RGB", (side_px, side_px))  # decodes a JPEG at a fraction of its size
        image.thumbnail((side_px, side_px))
        out = io.BytesIO()
        image.save(out, kind, quality=80)
        return out.getvalue()


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever decoders stumble over becomes a refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is thrown away
            yield
    except PictureRefused:
        raise
    except MemoryError as exc:
        raise PictureRefused(
            "The picture needs more memory than there is. Use a smaller one.", code="too_heavy"
        ) from exc
    except Exception as exc:  # decoders raise every kind of error on broken files
        raise PictureRefused(
            "The picture is damaged or cut short, so it cannot be read. Save or send it again.", code="broken"
        ) from exc


def _check_size(data: bytes, max_bytes: int) -> None:
    if not data:
        raise PictureRefused("The file is empty. Choose the picture again.", code="empty")
    if len(data) > max_bytes:
        raise PictureRefused(
            f"The picture has {len(data) / 2**20:.1f} MB; at most {max_bytes / 2**20:.0f} MB are possible. "
            "Use a smaller one.",
            code="too_large",
        )


def _open(data: bytes) -> ImageFile.ImageFile:
    """The picture with only its header read."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as exc:
        kind = _other_kind(data)
        what = f"This is {kind}, which cannot be used" if kind else "This file is not a picture that can be read"
        raise PictureRefused(f"{what}. Use {ACCEPTED}.", code="not_a_picture") from exc


def _other_kind(data: bytes) -> str | None:
    start = data[:512].lower()
    return next((words for mark, words in OTHER_KINDS if mark in start), None)


def _check_sides(image: Image.Image, *, max_pixels: int, min_side_px: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise PictureRefused(
            f"The picture has {width:,} × {height:,} pixels; at most {max_pixels // 1_000_000} megapixels are "
            "possible. Use a smaller one.",
            code="too_many_pixels",
        )
    if min(width, height) < min_side_px:
        raise PictureRefused(
            f"The picture has only {width} × {height} pixels; each side needs at least {min_side_px}. "
            "Use a larger one.",
            code="too_few_pixels",
        )
    if min(width, height) * MAX_SIDE_PX < min_side_px * max(width, height) and max(width, height) > MAX_SIDE_PX:
        raise PictureRefused(
            f"The picture is a strip of {width:,} × {height:,} pixels. Cut out the part that shows the object.",
            code="too_narrow",
        )


def _upright(image: ImageFile.ImageFile) -> Image.Image:
    """Decoded, turned as its EXIF says, in sRGB, at most MAX_SIDE_PX a side; mode RGB or RGBA."""
    if image.format in ("JPEG", "MPO") and max(image.size) > 2 * MAX_SIDE_PX:
        image.draft("RGB", (MAX_SIDE_PX, MAX_SIDE_PX))
    image.load()
    if image.mode in RESIZABLE and "transparency" not in image.info:
        _shrink(image)  # before anything copies it: 64 megapixels take 256 MB
    turned = ImageOps.exif_transpose(image)
    plain = _without_profile(_eight_bits(turned))
    if plain.mode == "RGBA":
        bounds: Any = plain.getchannel("A").getextrema()
        lowest, highest = bounds
        if highest <= FAINTEST:
            raise PictureRefused("The picture is fully transparent: there is nothing to see in it.", code="transparent")
        if lowest >= 255 - FAINTEST:
            plain = plain.convert("RGB")
    _shrink(plain)
    return plain


def _shrink(image: Image.Image) -> None:
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB, RGBA, CMYK or L with eight bits a channel; 16-bit grey is scaled by its own range."""
    if image.mode.startswith("I") or image.mode == "F":
        extremes: Any = image.convert("F").getextrema()
        low, high = extremes
        scale = 255.0 / max(high - low, 1e-6)
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
    if image.mode in ("LA", "PA", "La", "RGBa") or (image.mode != "RGBA" and "transparency" in image.info):
        return image.convert("RGBA")
    if image.mode in ("RGB", "RGBA", "CMYK", "L"):
        return image
    return image.convert("RGB")


def _without_profile(image: Image.Image) -> Image.Image:
    """The colours as sRGB; a profile that cannot be read is ignored."""
    profile = image.info.get("icc_profile")
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image if image.mode == target else image.convert(target)


def _written(image: Image.Image, source_format: str, most_bytes: int) -> Picture:
    """As JPEG, or as PNG where there is transparency; with smaller sides where it would have too many bytes.

    No WebP: Tripo's pages disagree whether it is taken, and buckets that people have take only these two.
    """
    image.info.clear()  # Pillow would write comments and resolutions it finds here
    data = _encoded(image)
    while len(data) > most_bytes:
        share = min(0.9, math.sqrt(most_bytes / len(data)) * 0.97)  # bytes grow with the area; a little less is safe
        size = max(1, round(image.width * share)), max(1, round(image.height * share))
        log.info("%s × %s pixels would have %s bytes; they become %s × %s", *image.size, len(data), *size)
        image = image.resize(size, Image.Resampling.LANCZOS)
        data = _encoded(image)
    return Picture(
        data=data,
        media_type="image/png" if image.mode == "RGBA" else "image/jpeg",
        width_px=image.width,
        height_px=image.height,
        source_format=source_format,
    )


def _encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    if image.mode == "RGBA":
        image.save(out, "PNG", compress_level=3)
    else:
        image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()
