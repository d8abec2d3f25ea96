"""An FBX is told from what is none, and a whole one from one that was cut."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ModelInvalid
from core.mesh.fbx import kind_of
from tests.fake_tripo.fbx import NULL, Record, fbx, sample_fbx

TEXT = b"; FBX 7.5.0 project file\nFBXHeaderExtension:  {\n}\nObjects:  {\n}\n"
OBJECTS = Record(b"Objects")


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return out.getvalue()


def newer() -> bytes:
    """From version 7500 on offsets have eight bytes."""
    start = 27
    end = start + 25 + len(b"Objects")
    return (
        b"Kaydara FBX Binary  \x00\x1a\x00"
        + struct.pack("<I", 7700)
        + struct.pack("<QQQB", end, 0, 0, 7)
        + b"Objects"
        + b"\0" * 25
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (sample_fbx(), "fbx"),
        (newer(), "fbx"),
        (TEXT, "fbx"),
        (zipped(cup_fbx=sample_fbx(), cup_jpg=b"x"), "fbx.zip"),
    ],
)
def test_every_form_of_fbx_is_known(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>not here</html>",
        b"glTF" + b"\0" * 40,
        TEXT[:-3],
        zipped(cup_obj=b"v 0 0 0"),
        zipped(cup_fbx=sample_fbx())[:-30],
        fbx(Record(b"Nothing")),
        fbx(*[OBJECTS] * 10_001),
        fbx(OBJECTS)[:27] + struct.pack("<IIIB", 2**31, 0, 0, 7) + b"Objects" + NULL,
        fbx(OBJECTS)[:27] + struct.pack("<IIIB", 1, 0, 0, 7) + b"Objects" + NULL,  # it ends before it begins
    ],
)
def test_what_is_no_whole_fbx_is_refused(data: bytes) -> None:
    with pytest.raises(ModelInvalid):
        kind_of(data)


def test_one_that_is_cut_anywhere_is_refused() -> None:
    whole = sample_fbx()
    for length in range(len(whole)):
        with pytest.raises(ModelInvalid):
            kind_of(whole[:length])


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for begin in (b"Kaydara FBX Binary  \x00\x1a\x00", b"; FBX", b"PK\x03\x04"):
        try:
            kind_of(begin + data)
        except ModelInvalid:
            continue


def test_a_zip_of_very_many_files_is_refused_before_they_are_read() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.fbx", b"")
    data = packed.getvalue()
    tracemalloc.start()
    try:
        with pytest.raises(ModelInvalid, match="more parts"):
            kind_of(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000  # bytes
    finally:
        tracemalloc.stop()
