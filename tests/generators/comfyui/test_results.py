"""The file of a job: found among anything that nodes tell, and freed of what SaveGLB hides in it."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from core.domain.errors import ModelInvalid, ModelUnavailable
from core.generators.comfyui.answers import said
from core.generators.comfyui.results import kept_model, listed_names
from core.mesh.glb import read_facts
from tests.fake_comfyui.disk import model
from tests.fake_generator import glb
from tests.fake_tripo.service import sample_model

GRAPH = {"sample": {"class_type": "KSampler", "inputs": {"seed": 4, "text": "a secret prompt"}}}


def test_a_model_is_freed_of_the_graph_and_nothing_else_changes() -> None:
    came = model(GRAPH, b"picture")
    kept = kept_model(came)

    assert b"secret prompt" in came
    assert b"secret prompt" not in kept

    assert kept.count(b"extras") == came.count(b"extras") - 1
    assert struct.unpack_from("<I", kept, 8)[0] == len(kept)
    assert read_facts(kept) == read_facts(came)
    assert kept_model(kept) == kept
    size, before = struct.unpack_from("<I", kept, 12)[0], struct.unpack_from("<I", came, 12)[0]
    assert kept[20 + size :] == came[20 + before :]


def test_a_model_without_a_graph_stays_as_it_came() -> None:
    plain = sample_model()

    assert kept_model(plain) == plain


def test_what_follows_the_model_in_the_file_is_cut_off_with_the_graph() -> None:
    came = model(GRAPH, None)

    assert kept_model(came + b"tail") == kept_model(came)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ModelInvalid),
        (b"<html>", ModelInvalid),
        (b"glTF" + b"\0" * 40, ModelInvalid),
        (sample_model()[:200], ModelUnavailable),
        (glb(b"not json"), ModelInvalid),
        (glb(b"[1]"), ModelInvalid),
        (glb(b'{"asset":7}'), ModelInvalid),
        (glb(b"[" * 100_000), ModelInvalid),
    ],
)
def test_what_is_no_whole_glb_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        kept_model(data)


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ({"save": {"3d": [{"filename": "a.glb", "subfolder": "x", "type": "output"}]}}, ["a.glb"]),
        ({"save": {"result": ["real/c.glb", None, []]}}, ["c.glb"]),
        ({"save": {"result": [{"filename": "real/c.glb", "subfolder": ""}, None, None]}}, ["c.glb"]),
        ({"save": {"text": ["made"], "glb_path": ["/srv/out/d.glb"]}}, ["d.glb"]),
        ({"save": {"glb_path": "C:\\out\\d.GLB"}}, ["d.GLB"]),
        ({"see": {"3d": ["z.glb"]}, "save": {"result": ["b.glb"], "3d": ["a.glb"]}}, ["a.glb", "b.glb", "z.glb"]),
        ({"save": {"images": [{"filename": "p.png"}]}}, []),
        ({"save": {"3d": [["deep", ["e.glb"]], None, 7, {"filename": None}]}}, ["e.glb"]),
        ({"save": {"3d": ["../a.glb", "x/../../b.glb", "..", "", ".glb/", "a\0.glb", "a\n.glb"]}}, []),
        ({"save": ["a.glb"]}, []),
        ([], []),
        (None, []),
    ],
)
def test_names_are_taken_from_anything_that_nodes_tell(outputs: Any, names: list[str]) -> None:
    assert listed_names({"outputs": outputs}, ["save"]) == names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CUDA error\nTraceback (most recent call last):\n  File x", "CUDA error"),
        ("No such file: '/srv/comfy/models/a.safetensors'", "No such file: '(a path)'"),
        ("at C:\\ComfyUI\\models\\a.pt here", "at (a path) here"),
        ("bad value tensor([[0.1, 0.2]])", "bad value "),
        ("a/b is fine", "a/b is fine"),
        ("x" * 500, "x" * 159 + "…"),
        ("\x1b[31mred", "[31mred"),
        (None, ""),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_a_word_of_the_server_is_one_short_line_without_paths_and_tensors(text: object, shown: str) -> None:
    assert said(text) == shown


def test_the_graph_in_the_fakes_model_is_the_one_that_was_sent() -> None:
    came = model(GRAPH, b"picture")
    size = struct.unpack_from("<I", came, 12)[0]

    assert json.loads(json.loads(came[20 : 20 + size])["asset"]["extras"]["prompt"]) == GRAPH
