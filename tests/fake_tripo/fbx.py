"""A small real FBX: a box of six four-sided faces.

Source: the record layout of binary FBX as Blender's developers published it.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

CORNERS = [float(side) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1) for side in (x, y, z)]
# the last corner of each face is written as its complement
FACES = [0, 1, 3, ~2, 4, 6, 7, ~5, 0, 4, 5, ~1, 2, 3, 7, ~6, 0, 2, 6, ~4, 1, 5, 7, ~3]
VERSION = 7400
NULL = b"\0" * 13


@dataclass(frozen=True)
class Record:
    """One part of the file, with the parts inside it."""

    name: bytes
    properties: tuple[bytes, ...] = ()
    children: tuple[Record, ...] = ()

    def at(self, place: int) -> bytes:
        """Its bytes when it begins at `place` in the file: each record says where it ends."""
        head = 13 + len(self.name)
        properties = b"".join(self.properties)
        inside = b""
        for child in self.children:
            inside += child.at(place + head + len(properties) + len(inside))
        if self.children:
            inside += NULL
        end = place + head + len(properties) + len(inside)
        return struct.pack("<IIIB", end, len(self.properties), len(properties), len(self.name)) + (
            self.name + properties + inside
        )


def fbx(*records: Record) -> bytes:
    """A file of these records."""
    data = b"Kaydara FBX Binary  \x00\x1a\x00" + struct.pack("<I", VERSION)
    for record in records:
        data += record.at(len(data))
    return data + NULL


@functools.cache
def sample_fbx() -> bytes:
    shape = (Record(b"Vertices", (_numbers(b"d", CORNERS),)), Record(b"PolygonVertexIndex", (_numbers(b"i", FACES),)))
    geometry = Record(b"Geometry", (_long(1), _text(b"box\x00\x01Geometry"), _text(b"Mesh")), shape)
    model = Record(
        b"Model", (_long(2), _text(b"box\x00\x01Model"), _text(b"Mesh")), (Record(b"Version", (_int(232),)),)
    )
    links = tuple(Record(b"C", (_text(b"OO"), _long(part), _long(whole))) for part, whole in ((1, 2), (2, 0)))
    return fbx(
        Record(b"FBXHeaderExtension", children=(Record(b"FBXVersion", (_int(VERSION),)),)),
        Record(b"Objects", children=(geometry, model)),
        Record(b"Connections", children=links),
    )


def _int(value: int) -> bytes:
    return b"I" + struct.pack("<i", value)


def _long(value: int) -> bytes:
    return b"L" + struct.pack("<q", value)


def _text(value: bytes) -> bytes:
    return b"S" + struct.pack("<I", len(value)) + value


def _numbers(kind: bytes, values: list[float] | list[int]) -> bytes:
    data = struct.pack(f"<{len(values)}{kind.decode()}", *values)
    return kind + struct.pack("<III", len(values), 0, len(data)) + data
