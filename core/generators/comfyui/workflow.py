"""A graph that ComfyUI can run, and which of its inputs are filled for each job."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.domain.errors import RequestRejected, SettingsInvalid
from core.generators.comfyui.graph import Graph, links, without
from core.generators.comfyui.order import ComfyOrder

Slot = tuple[str, str]  # node id, name of its input

MODEL, IMAGE, PROMPT, NEGATIVE, FACES = "model", "image", "prompt", "negative_prompt", "faces"
VIEWS = ("image_left", "image_back", "image_right")
ROLES: Mapping[str, tuple[str, ...]] = {  # the title without `maquette_` → inputs that it may mean, the first one found
    IMAGE: ("image",),
    **dict.fromkeys(VIEWS, ("image",)),
    PROMPT: ("text", "prompt", "value"),
    NEGATIVE: ("text", "prompt", "value"),
    "seed": ("seed", "noise_seed", "value"),
    FACES: ("target_face_count", "max_faces", "value"),
    MODEL: ("filename_prefix",),
}
TITLE = re.compile(r"maquette_(\w+)")
FOLDER = "maquette"  # in ComfyUI's folders for input and output
MOST_NODES = 2000
EXPORT = "In ComfyUI choose Workflow, then Export (API), and use the file that it saves."


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Ready to be filled.

    Attributes:
        roles: inputs by role; every one of a role is filled with the same value.
        weights: how much of the whole work a node is, for progress.
        files: folder and name of files of weights that it needs, where known.
        makes, licence, licence_url: for people who choose it; empty for a graph of the operator's own.
    """

    name: str
    label: str
    graph: Graph = field(repr=False)
    roles: Mapping[str, tuple[Slot, ...]]
    weights: Mapping[str, float]
    files: tuple[tuple[str, str], ...] = ()
    min_version: str = "0.26"
    makes: str = ""
    licence: str = ""
    licence_url: str = ""

    def has(self, role: str) -> bool:
        return role in self.roles

    @property
    def save_nodes(self) -> tuple[str, ...]:
        return tuple(node for node, _ in self.roles[MODEL])

    def filled(self, order: ComfyOrder) -> Graph:
        """The graph of one job. Sides that it has no place for are left out, as long as it has one for another.

        Raises: RequestRejected, when it has no place for what is asked for.
        """
        values: dict[str, Any] = {
            **{_role(slot): token for slot, token in order.tokens.items()},
            PROMPT: order.prompt,
            NEGATIVE: order.negative_prompt or None,
            "seed": order.seed,
            FACES: order.faces,
            MODEL: f"{subfolder(order.attempt_id)}/model",
        }
        sides = [view for view in VIEWS if values.get(view) is not None]
        used = [view for view in sides if self.has(view)] or sides
        self._check(role for role in (IMAGE, *used, PROMPT, NEGATIVE) if values.get(role) is not None)
        graph = copy.deepcopy(self.graph)
        for role, slots in self.roles.items():
            for node, name in slots:
                if values.get(role) is not None:
                    graph[node]["inputs"][name] = values[role]
        unused = {node for view in VIEWS if values.get(view) is None for node, _ in self.roles.get(view, ())}
        return without(graph, unused, front={node for node, _ in self.roles.get(IMAGE, ())})

    def _check(self, roles: Iterable[str]) -> None:
        given = list(roles)
        missing = [role for role in given if role not in self.roles]
        if missing:
            raise RequestRejected(
                f"The ComfyUI workflow {self.label} has no place for this: no node is titled maquette_{missing[0]}. "
                "It cost nothing. Choose another generator, or ask the operator for another workflow."
            )
        if IMAGE in self.roles and IMAGE not in given:
            raise RequestRejected(f"The ComfyUI workflow {self.label} needs a picture. It cost nothing.")


def _role(slot: str) -> str:
    """Of a picture's slot: image, left, back, right."""
    return slot if slot == IMAGE else f"{IMAGE}_{slot}"


def subfolder(attempt_id: str) -> str:
    """Where the results of one attempt lie, and of no other."""
    return f"{FOLDER}/{attempt_id}"


def parse(document: object, *, name: str, about: Mapping[str, Any] | None = None) -> Workflow:
    """A graph as ComfyUI exports it for its API. Raises: SettingsInvalid, with what to do."""
    graph = _checked(document, name)
    roles: dict[str, list[Slot]] = {}
    for key, node in graph.items():
        for role in TITLE.findall(_title(node).lower()):
            roles.setdefault(role, []).append((key, _input_for(role, key, node, name)))
    if MODEL not in roles:
        raise SettingsInvalid(
            f"The workflow {name} has no node titled maquette_model. Title the node that saves the GLB."
        )
    if IMAGE not in roles and PROMPT not in roles:
        raise SettingsInvalid(
            f"The workflow {name} has no node titled maquette_image or maquette_prompt, so nothing could be put in. "
            "Title the node that loads the picture."
        )
    about = about or {}
    return Workflow(
        name=name,
        label=about.get("label", name),
        graph=graph,
        roles={role: tuple(slots) for role, slots in roles.items()},
        weights=about.get("weights") or _steps(graph),
        files=tuple((folder, file) for folder, file in about.get("files", ())),
        min_version=about.get("min_version", "0.26"),
        makes=about.get("makes", ""),
        licence=about.get("licence", ""),
        licence_url=about.get("licence_url", ""),
    )


def _checked(document: object, name: str) -> Graph:
    if isinstance(document, dict) and isinstance(document.get("nodes"), list):
        raise SettingsInvalid(
            f"The workflow {name} is a file of ComfyUI's editor, which its API does not take. {EXPORT}"
        )
    if not isinstance(document, dict) or not document or not all(map(_is_node, document.values())):
        raise SettingsInvalid(f"The workflow {name} is not a graph in ComfyUI's API format. {EXPORT}")
    if len(document) > MOST_NODES:
        raise SettingsInvalid(f"The workflow {name} has {len(document)} nodes; at most {MOST_NODES} are taken.")
    lost = next(
        (f"{key} to {other}" for key, node in document.items() for _, other in links(node) if other not in document),
        None,
    )
    if lost is not None:
        raise SettingsInvalid(f"The workflow {name} is broken: a link from node {lost} leads nowhere. {EXPORT}")
    return document


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def _title(node: Mapping[str, Any]) -> str:
    meta = node.get("_meta")
    return str(meta.get("title", "")) if isinstance(meta, dict) else ""


def _input_for(role: str, key: str, node: Mapping[str, Any], name: str) -> str:
    where = f"In the workflow {name}, node {key} ({node['class_type']}) is titled maquette_{role}"
    if role not in ROLES:
        raise SettingsInvalid(
            f"{where}, which means nothing here. There are: {', '.join(f'maquette_{each}' for each in ROLES)}."
        )
    found = next((each for each in ROLES[role] if each in node["inputs"]), None)
    if found is None:
        raise SettingsInvalid(
            f"{where}, but has no input {' or '.join(ROLES[role])}. Give the title to the node that has it."
        )
    if found in dict(links(node)):
        raise SettingsInvalid(f"{where}, but its {found} comes from another node. Give the title to that node.")
    return found


def _steps(graph: Graph) -> dict[str, float]:
    """Samplers are most of the work: each weighs as many steps as it makes, any other node one."""
    steps = {key: node["inputs"].get("steps") for key, node in graph.items()}
    return {key: float(count) if isinstance(count, int) and 0 < count < 10_000 else 1.0 for key, count in steps.items()}
