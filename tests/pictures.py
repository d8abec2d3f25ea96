"""Pictures for tests: real photographs that scikit-image carries in its wheel, and drawn ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageDraw

UPRIGHT, TURN_RIGHT = 1, 6  # EXIF orientations


def portrait() -> bytes:
    """A real portrait: NASA's photograph of Eileen Collins."""
    return encoded(Image.fromarray(skimage.data.astronaut()), "JPEG")


def product_on_white() -> bytes:
    """A drawn cup with shading on white, with a soft shadow below."""
    y, x = np.mgrid[0:768, 0:768] / 768
    picture = np.full((768, 768, 3), 252.0)
    shadow = np.clip(1 - np.hypot((x - 0.5) / 0.3, (y - 0.8) / 0.05), 0, 1)[..., None]
    picture -= shadow * 60
    body = (np.abs(x - 0.48) < 0.2) & (y > 0.3) & (y < 0.8)
    ring = np.hypot((x - 0.7) / 0.9, y - 0.52)
    handle = (ring < 0.13) & (ring > 0.085) & (x > 0.67)
    light = 0.55 + 0.45 * np.cos((x - 0.4) * 6)[..., None]
    picture = np.where((body | handle)[..., None], np.array([40.0, 110.0, 170.0]) * light, picture)
    return encoded(Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)), "PNG")


def with_alpha() -> bytes:
    """An animal's outline, cut out: transparent around it."""
    size = 600
    alpha = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(alpha)
    draw.ellipse((110, 230, 450, 410), fill=255)
    draw.ellipse((400, 110, 540, 230), fill=255)
    draw.polygon([(380, 260), (430, 140), (510, 170), (460, 320)], fill=255)
    for left in (140, 195, 350, 400):
        draw.rounded_rectangle((left, 350, left + 38, 530), radius=18, fill=255)
    grain = np.random.default_rng(5).normal(0, 12, (size, size, 1))
    fur = Image.fromarray(np.clip(np.array((140.0, 95.0, 60.0)) + grain, 0, 255).astype(np.uint8))
    fur.putalpha(alpha)
    return encoded(fur, "PNG")


def dark_and_cluttered() -> bytes:
    """A real photograph of a motorcycle in a full garage, darkened."""
    photo = Image.fromarray(skimage.data.stereo_motorcycle()[0])
    return encoded(photo.point(lambda value: int(value * 0.35)), "JPEG")


def line_art() -> bytes:
    """A face drawn with thin lines."""
    picture = Image.new("RGB", (700, 600), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((180, 90, 520, 430), outline="black", width=7)
    for left in (270, 390):
        draw.ellipse((left, 200, left + 35, 250), outline="black", width=5)
    draw.arc((260, 230, 440, 370), 20, 160, fill="black", width=6)
    draw.line([(190, 210), (120, 90), (250, 130)], fill="black", width=6)
    return encoded(picture, "PNG")


def phone_photo() -> bytes:
    """A real photograph as a phone stores it: 4000 × 3000, lying on its side, with EXIF and a place."""
    photo = Image.fromarray(skimage.data.coffee()).resize((4000, 3000), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = TURN_RIGHT
    exif[0x010F] = "A phone"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    return encoded(photo, "JPEG", quality=88, exif=exif)


def cat() -> bytes:
    """A real photograph of a cat's face, cut by the picture's edges."""
    return encoded(Image.fromarray(skimage.data.chelsea()), "JPEG")


def nothing_in_it() -> bytes:
    """Noise: there is no object to cut out."""
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), "PNG")


def flat() -> bytes:
    """One colour."""
    return encoded(Image.new("RGB", (300, 200), (120, 130, 140)), "PNG")


VARIED: dict[str, Callable[[], bytes]] = {
    "product on white": product_on_white,
    "portrait": portrait,
    "with alpha": with_alpha,
    "dark and cluttered": dark_and_cluttered,
    "line art": line_art,
    "phone photo": phone_photo,
    "cat": cat,
    "noise": nothing_in_it,
    "one colour": flat,
}


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()
