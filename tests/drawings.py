"""Drawn pictures of things of many shapes, for the tests and the contact sheet of the built-in engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tests.pictures import VARIED, encoded

SIDE_PX = 640
Colour = tuple[int, int, int]


def playing_card() -> bytes:
    """The five of hearts, a little tilted, on green."""
    card = Image.new("RGBA", (SIDE_PX, SIDE_PX), (0, 0, 0, 0))
    draw = ImageDraw.Draw(card)
    draw.rounded_rectangle((180, 110, 460, 530), radius=22, fill=(250, 248, 244, 255), outline=(120, 120, 120, 255))
    for x, y in ((240, 190), (400, 190), (320, 320), (240, 450), (400, 450)):
        _heart(draw, x, y, 34)
    draw.text((196, 122), "5", fill=(190, 20, 40, 255), font_size=34)
    return _on(card.rotate(4, Image.Resampling.BICUBIC), (40, 110, 70))


def coin() -> bytes:
    """A golden coin with a rim and a number, lit flatly."""
    picture, draw = _page()
    draw.ellipse((100, 100, 540, 540), fill=(205, 165, 70), outline=(150, 110, 40), width=4)
    draw.ellipse((130, 130, 510, 510), outline=(160, 120, 45), width=8)
    draw.text((320, 320), "10", fill=(140, 100, 35), font_size=190, anchor="mm")
    return encoded(picture, "PNG")


def plate() -> bytes:
    """A plate seen from above: blue rim, flat colours."""
    picture, draw = _page((236, 222, 200))
    draw.ellipse((70, 70, 570, 570), fill=(245, 247, 250), outline=(60, 90, 160), width=26)
    draw.ellipse((180, 180, 460, 460), outline=(170, 185, 215), width=6)
    return encoded(picture, "PNG")


def logo() -> bytes:
    """Two flat shapes that hang together, with a hole."""
    picture, draw = _page()
    draw.polygon([(320, 60), (580, 540), (60, 540)], fill=(230, 90, 40))
    draw.ellipse((230, 300, 410, 480), fill="white")
    draw.rectangle((250, 520, 390, 600), fill=(30, 60, 140))
    return encoded(picture, "PNG")


def sign() -> bytes:
    """An octagonal road sign with lettering."""
    picture, draw = _page((150, 190, 225))
    draw.regular_polygon((320, 320, 270), 8, rotation=22, fill=(190, 25, 30), outline=(255, 255, 255))
    draw.text((320, 320), "STOP", fill="white", font_size=150, anchor="mm")
    return encoded(picture, "PNG")


def book() -> bytes:
    """A book cover."""
    picture, draw = _page()
    draw.rectangle((150, 60, 490, 580), fill=(25, 70, 90))
    draw.rectangle((180, 95, 460, 250), outline=(230, 200, 120), width=5)
    draw.text((320, 170), "The Whale", fill=(230, 200, 120), font_size=50, anchor="mm")
    draw.pieslice((200, 330, 440, 560), 180, 360, fill=(225, 230, 235))
    return encoded(picture, "PNG")


def ball() -> bytes:
    """A red ball with its light and its shade."""
    return encoded(_shaded_ball((200, 40, 30)), "PNG")


def mug() -> bytes:
    """A striped mug with an open handle, on white."""
    picture, draw = _page()
    draw.ellipse((390, 220, 570, 440), outline=(40, 120, 150), width=36)
    draw.rounded_rectangle((130, 140, 440, 540), radius=30, fill=(40, 120, 150))
    draw.rectangle((130, 300, 440, 350), fill=(240, 200, 60))
    return encoded(_lit(picture, 285, 200), "PNG")


def tower() -> bytes:
    """A lattice tower, thin at the top."""
    picture, draw = _page((205, 225, 245))
    draw.polygon([(314, 40), (326, 40), (350, 300), (400, 600), (240, 600), (290, 300)], fill=(90, 70, 60))
    draw.polygon([(320, 420), (352, 600), (288, 600)], fill=(205, 225, 245))
    for y in (200, 300, 400):
        draw.rectangle((320 - y // 6, y, 320 + y // 6, y + 14), fill=(70, 55, 45))
    return encoded(picture, "PNG")


def chair() -> bytes:
    """A chair with thin legs."""
    picture, draw = _page()
    draw.rectangle((210, 80, 430, 120), fill=(150, 90, 45))
    for x in (210, 270, 350, 410):
        draw.rectangle((x, 100, x + 20, 360), fill=(160, 98, 50))
    draw.polygon([(190, 340), (450, 340), (480, 400), (160, 400)], fill=(185, 120, 65))
    for x in (170, 225, 400, 450):
        draw.rectangle((x, 395, x + 20, 600 if x in (170, 450) else 560), fill=(140, 85, 40))
    return encoded(picture, "PNG")


def furry() -> bytes:
    """A ball of fur with eyes: its outline is all hairs."""
    chance = np.random.default_rng(3)
    picture, draw = _page((228, 232, 236))
    for angle, reach in zip(chance.uniform(0, 2 * np.pi, 5000), chance.uniform(0.5, 1.0, 5000), strict=True):
        direction = np.array((np.cos(angle), np.sin(angle)))
        root = direction * chance.uniform(0, 170) + 320
        tip = root + direction * 75 * reach + chance.normal(0, 10, 2)
        shade = int(chance.integers(-35, 35))
        draw.line([*root, *tip], fill=(150 + shade, 105 + shade, 60 + shade), width=3)
    for x in (265, 375):
        draw.ellipse((x - 22, 270, x + 22, 314), fill=(20, 15, 10))
        draw.ellipse((x - 4, 276, x + 8, 288), fill="white")
    draw.ellipse((300, 340, 340, 366), fill=(60, 30, 30))
    return encoded(picture, "JPEG", quality=90)


def toy() -> bytes:
    """A shaded wooden duck on wheels with a soft shadow on a grey table."""
    picture, draw = _page((214, 212, 208))
    shadow = Image.new("L", picture.size, 0)
    ImageDraw.Draw(shadow).ellipse((120, 520, 560, 600), fill=110)
    picture.paste((60, 60, 62), mask=shadow.filter(ImageFilter.GaussianBlur(18)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((130, 260, 500, 500), fill=(245, 200, 50))
    draw.ellipse((370, 110, 540, 290), fill=(245, 205, 60))
    draw.polygon([(525, 190), (600, 215), (525, 240)], fill=(235, 110, 30))
    draw.ellipse((455, 165, 485, 195), fill=(25, 25, 25))
    draw.ellipse((200, 320, 380, 440), fill=(230, 180, 40))
    for x in (190, 360):
        draw.ellipse((x, 460, x + 110, 570), fill=(190, 40, 40))
        draw.ellipse((x + 40, 500, x + 70, 530), fill=(245, 235, 220))
    return encoded(_lit(picture, 320, 330, 0.25), "JPEG", quality=92)


def ginger_cat() -> bytes:
    """A sitting cat, drawn with stripes."""
    picture, draw = _page((196, 214, 220))
    draw.ellipse((200, 280, 440, 600), fill=(215, 135, 60))
    draw.arc((380, 420, 560, 600), 200, 80, fill=(205, 120, 50), width=30)
    draw.ellipse((215, 110, 425, 310), fill=(225, 145, 70))
    for left in (225, 345):
        draw.polygon([(left, 160), (left + 20, 60), (left + 75, 125)], fill=(215, 130, 60))
    for y in (340, 390, 440):
        draw.arc((215, y - 30, 425, y + 30), 20, 160, fill=(165, 90, 35), width=14)
    for x in (280, 360):
        draw.ellipse((x - 18, 180, x + 18, 216), fill=(60, 110, 50))
        draw.ellipse((x - 6, 182, x + 6, 214), fill=(10, 10, 10))
    draw.polygon([(308, 232), (332, 232), (320, 248)], fill=(200, 90, 90))
    return encoded(_lit(picture, 320, 330, 0.25), "PNG")


def stick_figure() -> bytes:
    """A child's drawing: lines and a round head."""
    picture, draw = _page()
    draw.ellipse((250, 60, 390, 200), outline=(20, 20, 20), width=9)
    for line in (
        [(320, 200), (320, 420)],
        [(200, 280), (440, 280)],
        [(320, 420), (230, 600)],
        [(320, 420), (410, 600)],
    ):
        draw.line(line, fill=(20, 20, 20), width=10)
    return encoded(picture, "PNG")


def lettering() -> bytes:
    """A word."""
    picture, draw = _page()
    draw.text((320, 320), "Maquette", fill=(40, 40, 90), font_size=140, anchor="mm")
    return encoded(picture, "PNG")


def transparent_star() -> bytes:
    """A star with a soft edge, cut out."""
    picture = Image.new("RGBA", (SIDE_PX, SIDE_PX), (0, 0, 0, 0))
    points = [(320 + r * np.sin(k * np.pi / 5), 330 - r * np.cos(k * np.pi / 5)) for k, r in enumerate([290, 120] * 5)]
    ImageDraw.Draw(picture).polygon(points, fill=(250, 200, 30, 255))
    return encoded(picture.filter(ImageFilter.GaussianBlur(2)), "PNG")


def apple_with_shadow() -> bytes:
    """A shaded apple with a hard cast shadow on a white table."""
    ball = np.asarray(_shaded_ball((120, 170, 40)).resize((440, 440)))
    picture, draw = _page((246, 246, 246))
    draw.ellipse((200, 470, 620, 560), fill=(178, 178, 182))
    mask = Image.new("L", (440, 440), 0)
    ImageDraw.Draw(mask).ellipse((69, 69, 371, 371), fill=255)
    picture.paste(Image.fromarray(ball), (80, 130), mask)
    draw.line([(300, 210), (318, 150)], fill=(90, 60, 30), width=14)
    return encoded(picture, "JPEG", quality=92)


