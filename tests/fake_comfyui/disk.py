"""Folders of the fake: pictures come in, models go out, nothing is ever cleaned but `temp`."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fake_tripo.service import sample_model

Key = tuple[str, str, str]  # folder, subfolder, name


@dataclass
class Disk:
    clock_s: Callable[[], float]
    files: dict[Key, bytes] = field(default_factory=dict)
    times_s: dict[Key, float] = field(default_factory=dict)

    def write(self, key: Key, data: bytes) -> None:
        self.files[key], self.times_s[key] = data, self.clock_s()

    def upload(self, folder: str, subfolder: str, name: str, data: bytes, *, overwrite: bool) -> str:
        """The name that it got: another one, when the name is taken by other bytes."""
        stem, dot, suffix = name.rpartition(".")
        number = 0
        found = name
        while not overwrite and (folder, subfolder, found) in self.files:
            if self.files[folder, subfolder, found] == data:
                return found
            number += 1
            found = f"{stem} ({number}){dot}{suffix}"
        self.write((folder, subfolder, found), data)
        return found

    def picture(self, name: str) -> bytes | None:
        """As LoadImage names it: with its subfolder, and maybe its folder in brackets."""
        bare, _, folder = name.partition(" [")
        subfolder, _, last = bare.rpartition("/")
        return self.files.get((folder.rstrip("]") or "input", subfolder, last))

    def next_name(self, prefix: str, pattern: str) -> tuple[str, str]:
        """Subfolder and name: the highest number there is at this moment, plus one."""
        subfolder, _, base = prefix.rpartition("/")
        shape = re.compile(re.escape(base) + r"_(\d+)_?\.glb")
        numbers = [
            int(found[1]) for (_, sub, name) in self.files if sub == subfolder and (found := shape.fullmatch(name))
        ]
        return subfolder, pattern.format(base, max(numbers, default=0) + 1)

    def restart(self) -> None:
        self.files = {key: data for key, data in self.files.items() if key[0] != "temp"}


def model(graph: dict[str, Any], picture: bytes | None, *, has_graph: bool = True) -> bytes:
    """A GLB that tells which picture and seed it is of, and hides the graph as SaveGLB does."""
    plain = sample_model()
    size = struct.unpack_from("<I", plain, 12)[0]
    document = json.loads(plain[20 : 20 + size])
    seeds = sorted({node["inputs"]["seed"] for node in graph.values() if "seed" in node["inputs"]}, key=str)
    seen = hashlib.sha256(picture or b"").hexdigest()
    document["asset"]["generator"] = f"picture {seen} seeds {seeds}"
    if has_graph:
        document["asset"]["extras"] = {"prompt": json.dumps(graph), "workflow": "{}"}
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = plain[20 + size :]
    return struct.pack("<5I", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest
