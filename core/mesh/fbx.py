"""Whether bytes are a whole FBX file; what is in it is not read here.

Source: the record layout of binary FBX as Blender's developers published it; Autodesk has no public description.
"""

from __future__ import annotations

import io
import struct
import zipfile

from core.domain.errors import ModelInvalid

BINARY, TEXT, ZIP = b"Kaydara FBX Binary  \x00", b"; FBX", b"PK\x03\x04"
MAGIC = (BINARY, TEXT, ZIP)
HEADER_BYTES = 27  # the magic, two bytes more, and the version
LARGE = 7500  # from this version on, offsets have eight bytes
MOST_RECORDS = 10_000  # on the top level; real files have about a dozen
MOST_MEMBERS = 1_000
MEMBER = b"PK\x01\x02"  # begins the entry of a file in a zip's directory


def kind_of(data: bytes) -> str:
    """`fbx`, or `fbx.zip` for one that is packed with its textures. Raises: ModelInvalid."""
    if data.startswith(BINARY):
        _check_binary(data)
        return "fbx"
    if data.startswith(TEXT):
        if b"\nObjects:" not in data or not data.rstrip().endswith((b"}", b";")):
            raise ModelInvalid("The FBX file that came is cut short.")
        return "fbx"
    if data.startswith(ZIP):
        _check_zip(data)
        return "fbx.zip"
    raise ModelInvalid("The file that came is not an FBX.")


def _check_binary(data: bytes) -> None:
    """Each record says where it ends; an empty one closes the list."""
    try:
        (version,) = struct.unpack_from("<I", data, HEADER_BYTES - 4)
        layout = "<QQQB" if version >= LARGE else "<IIIB"
        place, names = HEADER_BYTES, set()
        for _ in range(MOST_RECORDS):
            end, _, _, name_bytes = struct.unpack_from(layout, data, place)
            if end == 0:
                break
            start = place + struct.calcsize(layout)
            names.add(data[start : start + name_bytes])
            if not start + name_bytes <= end <= len(data):
                raise ModelInvalid("The FBX file that came is cut short or contradicts itself.")
            place = end
        else:
            raise ModelInvalid("The FBX file that came has more parts than any that is real.")
    except struct.error as exc:
        raise ModelInvalid("The FBX file that came is cut short.") from exc
    if b"Objects" not in names:
        raise ModelInvalid("The FBX file that came has nothing to show.")


def _check_zip(data: bytes) -> None:
    if data.count(MEMBER) > MOST_MEMBERS:  # before they are read: millions of them fill the memory
        raise ModelInvalid("The packed file that came has more parts than any that is real.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as exc:
        raise ModelInvalid("The packed file that came is cut short.") from exc
    if not any(name.lower().endswith(".fbx") for name in names):
        raise ModelInvalid("The packed file that came holds no FBX.")
