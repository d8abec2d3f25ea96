"""What `/prompt` checks before it queues a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fake_comfyui.nodes import KINDS, MOST, Kind, options

Graph = dict[str, dict[str, Any]]
TRACE = ['  File "/srv/comfy/execution.py", line 700, in validate\n']


def error(type_: str, message: str, details: str = "", **extra: Any) -> dict[str, Any]:
    return {"type": type_, "message": message, "details": details, "extra_info": extra}


def is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


class Check:
    """The outcome: `error` of the whole, errors by node, and the outputs that can be made."""

    def __init__(
        self, graph: Graph, files: dict[str, list[str]], has_picture: Callable[[str], bool], gone: set[str]
    ) -> None:
        self.graph, self._files, self._has_picture = graph, files, has_picture
        self.error: dict[str, Any] | None = None
        self.node_errors: dict[str, Any] = {}
        self.outputs: list[str] = []
        missing = next((n["class_type"] for n in graph.values() if n["class_type"] not in KINDS.keys() - gone), None)
        if missing is not None:  # only the first one is told
            self.error = error(
                "missing_node_type", f"Node '{missing}' not found. The custom node may not be installed."
            )
            return
        ends = [key for key, node in graph.items() if KINDS[node["class_type"]].is_output]
        if not ends:
            self.error = error("prompt_no_outputs", "Prompt has no outputs")
            return
        for end in ends:
            if self._is_good(end, end, set()):
                self.outputs.append(end)
        if not self.outputs:
            self.error = error("prompt_outputs_failed_validation", "Prompt outputs failed validation")

    def _is_good(self, key: str, end: str, seen: set[str]) -> bool:
        node = self.graph[key]
        kind = KINDS[node["class_type"]]
        found = self._errors(node, kind)
        is_good = not found
        for value in node["inputs"].values():
            if is_link(value) and value[0] in self.graph and value[0] not in seen:
                is_good &= self._is_good(value[0], end, seen | {key})
        if found:
            told = {"errors": found, "dependent_outputs": [], "class_type": node["class_type"]}
            told = self.node_errors.setdefault(key, told)
            told["dependent_outputs"] = sorted({*told["dependent_outputs"], end})
        return is_good

    def _errors(self, node: dict[str, Any], kind: Kind) -> list[dict[str, Any]]:
        found = []
        required = kind.inputs(optional=False)
        for name, type_ in (required | kind.inputs(optional=True)).items():
            if name in node["inputs"]:
                found += self._of_value(name, type_, node["inputs"][name])
            elif name in required:
                found.append(error("required_input_missing", "Required input is missing", name, input_name=name))
        return found

    def _of_value(self, name: str, type_: str, value: Any) -> list[dict[str, Any]]:
        more = {"input_name": name, "received_value": value}
        if is_link(value):
            if value[0] not in self.graph:
                told = error("exception_during_validation", "Exception when validating node", repr(value[0]), **more)
                return [told | {"extra_info": more | {"traceback": TRACE}}]
            given = KINDS[self.graph[value[0]]["class_type"]].gives.split()[value[1]]
            fits = given == type_ or {given, type_} <= {"INT", "SEED"}
            return [] if fits else [error("return_type_mismatch", "Return type mismatch between linked nodes", **more)]
        offered = options(type_, self._files)
        if offered is not None and value not in offered:
            return [error("value_not_in_list", "Value not in list", f"{name}: {value!r} not in {offered}", **more)]
        if type_ == "PICTURE" and not self._has_picture(str(value)):
            return [
                error(
                    "custom_validation_failed",
                    "Custom validation failed",
                    f"{name} - Invalid image file: {value}",
                    **more,
                )
            ]
        if type_ in MOST:
            try:
                number = float(value)
            except (TypeError, ValueError):
                return [error("invalid_input_type", "Failed to convert an input value", **more)]
            if number < 0:
                return [error("value_smaller_than_min", f"Value {value} smaller than min of 0", **more)]
            if number > MOST[type_]:
                return [error("value_bigger_than_max", f"Value {value} bigger than max", **more)]
        return []
