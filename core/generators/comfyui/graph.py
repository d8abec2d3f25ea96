"""Nodes and the links between them, as ComfyUI's API takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Graph = dict[str, dict[str, Any]]


def links(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Its inputs that come from other nodes: name of the input, id of the other."""
    for name, value in node["inputs"].items():
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
            yield name, value[0]


def without(graph: Graph, unused: set[str], *, front: set[str]) -> Graph:
    """Leave out the views that were not given, with all that hangs on them alone, up to where it meets the front."""
    seen = _downstream(graph, front)
    gone = set(unused)
    while more := {
        key for key, node in graph.items() if key not in gone | seen and any(other in gone for _, other in links(node))
    }:
        gone |= more
    kept = {key: node for key, node in graph.items() if key not in gone}
    for node in kept.values():
        cut = [name for name, other in links(node) if other in gone]
        node["inputs"] = {name: value for name, value in node["inputs"].items() if name not in cut}
    return kept


def _downstream(graph: Graph, start: set[str]) -> set[str]:
    found = set(start)
    while more := {
        key for key, node in graph.items() if key not in found and any(other in found for _, other in links(node))
    }:
        found |= more
    return found