def photo(name: str) -> Callable[[], bytes]:
    """One of the real photographs in scikit-image's wheel."""
    return lambda: encoded(Image.fromarray(getattr(skimage.data, name)()).convert("RGB"), "JPEG")


DRAWN: dict[str, Callable[[], bytes]] = {
    "playing card": playing_card,
    "coin": coin,
    "plate": plate,
    "logo": logo,
    "road sign": sign,
    "book": book,
    "ball": ball,
    "mug": mug,
    "tower": tower,
    "chair": chair,
    "furry": furry,
    "toy with shadow": toy,
    "ginger cat": ginger_cat,
    "stick figure": stick_figure,
    "lettering": lettering,
    "transparent star": transparent_star,
    "apple with shadow": apple_with_shadow,
}
PHOTOS: dict[str, Callable[[], bytes]] = {
    "cat": VARIED["cat"],
    "portrait": VARIED["portrait"],
    "coffee": photo("coffee"),
    "rocket": photo("rocket"),
    "coins": photo("coins"),
    "camera man": photo("camera"),
}


def _page(colour: Colour = (255, 255, 255)) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), colour)
    return picture, ImageDraw.Draw(picture)


def _on(cut_out: Image.Image, colour: Colour) -> bytes:
    picture = Image.new("RGB", cut_out.size, colour)
    picture.paste(cut_out, mask=cut_out.getchannel("A"))
    return encoded(picture, "PNG")


def _heart(draw: ImageDraw.ImageDraw, x: int, y: int, size: int) -> None:
    red = (200, 20, 40, 255)
    half = size // 2
    draw.ellipse((x - size, y - size, x, y), fill=red)
    draw.ellipse((x, y - size, x + size, y), fill=red)
    draw.polygon([(x - size + 4, y - half + 8), (x + size - 4, y - half + 8), (x, y + size)], fill=red)


def _lit(picture: Image.Image, x_px: int, y_px: int, strength: float = 0.4) -> Image.Image:
    """Brighter in the middle of the object than at its sides; the page keeps its colour."""
    pixels = np.asarray(picture).astype(np.float32)
    page = pixels[2, 2]
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    light: NDArray[Any] = 1.12 - strength * np.clip(np.hypot(x - x_px, (y - y_px) * 0.6) / 170, 0, 1.6)
    is_page = np.abs(pixels - page).max(-1) < 1
    lit = np.where(is_page[..., None], pixels, pixels * light[..., None])
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def _shaded_ball(colour: Colour) -> Image.Image:
    y, x = (np.mgrid[:SIDE_PX, :SIDE_PX] + 0.5 - SIDE_PX / 2) / 220
    inside = x**2 + y**2 < 1
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    light = np.clip(0.25 + 0.8 * (-0.4 * x - 0.6 * y + 0.7 * z), 0.15, 1.2)[..., None]
    pixels = np.where(inside[..., None], np.array(colour) * light, 250.0)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
