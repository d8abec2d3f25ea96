"""Files of graphs: what goes where, and a sentence for each file that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import RequestRejected, SettingsInvalid
from core.generators.comfyui.files import MOST_BYTES, TEMPLATES, load_workflow, template_names
from core.generators.comfyui.graph import links
from core.generators.comfyui.order import ComfyOrder
from core.generators.comfyui.workflow import MOST_NODES, ROLES, parse
from tests.fake_comfyui.checking import Check
from tests.fake_comfyui.nodes import FILES

ROOT = Path(__file__).parents[3]
ID = "0b1e9d3a-0000-5000-8000-000000000001"


def node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


def order(**changes: Any) -> ComfyOrder:
    return ComfyOrder(**({"attempt_id": ID, "tokens": {"image": "maquette/a.png"}, "seed": 5} | changes))


GRAPH = {
    "1": node("LoadImage", "maquette_image", image="example.png"),
    "2": node("KSampler", "maquette_seed", seed=1, steps=20, model=["1", 0]),
    "3": node("SaveGLB", "maquette_model", mesh=["2", 0], filename_prefix="mesh"),
}


@pytest.mark.parametrize("name", template_names())
def test_a_template_of_ours_is_what_comfyui_takes(name: str) -> None:
    workflow = load_workflow(name)
    graph = workflow.filled(order(faces=5000))
    check = Check(graph, FILES, lambda picture: picture == "maquette/a.png", set())

    assert (check.error, check.node_errors, check.outputs) == (None, {}, ["save"])
    assert {value for each in graph.values() for name, value in each["inputs"].items() if name == "seed"} == {5}
    assert workflow.licence
    assert workflow.makes
    assert workflow.licence_url.startswith("https://")


@pytest.mark.parametrize("name", template_names())
def test_a_template_names_just_the_files_that_its_loaders_need(name: str) -> None:
    workflow = load_workflow(name)
    values = {value for each in workflow.graph.values() for value in each["inputs"].values() if isinstance(value, str)}

    assert {file for _, file in workflow.files} == {value for value in values if value.endswith(".safetensors")}
    assert set(workflow.weights) <= workflow.graph.keys()


def test_there_are_the_two_templates() -> None:
    assert template_names() == ("hunyuan3d-2.1", "trellis-2")
    assert load_workflow("trellis-2").has("faces")
    assert not load_workflow("hunyuan3d-2.1").has("faces")


def test_an_export_of_the_operators_is_filled_by_its_titles(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(GRAPH))
    workflow = load_workflow(str(path))
    graph = workflow.filled(order())

    assert workflow.label == "mine.json"
    assert graph["1"]["inputs"]["image"] == "maquette/a.png"
    assert graph["2"]["inputs"]["seed"] == 5
    assert graph["3"]["inputs"]["filename_prefix"] == f"maquette/{ID}/model"
    assert workflow.graph["1"]["inputs"]["image"] == "example.png"  # the workflow itself stays as it was
    assert workflow.weights == {"1": 1.0, "2": 20.0, "3": 1.0}


def test_a_node_may_carry_several_titles_and_a_title_may_stand_on_several_nodes() -> None:
    graph = GRAPH | {
        "4": node("Both", "Words and seed: maquette_prompt, maquette_seed", text="a cup", noise_seed=1),
        "5": node("PrimitiveInt", "MAQUETTE_SEED", value=1),
        "6": node("Few", "maquette_faces", max_faces=7),
        "7": node("Few", "maquette_faces", value=7),
    }
    filled = parse(graph, name="x").filled(order(prompt="a red cup", faces=99))

    assert filled["4"]["inputs"] == {"text": "a red cup", "noise_seed": 5}
    assert [filled[key]["inputs"] for key in "567"] == [{"value": 5}, {"max_faces": 99}, {"value": 99}]


def test_what_was_not_chosen_stays_as_the_operator_left_it() -> None:
    graph = GRAPH | {
        "4": node("Text", "maquette_prompt", text="a cup"),
        "5": node("Text", "maquette_negative_prompt", text="blurred"),
        "6": node("Few", "maquette_faces", max_faces=7),
    }
    filled = parse(graph, name="x").filled(order(negative_prompt=""))

    assert [filled["4"]["inputs"]["text"], filled["5"]["inputs"]["text"]] == ["a cup", "blurred"]
    assert filled["6"]["inputs"]["max_faces"] == 7


def views() -> dict[str, Any]:
    return {
        "front": node("LoadImage", "maquette_image", image="a"),
        "back": node("LoadImage", "maquette_image_back", image="b"),
        "left": node("LoadImage", "maquette_image_left", image="c"),
        "eye": node("Loader", "", clip_name="x"),
        "see_front": node("Encode", "", clip=["eye", 0], image=["front", 0]),
        "see_back": node("Encode", "", clip=["eye", 0], image=["back", 0]),
        "see_left": node("Encode", "", clip=["eye", 0], image=["left", 0]),
        "meet": node("MultiView", "", front=["see_front", 0], back=["see_back", 0], left=["see_left", 0]),
        "save": node("SaveGLB", "maquette_model", mesh=["meet", 0], filename_prefix="m"),
    }


def test_a_view_that_is_not_given_is_left_out_up_to_where_it_meets_the_others() -> None:
    workflow = parse(views(), name="x")
    filled = workflow.filled(order(tokens={"image": "f.png", "back": "b.png"}))

    assert filled.keys() == workflow.graph.keys() - {"left", "see_left"}
    assert filled["meet"]["inputs"] == {"front": ["see_front", 0], "back": ["see_back", 0]}
    assert filled["back"]["inputs"]["image"] == "b.png"
    assert all(other in filled for each in filled.values() for _, other in links(each))
    assert workflow.filled(order(tokens={"image": "f.png"})).keys() == workflow.graph.keys() - {
        *("left", "see_left", "back", "see_back")
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tokens": {"image": "a", "back": "b"}}, "maquette_image_back"),
        ({"prompt": "a cup"}, "maquette_prompt"),
        ({"negative_prompt": "blurred"}, "maquette_negative_prompt"),
        ({"tokens": {}}, "needs a picture"),
    ],
)
def test_what_a_workflow_has_no_place_for_is_refused_in_a_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestRejected, match=says):
        parse(GRAPH, name="x").filled(order(**changes))


def test_words_alone_are_enough_for_a_workflow_of_words() -> None:
    graph = {"1": node("Text", "maquette_prompt", text=""), "2": node("SaveGLB", "maquette_model", filename_prefix="m")}

    assert parse(graph, name="x").filled(order(tokens={}, prompt="a cup"))["1"]["inputs"]["text"] == "a cup"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"nodes": [], "links": [], "version": 0.4}, "editor"),
        ([], "Export"),
        ({}, "Export"),
        ("text", "Export"),
        ({"1": {"class_type": "A"}}, "Export"),
        ({"prompt": GRAPH}, "Export"),
        ({"1": node("LoadImage", "maquette_image", image="")}, "no node titled maquette_model"),
        ({"3": node("SaveGLB", "maquette_model", filename_prefix="m")}, "maquette_image or maquette_prompt"),
        (GRAPH | {"4": node("A", "maquette_imge", image="")}, "means nothing here.*maquette_image_left"),
        (GRAPH | {"4": node("A", "maquette_seed", noise=1)}, "no input seed or noise_seed"),
        (GRAPH | {"4": node("A", "maquette_seed", seed=["2", 0])}, "its seed comes from another node"),
        (GRAPH | {"4": node("A", "", model=["9", 0])}, "node 4 to 9 leads nowhere"),
        ({str(number): node("A") for number in range(MOST_NODES + 1)}, "2001 nodes"),
    ],
)
def test_each_file_that_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path, document: object, says: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsInvalid, match=says) as raised:
        load_workflow(str(path))

    assert str(tmp_path) not in raised.value.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "not readable JSON"),
        (b"\xff\xfe\x00", "not readable JSON"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "Export"),
        (b"[" * 900 + b"]" * 900, "not readable JSON"),
        (b"[" * 100_000, "not readable JSON"),
        (b" " * (MOST_BYTES + 1), "larger than 2 MB"),
    ],
)
def test_a_broken_or_huge_file_is_refused_with_what_to_do(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=says):
        load_workflow(str(path))


def test_a_name_that_is_no_file_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"hunyuan3d-2\.1 or trellis-2"):
        load_workflow("hunyuan")
    with pytest.raises(SettingsInvalid):
        load_workflow(str(tmp_path))


def test_titles_are_the_only_thing_that_says_what_goes_where() -> None:
    graph = {key: {"class_type": each["class_type"], "inputs": each["inputs"]} for key, each in GRAPH.items()}
    with pytest.raises(SettingsInvalid, match="maquette_model"):
        parse(graph, name="x")


def test_the_manual_names_every_title_and_every_template_with_its_files_and_licence() -> None:
    manual = (ROOT / "docs" / "comfyui.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in manual.splitlines() if line.startswith("| `")}

    for name in template_names():
        workflow = load_workflow(name)
        assert workflow.licence in rows[name]
        assert all(f"`{folder}/{file}`" in rows[name] for folder, file in workflow.files)
    for role, names in ROLES.items():
        row = next(
            line for line in manual.splitlines() if line.startswith("| `maquette_") and f"`maquette_{role}`" in line
        )
        assert all(f"`{each}`" in row for each in names)


def test_every_file_of_a_template_is_of_one_of_them() -> None:
    names = {path.name for path in TEMPLATES.iterdir()}

    assert names == {f"{name}{end}" for name in template_names() for end in (".json", ".about.json")}
    assert set(ROLES) >= {"image", "prompt", "seed", "faces", "model"}
