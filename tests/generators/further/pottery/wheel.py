"""A pot as a GLB: a wall of rings around the upright axis, with a floor."""

from __future__ import annotations

import json
import math
import struct

PROFILE = ((0.0, 0.0), (0.3, 0.0), (0.5, 0.4), (0.35, 0.8), (0.4, 1.0))  # radius and height, metres
COLOURS = {"red": [0.6, 0.25, 0.15, 1.0], "blue": [0.1, 0.2, 0.6, 1.0]}
FLOAT, WHOLE, POSITIONS, CORNERS = 5126, 5125, 34962, 34963  # Source: glTF 2.0, accessors and buffer views


def pot(sides: int, glaze: str, said: str = "") -> bytes:
    """Args: sides: of the wall, at least 3. glaze: a key of COLOURS. said: is written into the file."""
    points = [
        (radius * math.cos(2 * math.pi * side / sides), height, radius * math.sin(2 * math.pi * side / sides))
        for radius, height in PROFILE
        for side in range(sides)
    ]
    corners: list[int] = []
    for ring in range(len(PROFILE) - 1):
        for side in range(sides):
            a, b = ring * sides + side, ring * sides + (side + 1) % sides
            corners += [a, a + sides, b, b, a + sides, b + sides]
    placed = b"".join(struct.pack("<3f", *point) for point in points)
    binary = placed + struct.pack(f"<{len(corners)}I", *corners)
    axes = list(zip(*points, strict=True))
    document = {
        "asset": {"version": "2.0", "generator": "pottery", "extras": {"said": said}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [{"doubleSided": True, "pbrMetallicRoughness": {"baseColorFactor": COLOURS[glaze]}}],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": [
            {"buffer": 0, "byteLength": len(placed), "target": POSITIONS},
            {"buffer": 0, "byteOffset": len(placed), "byteLength": len(binary) - len(placed), "target": CORNERS},
        ],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": FLOAT,
                "count": len(points),
                "type": "VEC3",
                "min": [min(axis) for axis in axes],
                "max": [max(axis) for axis in axes],
            },
            {"bufferView": 1, "componentType": WHOLE, "count": len(corners), "type": "SCALAR"},
        ],
    }
    told = json.dumps(document).encode()
    told += b" " * (-len(told) % 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(told) + 8 + len(binary), len(told), 0x4E4F534A)
    return head + told + struct.pack("<II", len(binary), 0x004E4942) + binary
