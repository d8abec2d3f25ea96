"""What a server lacks is said before the first job, in sentences for its operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.domain.errors import AccountBlocked, LookupFailed
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.workflow import parse
from tests.fake_comfyui import nodes
from tests.fake_comfyui.machine import Machine
from tests.fake_comfyui.nodes import Kind
from tests.generators.comfyui.conftest import Lab
from tests.generators.comfyui.test_workflow import GRAPH, node


@pytest.mark.parametrize("name", ["hunyuan3d-2.1", "trellis-2"])
def test_a_server_that_has_everything_lacks_nothing(lab: Lab, name: str) -> None:
    comfy = lab.generator(name)

    assert comfy.missing() == []
    comfy.check_account()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda machine: machine.files["clip_vision"].clear(),
            "ComfyUI has no file dino_v3_L_naf_fp32.safetensors in its folder models/clip_vision. Download it there.",
        ),
        (
            lambda machine: machine.files["background_removal"].clear(),
            "ComfyUI has no file birefnet.safetensors in its folder models/background_removal. Download it there.",
        ),
        (
            lambda machine: machine.gone.add("Trellis2ShapeStage"),
            "ComfyUI has no node Trellis2ShapeStage. Install the pack that it belongs to, or update ComfyUI.",
        ),
    ],
)
def test_each_thing_that_is_missing_is_named(lab: Lab, spoil: Callable[[Machine], None], sentence: str) -> None:
    comfy = lab.generator("trellis-2")
    spoil(lab.machine)

    assert comfy.missing() == [sentence]
    with pytest.raises(AccountBlocked) as raised:
        comfy.check_account()
    assert raised.value.message == sentence


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ("steps:INT noise_seed:SEED model:MODEL", "KSampler has no input seed in this ComfyUI"),
        ("steps:INT seed:SEED model:MODEL mode:STRING", "lacks mode, which ComfyUI asks for"),
        ("steps:@samplers seed:SEED model:MODEL", ""),
        ("steps:INT seed:SEED model:MODEL way:@samplers", "does not offer slow for way of KSampler"),
    ],
)
def test_inputs_that_changed_between_versions_are_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, changed: str, sentence: str
) -> None:
    graph = GRAPH | {"2": node("KSampler", "maquette_seed", seed=1, steps=20, model=["1", 0])}
    if "way" in changed:
        graph["2"]["inputs"]["way"] = "slow"
    monkeypatch.setitem(nodes.KINDS, "KSampler", Kind(changed, "MESH"))
    found = lab.generator(parse(graph, name="mine.json")).missing()

    assert any(sentence in each for each in found) if sentence else found == []


def test_everything_that_is_missing_is_told_at_once_but_no_more_than_can_be_read(lab: Lab) -> None:
    comfy = lab.generator("trellis-2")
    lab.machine.files = {folder: [] for folder in lab.machine.files}
    lab.machine.gone |= {"UnwrapMesh", "DecimateMesh"}

    assert len(comfy.missing()) == 7
    with pytest.raises(AccountBlocked) as raised:
        comfy.check_account()
    assert raised.value.message.count("ComfyUI has no") == 5


@pytest.mark.parametrize("version", ["unknown", "", None, 7])
def test_a_server_of_no_version_is_known_by_what_it_answers(
    lab: Lab, comfy: ComfyGenerator, monkeypatch: pytest.MonkeyPatch, version: Any
) -> None:
    monkeypatch.setattr(comfy._client, "stats", lambda: {"system": {"comfyui_version": version}})
    assert comfy.missing() == []

    lab.plan.arm("job", "empty 404")
    with pytest.raises(AccountBlocked, match="something else"):
        comfy.missing()


@pytest.mark.parametrize("route", ["stats", "node", "job"])
@pytest.mark.parametrize("kind", ["html", "error", "truncated", "drop before"])
def test_a_check_that_meets_a_fault_is_repeated(lab: Lab, comfy: ComfyGenerator, route: str, kind: str) -> None:
    lab.plan.arm(route, kind)
    with pytest.raises(LookupFailed):
        comfy.check_account()

    comfy.check_account()


def test_nothing_of_the_server_is_repeated_as_it_came(lab: Lab, comfy: ComfyGenerator) -> None:
    lab.machine.gone.add("SaveGLB")

    assert not any("/srv" in sentence or "main.py" in sentence for sentence in comfy.missing())
