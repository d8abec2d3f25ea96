"""Pictures from people: every kind that phones and programs make is taken, everything else gets its own sentence."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import PictureRefused
from core.domain.picture import MOST_STORED_BYTES, Picture
from core.imaging.picture import MAX_SIDE_PX, prepare, thumbnail
from tests import pictures
from tests.pictures import encoded

LIMIT = 20 * 2**20
ORIENTATION, MAKER, GPS, COPYRIGHT = 0x0112, 0x010F, 0x8825, 0x8298


def checked(data: bytes) -> Picture:
    return prepare(data, max_bytes=LIMIT)


def opened(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    return image


def refusal(data: bytes, *, max_bytes: int = LIMIT) -> PictureRefused:
    with pytest.raises(PictureRefused) as caught:
        prepare(data, max_bytes=max_bytes)
    return caught.value


def small_photo(side_px: int = 160) -> Image.Image:
    return Image.open(io.BytesIO(pictures.portrait())).resize((side_px, side_px))


def half_transparent() -> Image.Image:
    photo = small_photo().convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    return photo


def sixteen_bit_grey() -> Image.Image:
    return Image.fromarray(np.arange(200 * 300, dtype=np.uint16).reshape(200, 300))


def png_header(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG that claims to be of this size, whatever it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


OPAQUE: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(small_photo(), "JPEG"),
    "progressive JPEG": lambda: encoded(small_photo(), "JPEG", progressive=True),
    "grey JPEG": lambda: encoded(small_photo().convert("L"), "JPEG"),
    "CMYK JPEG": lambda: encoded(small_photo().convert("CMYK"), "JPEG"),
    "two pictures in one phone file": lambda: encoded(
        small_photo(), "MPO", save_all=True, append_images=[small_photo(80)]
    ),
    "PNG": lambda: encoded(small_photo(), "PNG"),
    "black and white PNG": lambda: encoded(small_photo().convert("1"), "PNG"),
    "palette PNG": lambda: encoded(small_photo().convert("P"), "PNG"),
    "16-bit PNG": lambda: encoded(sixteen_bit_grey(), "PNG"),
    "opaque PNG with alpha": lambda: encoded(small_photo().convert("RGBA"), "PNG"),
    "WebP": lambda: encoded(small_photo(), "WEBP"),
    "BMP": lambda: encoded(small_photo(), "BMP"),
    "TIFF": lambda: encoded(small_photo(), "TIFF", compression="tiff_lzw"),
    "CMYK TIFF": lambda: encoded(small_photo().convert("CMYK"), "TIFF"),
    "floating point TIFF": lambda: encoded(small_photo().convert("L").convert("F"), "TIFF"),
    "GIF": lambda: encoded(small_photo(), "GIF"),
    "animated GIF": lambda: encoded(small_photo(), "GIF", save_all=True, append_images=[small_photo().rotate(90)]),
    "HEIC": lambda: encoded(small_photo(), "HEIF"),
}
TRANSPARENT: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: encoded(half_transparent(), "PNG"),
    "animated PNG": lambda: encoded(half_transparent(), "PNG", save_all=True, append_images=[half_transparent()]),
    "palette PNG": lambda: encoded(Image.linear_gradient("L").convert("P"), "PNG", transparency=7),
    "PNG with one transparent colour": lambda: encoded(Image.linear_gradient("L"), "PNG", transparency=100),
    "grey PNG with alpha": lambda: encoded(half_transparent().convert("LA"), "PNG"),
    "WebP": lambda: encoded(half_transparent(), "WEBP"),
    "TIFF": lambda: encoded(half_transparent(), "TIFF"),
    "HEIC": lambda: encoded(half_transparent(), "HEIF"),
    "GIF": lambda: encoded(Image.linear_gradient("L").convert("P"), "GIF", transparency=7),
}


@pytest.mark.parametrize("kind", OPAQUE)
def test_an_opaque_picture_of_any_kind_becomes_a_plain_jpeg(kind: str) -> None:
    picture = checked(OPAQUE[kind]())

    image = opened(picture)
    assert (picture.media_type, image.format, image.mode) == ("image/jpeg", "JPEG", "RGB")
    assert image.size == (picture.width_px, picture.height_px)
    assert np.asarray(image).std() > 20  # something is to be seen in it


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_a_picture_with_transparent_parts_becomes_a_png_that_keeps_them(kind: str) -> None:
    picture = checked(TRANSPARENT[kind]())

    image = opened(picture)
    assert (picture.media_type, image.format, image.mode) == ("image/png", "PNG", "RGBA")
    assert image.getchannel("A").getextrema()[0] < 10
    assert not getattr(image, "is_animated", False)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_set_upright(orientation: int) -> None:
    marks = np.zeros((80, 120, 3), np.uint8)
    marks[:40, :60] = (255, 0, 0)
    marks[:40, 60:] = (0, 255, 0)
    upright = Image.fromarray(marks)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose: what a camera held like this stores
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = checked(encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0))

    assert (picture.width_px, picture.height_px) == (120, 80)
    assert np.abs(np.asarray(opened(picture)).astype(int) - marks).mean() < 5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF"])
def test_places_names_and_comments_are_removed(kind: str) -> None:
    exif = Image.Exif()
    exif[MAKER], exif[COPYRIGHT] = "Secret Maker", "Secret Owner"
    exif.get_ifd(GPS)[1] = "N"
    options = {"comment": b"Secret comment"} if kind == "JPEG" else {}
    for image in (small_photo(), half_transparent().convert("RGBA")):
        if image.mode == "RGBA" and kind == "JPEG":
            continue
        picture = checked(encoded(image, kind, exif=exif, **options))

        assert b"Secret" not in picture.data
        assert b"Exif" not in picture.data
        assert b"eXIf" not in picture.data
        assert dict(opened(picture).getexif()) == {}


def test_a_phone_photo_comes_out_upright_and_whole() -> None:
    picture = checked(pictures.phone_photo())

    assert (picture.width_px, picture.height_px) == (3000, 4000)
    assert picture.source_format == "JPEG"


def test_a_huge_picture_is_made_smaller_and_keeps_its_shape() -> None:
    picture = checked(encoded(Image.new("RGB", (9000, 3000), (9, 99, 200)), "JPEG"))

    assert (picture.width_px, picture.height_px) == (MAX_SIDE_PX, 1365)


def test_checking_the_same_bytes_twice_gives_the_same_bytes() -> None:
    assert checked(pictures.portrait()) == checked(pictures.portrait())


def noise(mode: str, side_px: int) -> Image.Image:
    """What no format can make small."""
    shape = (side_px, side_px, len(mode))
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8))


@pytest.mark.slow
def test_a_picture_that_grows_when_it_is_written_anew_is_made_smaller_until_it_can_be_stored() -> None:
    """3 MB of WebP with transparency gave 21 MB of PNG, which no bucket took."""
    picture = checked(encoded(noise("RGBA", 2400), "WEBP", quality=20, method=0))

    assert len(picture.data) <= MOST_STORED_BYTES
    assert picture.media_type == "image/png"
    assert opened(picture).size == (picture.width_px, picture.height_px)
    assert 2400 > picture.width_px == picture.height_px > 2000, "and no smaller than it has to be"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_whatever_the_limit_is_the_result_is_below_it(mode: str) -> None:
    data = encoded(noise(mode, 600), "PNG")
    for most in (400_000, 100_000, 20_000):
        picture = prepare(data, max_bytes=LIMIT, most_stored_bytes=most)

        assert len(picture.data) <= most
        assert picture.media_type == ("image/jpeg" if mode == "RGB" else "image/png")
        assert picture.width_px > 40


def test_what_can_be_stored_as_it_is_keeps_its_sides() -> None:
    data = encoded(noise("RGB", 600), "PNG")
    size = len(checked(data).data)

    assert prepare(data, max_bytes=LIMIT, most_stored_bytes=size).width_px == 600


def test_transparency_that_no_screen_shows_makes_no_png() -> None:
    photo = small_photo().convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize(photo.size).point(lambda value: 252 + value // 85))

    assert checked(encoded(photo, "PNG")).media_type == "image/jpeg"


def test_a_thumbnail_of_a_damaged_file_is_a_refusal() -> None:
    with pytest.raises(PictureRefused, match="damaged"):
        thumbnail(pictures.portrait()[:9000], side_px=96)


def test_a_thumbnail_is_small_and_keeps_transparency() -> None:
    small = Image.open(io.BytesIO(thumbnail(checked(pictures.with_alpha()).data, side_px=96)))

    assert max(small.size) == 96
    assert small.mode == "RGBA"


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "empty", "The file is empty"),
        (b"hello", "not_a_picture", "JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "not_a_picture", "an SVG drawing"),
        (b"%PDF-1.7\n", "not_a_picture", "a PDF document"),
        (b"<!DOCTYPE html><html></html>", "not_a_picture", "a web page"),
        (b"\0\0\0\x20ftypmp42\0\0\0\0", "not_a_picture", "a video"),
        (b"\x1a\x45\xdf\xa3\x01", "not_a_picture", "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "not_a_picture", "a video"),
        (b"glTF\x02\0\0\0", "not_a_picture", "a 3D model"),
        (b"8BPS\0\x01", "not_a_picture", "a Photoshop document"),
        (encoded(Image.new("RGB", (80, 80)), "AVIF"), "not_a_picture", "an AVIF picture"),
        (pictures.portrait()[:20_000], "broken", "damaged or cut short"),
        (png_header(500, 500, b"\0" * 100), "broken", "damaged or cut short"),
        (encoded(Image.new("RGB", (63, 500)), "PNG"), "too_few_pixels", "63 × 500 pixels"),
        (png_header(8001, 8000), "too_many_pixels", "8,001 × 8,000 pixels; at most 64 megapixels"),
        (png_header(2**31 - 1, 2**31 - 1), "too_many_pixels", "at most 64 megapixels"),
        (png_header(64, 60_000), "too_narrow", "a strip of 64 × 60,000 pixels"),
        (encoded(Image.new("RGBA", (100, 100)), "PNG"), "transparent", "fully transparent"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_own_sentence(data: bytes, code: str, words: str) -> None:
    refused = refusal(data)

    assert refused.code == code
    assert words in refused.message
    assert refused.message.endswith(".")


def test_too_many_bytes_are_refused_with_size_and_limit() -> None:
    refused = refusal(b"x" * (3 * 2**20), max_bytes=2 * 2**20)

    assert refused.code == "too_large"
    assert "3.0 MB; at most 2 MB" in refused.message


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    bomb = png_header(30_000, 30_000, b"\0" * 20_000_000)  # 20 kB that would unfold to 2.7 GB

    assert refusal(bomb).code == "too_many_pixels"


def test_a_name_does_not_matter_only_the_content_does() -> None:
    """HTML in a file called photo.png never gets through, nor does a script after a GIF's mark."""
    assert refusal(b"<html><script>alert(1)</script>").code == "not_a_picture"
    assert refusal(b"GIF89a<script>alert(1)</script>").code in ("not_a_picture", "broken", "too_many_pixels")


@pytest.mark.slow
def test_damaged_files_of_every_kind_are_read_or_refused_but_never_crash() -> None:
    chance = np.random.default_rng(7)
    originals = [make() for make in (*OPAQUE.values(), *TRANSPARENT.values())]
    outcomes: dict[str, int] = {}
    for turn in range(600):
        damaged = bytearray(originals[turn % len(originals)])
        if chance.random() < 0.3:
            del damaged[int(chance.integers(len(damaged))) :]
        for _ in range(int(chance.choice((1, 2, 5, 30)))):
            reach = min(len(damaged), int(chance.choice((60, 400, 10**9))))
            if reach:
                damaged[int(chance.integers(reach))] = int(chance.integers(256))
        try:
            outcome = checked(bytes(damaged)).media_type
        except PictureRefused as refused:
            outcome = refused.code
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    assert {"broken", "not_a_picture", "image/jpeg", "image/png"} <= outcomes.keys()
