"""Several views, and words alone, on graphs as an operator of either kind would export them."""

from __future__ import annotations

from typing import Any

import pytest

from core.domain.errors import InputRefused, RequestRejected
from core.domain.generation import TaskPhase
from core.domain.request import Slot
from core.generators.comfyui.order import ComfyOrder
from core.generators.comfyui.workflow import Workflow, parse
from tests.builders import asked, stored_image
from tests.generators.comfyui.conftest import Lab, request, state, upload

ID = "0b1e9d3a-0000-5000-8000-000000000001"
VIEWS = ("left", "back", "right")


def node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


def sampled(**more: dict[str, Any]) -> Workflow:
    """The end that all graphs share, after whatever makes `cond`."""
    end = {
        "latent": node("EmptyLatentHunyuan3Dv2", resolution=3072, batch_size=1),
        "sample": node(
            "KSampler",
            "maquette_seed",
            **{"model": ["ckpt", 0], "positive": ["cond", 0], "negative": ["no", 0], "latent_image": ["latent", 0]},
            **{"seed": 0, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
        ),
        "decode": node("VAEDecodeHunyuan3D", samples=["sample", 0], vae=["ckpt", 2], num_chunks=8, octree_resolution=9),
        "mesh": node("VoxelToMesh", voxel=["decode", 0], algorithm="basic", threshold=0.6),
        "save": node("SaveGLB", "maquette_model", mesh=["mesh", 0], filename_prefix="m"),
    }
    return parse(more | end, name="mine.json")


def of_views(*views: str) -> Workflow:
    """With a place for the front and these sides."""
    views, sides = views or VIEWS, {}
    for side in ("front", *views):
        title = "maquette_image" if side == "front" else f"maquette_image_{side}"
        sides[side] = node("LoadImage", title, image="example.png")
        sides[f"see_{side}"] = node("CLIPVisionEncode", clip_vision=["ckpt", 1], image=[side, 0], crop="none")
    meet = node("Hunyuan3Dv2ConditioningMultiView", **{side: [f"see_{side}", 0] for side in ("front", *views)})
    loader = node("ImageOnlyCheckpointLoader", ckpt_name="hunyuan_3d_v2.1.safetensors")
    graph = sides | {"ckpt": loader, "cond": meet, "no": meet}
    return sampled(**graph)


def of_words() -> Workflow:
    return sampled(
        ckpt=node("CheckpointLoaderSimple", ckpt_name="sd15.safetensors"),
        cond=node("CLIPTextEncode", "maquette_prompt", text="", clip=["ckpt", 1]),
        no=node("CLIPTextEncode", "maquette_negative_prompt", text="blurred", clip=["ckpt", 1]),
    )


@pytest.mark.parametrize("given", [(), ("back",), ("left", "right"), VIEWS])
def test_the_views_that_are_given_are_used_and_the_others_left_out(lab: Lab, given: tuple[str, ...]) -> None:
    comfy = lab.generator(of_views())
    assert comfy.missing() == []
    tokens = {side: upload(comfy, f"\x89PNG {side}".encode("latin-1")) for side in ("image", *given)}
    comfy._send(ComfyOrder(attempt_id=ID, tokens=tokens, seed=3), lambda: None)
    lab.clock.advance(60)
    graph = lab.machine.runs[0].item.graph

    assert state(comfy, ID).phase is TaskPhase.SUCCEEDED  # type: ignore[union-attr]
    assert {side: graph[side]["inputs"]["image"] for side in given} == {side: tokens[side] for side in given}
    assert set(graph["cond"]["inputs"]) == {"front", *given}
    assert not any(side in graph or f"see_{side}" in graph for side in VIEWS if side not in given)


def test_words_become_a_model(lab: Lab) -> None:
    comfy = lab.generator(of_words())
    assert comfy.missing() == []
    comfy._send(ComfyOrder(attempt_id=ID, tokens={}, seed=3, prompt="a red cup", negative_prompt="dull"), lambda: None)
    lab.clock.advance(60)
    graph = lab.machine.runs[0].item.graph

    assert state(comfy, ID).phase is TaskPhase.SUCCEEDED  # type: ignore[union-attr]
    assert [graph[key]["inputs"]["text"] for key in ("cond", "no")] == ["a red cup", "dull"]


def test_a_graph_of_another_kind_refuses_before_anything_is_sent(lab: Lab) -> None:
    words, views = lab.generator(of_words()), lab.generator(of_views())
    with pytest.raises(RequestRejected, match="no node is titled maquette_image"):
        words._send(ComfyOrder(attempt_id=ID, tokens={"image": "maquette/a.png"}, seed=3), lambda: None)
    with pytest.raises(RequestRejected, match="maquette_prompt"):
        views._send(ComfyOrder(attempt_id=ID, tokens={}, seed=3, prompt="a red cup"), lambda: None)

    assert lab.service.requests == []


FRONT_AND_LEFT = asked(left=stored_image(key="left"))


def test_sides_without_a_place_are_left_out_where_another_side_is_used(lab: Lab) -> None:
    comfy = lab.generator(of_views("back"))
    views = asked(left=stored_image(key="left"), back=stored_image(key="back"))
    comfy.check(views)
    tokens = {slot: upload(comfy, slot.encode()) for slot in (Slot.FRONT, Slot.LEFT, Slot.BACK)}
    comfy.create(request(request=views, tokens=tokens), check_send_window=lambda: None)
    lab.clock.advance(60)
    graph = lab.machine.runs[0].item.graph

    assert graph["back"]["inputs"]["image"] == tokens[Slot.BACK]
    assert tokens[Slot.LEFT] not in str(graph)


def test_views_of_which_only_the_front_has_a_place_are_refused_before_anything_is_sent(lab: Lab) -> None:
    comfy = lab.generator(of_views("back"))
    with pytest.raises(InputRefused, match=r"has no place for a picture of the left.* Add one of the back") as refused:
        comfy.check(FRONT_AND_LEFT)
    assert refused.value.code == "views_missing"

    # a job that waited while the operator put another workflow in
    tokens = {Slot.FRONT: upload(comfy), Slot.LEFT: upload(comfy, b"left")}
    with pytest.raises(RequestRejected, match="has no place for a picture of the left"):
        comfy.create(request(request=FRONT_AND_LEFT, tokens=tokens), check_send_window=lambda: None)
    with pytest.raises(RequestRejected, match="has no place for a picture of the left"):
        comfy.begin_again(ID, request(request=FRONT_AND_LEFT, tokens=tokens), check_send_window=lambda: None)
    assert not lab.machine.runs


def test_words_for_what_is_not_wanted_are_refused_where_the_workflow_has_no_place_for_them(lab: Lab) -> None:
    graph = dict(of_words().graph)
    graph["no"] = node("CLIPTextEncode", "", text="blurred", clip=["ckpt", 1])
    comfy = lab.generator(parse(graph, name="mine.json"))
    comfy.check(asked(prompt="a red cup"))
    with pytest.raises(InputRefused, match="has no place for what is not wanted") as refused:
        comfy.check(asked(prompt="a red cup", negative_prompt="dull"))

    assert refused.value.code == "negative_prompt_refused"
    assert [offer.takes_negative_prompt for offer in comfy.declaration.offers] == [False]
    assert [offer.takes_negative_prompt for offer in lab.generator(of_words()).declaration.offers] == [True]
    lab.generator(of_words()).check(asked(prompt="a red cup", negative_prompt="dull"))
