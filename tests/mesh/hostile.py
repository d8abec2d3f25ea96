"""Models made to do harm, by a script: each must end in a sentence, or in an honest picture."""

from __future__ import annotations

import json
import random
import struct
import zlib
from typing import Any

import numpy as np

from tests.mesh.models import ball, glb_of, textured

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
POSITION = {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
INDEXED = [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}]
PICTURED: dict[str, Any] = {
    "textures": [{"source": 0}],
    "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
    "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
}


def document(**parts: Any) -> dict[str, Any]:
    plain = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [dict(POSITION)],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    }
    return plain | parts


def repeated(name: str, one: Any, count: int, **parts: Any) -> bytes:
    """A description where a list `name` holds the same thing many times; json would take a second for it."""
    told = json.dumps(document(**parts) | {name: ["@"]}).encode()
    return told.replace(b'"@"', b", ".join([json.dumps(one).encode()] * count))


def glb(told: dict[str, Any] | bytes, binary: bytes = TRIANGLE) -> bytes:
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    head = struct.pack("<5I", 0x46546C67, 2, 28 + len(text) + len(binary), len(text), 0x4E4F534A)
    return head + text + struct.pack("<2I", len(binary), 0x004E4942) + binary


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """A PNG that claims a size, whatever is in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def pictured(picture: bytes, **parts: Any) -> bytes:
    """The triangle with a texture."""
    uv = np.zeros((3, 2), "<f4").tobytes()
    picture += b"\0" * (-len(picture) % 4)
    views = [
        {"buffer": 0, "byteLength": 36},
        {"buffer": 0, "byteOffset": 36, "byteLength": 24},
        {"buffer": 0, "byteOffset": 60, "byteLength": len(picture)},
    ]
    told = document(
        **PICTURED,
        images=[{"bufferView": 2, "mimeType": "image/png"}],
        accessors=[dict(POSITION), {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"}],
        bufferViews=views,
        buffers=[{"byteLength": 60 + len(picture)}],
    )
    return glb(told | parts, TRIANGLE + uv + picture)


def indexed(indices: np.ndarray, **accessor: Any) -> bytes:
    raw = indices.tobytes()
    listed = {"bufferView": 1, "componentType": 5125, "count": len(indices), "type": "SCALAR"} | accessor
    views = [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": len(raw)}]
    told = document(
        meshes=INDEXED,
        accessors=[dict(POSITION), listed],
        bufferViews=views,
        buffers=[{"byteLength": 36 + len(raw)}],
    )
    return glb(told, TRIANGLE + raw)


def placed(values: list[float]) -> bytes:
    return glb(document(), np.array(values, "<f4").tobytes())


def hostile() -> dict[str, bytes]:
    """Name to file; the same every time."""
    good = glb_of(textured(ball(2)))
    luck = random.Random(1)
    bomb = zlib.compress(b"\0" * 5_000_000, 9)
    files = {
        "empty": b"",
        "one byte": b"g",
        "magic alone": good[:4],
        "header alone": good[:12],
        "first chunk header alone": good[:20],
        "half": good[: len(good) // 2],
        "last byte missing": good[:-1],
        "a quarter": good[: len(good) // 4],
        "garbage": luck.randbytes(5000),
        "garbage behind a good header": good[:20] + luck.randbytes(5000),
        "text": b"hello " * 500,
        "html": b"<html><body>502 Bad Gateway</body></html>",
        "zip": b"PK\x03\x04" + luck.randbytes(500),
        "version 1": good[:4] + struct.pack("<I", 1) + good[8:],
        "length that lies": good[:8] + struct.pack("<I", 2**31) + good[12:],
        "length of nothing": good[:8] + struct.pack("<I", 0) + good[12:],
        "chunk that lies": good[:12] + struct.pack("<I", 2**31) + good[16:],
        "chunk of another kind": good[:16] + b"EVIL" + good[20:],
        "no json": glb(b"{]"),
        "json of another kind": glb(b"[1, 2, 3]"),
        "a number": glb(b"12345678"),
        "deep lists": glb(b"[" * 200_000 + b"]" * 200_000),
        "deep objects": glb(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "not utf-8": glb(b'{"asset": "\xff\xfe"}'),
        "nan in json": glb(b'{"asset":{"version":"2.0"},"accessors":[{"count":NaN}]}'),
        "huge number in json": glb(
            b'{"accessors":[{"componentType":5126,"type":"VEC3","count":' + b"9" * 5000 + b"}]}"
        ),
        "no meshes": glb(document(meshes=[])),
        "meshes of another kind": glb(document(meshes={"a": 1})),
        "mesh without parts": glb(document(meshes=[{}])),
        "empty mesh": glb(document(meshes=[{"primitives": []}])),
        "no accessors": glb(document(accessors=[])),
        "accessor of another kind": glb(document(accessors=["x"])),
        "unknown type": glb(document(accessors=[POSITION | {"type": "VEC9"}])),
        "unknown component": glb(document(accessors=[POSITION | {"componentType": 1}])),
        "negative count": glb(document(accessors=[POSITION | {"count": -3}])),
        "count of a half": glb(document(accessors=[POSITION | {"count": 1.5}])),
        "count of true": glb(document(accessors=[POSITION | {"count": True}])),
        "two billion points": glb(document(accessors=[POSITION | {"count": 2_000_000_000}])),
        "400 million points without a view": glb(
            document(accessors=[{"componentType": 5126, "count": 400_000_000, "type": "VEC3"}])
        ),
        "a million points without a view": glb(
            document(accessors=[{"componentType": 5126, "count": 999_999, "type": "VEC3"}])
        ),
        "sparse and endless": glb(
            document(
                accessors=[
                    {
                        "componentType": 5126,
                        "count": 150_000_000,
                        "type": "VEC3",
                        "sparse": {
                            "count": 1,
                            "indices": {"bufferView": 0, "componentType": 5125},
                            "values": {"bufferView": 0},
                        },
                    }
                ]
            )
        ),
        "negative offset": glb(document(bufferViews=[{"buffer": 0, "byteOffset": -8, "byteLength": 36}])),
        "offset past the end": glb(document(bufferViews=[{"buffer": 0, "byteOffset": 2**40, "byteLength": 36}])),
        "view longer than the file": glb(document(bufferViews=[{"buffer": 0, "byteLength": 10**12}])),
        "view that is not there": glb(document(accessors=[POSITION | {"bufferView": 9}])),
        "stride of gigabytes": glb(document(bufferViews=[{"buffer": 0, "byteLength": 36, "byteStride": 2**31}])),
        "stride of nothing": glb(document(bufferViews=[{"buffer": 0, "byteLength": 36, "byteStride": -12}])),
        "buffer beside the file": glb(document(buffers=[{"byteLength": 36, "uri": "../secret.bin"}])),
        "buffer of the machine": glb(document(buffers=[{"byteLength": 36, "uri": "/etc/passwd"}])),
        "buffer of a host": glb(document(buffers=[{"byteLength": 36, "uri": "http://127.0.0.1:9/x.bin"}])),
        "buffer by file address": glb(document(buffers=[{"byteLength": 36, "uri": "file:///etc/passwd"}])),
        "buffer inside the json": glb(document(buffers=[{"byteLength": 36, "uri": "data:;base64," + "A" * 48}])),
        "second buffer elsewhere": glb(
            document(
                buffers=[{"byteLength": 36}, {"byteLength": 36, "uri": "x.bin"}],
                bufferViews=[{"buffer": 1, "byteLength": 36}],
            )
        ),
        "picture beside the file": glb(document(**PICTURED, images=[{"uri": "../secret.png"}])),
        "picture of a host": glb(document(**PICTURED, images=[{"uri": "http://169.254.169.254/latest"}])),
        "picture of 40,000 pixels": pictured(png(40_000, 40_000, bomb)),
        "picture of 30,000 pixels": pictured(png(30_000, 30_000, bomb)),
        "picture that is a bomb": pictured(png(16_000, 16_000, zlib.compress(b"\0" * 50_000_000, 1))),
        "picture of garbage": pictured(luck.randbytes(3000)),
        "picture cut short": pictured(png(64, 64, zlib.compress(b"\0" * 100))),
        "picture of no size": pictured(png(0, 0)),
        "texture that is not there": pictured(png(8, 8), textures=[]),
        "index out of range": indexed(np.array([0, 1, 4_000_000_000], "<u4")),
        "negative index": indexed(np.array([0, 1, 2**32 - 1], "<u4")),
        "indices of floats": indexed(np.array([0, 1, 2], "<f4"), componentType=5126),
        "indices of vectors": indexed(np.array([0, 1, 2], "<u4"), type="VEC3", count=1),
        "two indices": indexed(np.array([0, 1], "<u4")),
        "nan places": placed([float("nan")] * 9),
        "infinite places": placed([float("inf"), 0, 0, 1, 0, 0, 0, 1, 0]),
        "huge places": placed([3e38, 0, 0, -3e38, 0, 0, 0, 3e38, 0]),
        "all in one place": placed([1, 1, 1] * 3),
        "a line": placed([0, 0, 0, 1, 0, 0, 2, 0, 0]),
        "nodes in a circle": glb(document(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}])),
        "node of itself": glb(document(nodes=[{"mesh": 0, "children": [0]}])),
        "nodes that double 60 times": glb(
            document(nodes=[{"children": [n + 1, n + 1]} for n in range(60)] + [{"mesh": 0}])
        ),
        "5,000 nodes deep": glb(document(nodes=[{"children": [n + 1]} for n in range(5000)] + [{"mesh": 0}])),
        "node that is not there": glb(document(scenes=[{"nodes": [77]}])),
        "negative node": glb(document(scenes=[{"nodes": [-1]}])),
        "mesh that is not there": glb(document(nodes=[{"mesh": 7}])),
        "50,000 instances": glb(
            document(nodes=[{"mesh": 0} for _ in range(50_000)], scenes=[{"nodes": list(range(50_000))}])
        ),
        "3 million instances": glb(
            json.dumps(document(scenes=[{"nodes": ["@"]}])).encode().replace(b'"@"', b"0, " * 2_999_999 + b"0")
        ),
        "matrix of zeros": glb(document(nodes=[{"mesh": 0, "matrix": [0] * 16}])),
        "matrix of nan": glb(json.dumps(document(nodes=[{"mesh": 0, "matrix": [float("nan")] * 16}])).encode()),
        "matrix too short": glb(document(nodes=[{"mesh": 0, "matrix": [1, 0, 0]}])),
        "scale of a text": glb(document(nodes=[{"mesh": 0, "scale": ["a", "b", "c"]}])),
        "meshopt that lies": _meshopt(count=400_000_000),
        "meshopt of garbage": _meshopt(count=3),
        "draco of garbage": _draco(),
        "an extension nobody knows": glb(document(extensionsRequired=["EVIL_ext"], extensionsUsed=["EVIL_ext"])),
        "corners of a megabyte": glb(
            document(
                accessors=[POSITION | {"min": [0] * 300_000, "max": [1] * 300_000}],
                meshes=[{"primitives": [{"attributes": {"POSITION": 0}}] * 20_000}],
            )
        ),
        "60,000 lists": glb(repeated("accessors", POSITION, 60_000)),
        "names of extensions without end": glb(
            document(
                accessors=[{"componentType": 5126, "count": 3_000_000, "type": "VEC3"}] * 20_000,
                extensionsUsed=["x"] * 400_000,
            )
        ),
        "letters that are none": glb(json.dumps(document(asset={"version": "2.0", "generator": "\ud800"})).encode()),
        "scale of nan": glb(json.dumps(document(nodes=[{"mesh": 0, "scale": [float("nan"), 1, 1]}])).encode()),
        "names of a megabyte": glb(document(nodes=[{"mesh": 0, "name": "x" * 1_000_000}])),
        "names that climb": glb(document(nodes=[{"mesh": 0, "name": "../../etc/x"}])),
        "20 megabytes of json": glb(json.dumps(document(extras=["x" * 20_000_000])).encode()),
    }
    for number in range(20):  # a good file with a few bytes of its description or its numbers changed
        broken = bytearray(good)
        for _ in range(luck.choice((1, 3, 30))):
            broken[luck.randrange(20, len(broken))] = luck.randrange(256)
        files[f"bytes changed {number}"] = bytes(broken)
    return files


def _meshopt(*, count: int) -> bytes:
    packed = {"buffer": 0, "byteLength": 36, "byteStride": 12, "mode": "ATTRIBUTES", "count": count}
    view = {"buffer": 1, "byteLength": count * 12, "extensions": {"EXT_meshopt_compression": packed}}
    return glb(
        document(
            extensionsUsed=["EXT_meshopt_compression"],
            extensionsRequired=["EXT_meshopt_compression"],
            accessors=[POSITION | {"count": min(count, 100_000_000)}],
            bufferViews=[view],
            buffers=[
                {"byteLength": 36},
                {"byteLength": count * 12, "extensions": {"EXT_meshopt_compression": {"fallback": True}}},
            ],
        )
    )


def _draco() -> bytes:
    part = {
        "attributes": {"POSITION": 0},
        "indices": 1,
        "extensions": {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}},
    }
    return glb(
        document(
            extensionsUsed=["KHR_draco_mesh_compression"],
            extensionsRequired=["KHR_draco_mesh_compression"],
            meshes=[{"primitives": [part]}],
            accessors=[
                {"componentType": 5126, "count": 3, "type": "VEC3"},
                {"componentType": 5125, "count": 3, "type": "SCALAR"},
            ],
        )
    )


def of_a_host(address: str) -> dict[str, bytes]:
    """Files that name a host that listens."""
    return {
        "buffer of a host that listens": glb(document(buffers=[{"byteLength": 36, "uri": address}])),
        "picture of a host that listens": glb(document(**PICTURED, images=[{"uri": address}])),
    }
