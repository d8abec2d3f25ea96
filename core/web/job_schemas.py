"""The description of `POST /api/jobs`: a schema for each kind, made of what the known generators declare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.connected import known as known_generators
from core.domain.declaration import Choice, ChoiceType, Declaration
from core.domain.request import Kind, Slot
from core.services.requests import MAX_NAME, MAX_SESSION
from core.web.described import MAKES_A_JOB, REFERENCE
from core.web.job_bodies import MOST_JOB, PICTURES

Json = dict[str, Any]
STORABLE = r"^[^\u0000]*$"
TYPES = {
    ChoiceType.ONE_OF: "string",
    ChoiceType.YES_NO: "boolean",
    ChoiceType.WHOLE: "integer",
    ChoiceType.NUMBER: "number",
}
BODIES: Json = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": f"{REFERENCE}Job"},
                "examples": {kind.value: {"value": {"kind": kind.value, **kind.about.example}} for kind in Kind.all()},
            },
            "multipart/form-data": {"schema": {"$ref": f"{REFERENCE}JobForm"}},
        },
    },
    **MAKES_A_JOB,
}


def job_schemas(known: Sequence[Declaration] | None = None) -> dict[str, Json]:
    """By name: of each kind's body and parameters, of what may be any of them, and of the form."""
    known = known_generators() if known is None else known
    schemas: dict[str, Json] = {}
    fields: dict[str, Json] = {}
    for kind in Kind.all():
        able = [each for each in known if each.offer(kind) is not None]
        schemas[f"{_name(kind)}Parameters"] = _parameters(kind, able)
        schemas[_name(kind)] = _body(kind, able)
        fields |= schemas[_name(kind)]["properties"]
    named = {kind.value: f"{REFERENCE}{_name(kind)}" for kind in Kind.all()}
    schemas["Job"] = {
        "oneOf": [{"$ref": reference} for reference in named.values()],
        "discriminator": {"propertyName": "kind", "mapping": named},
        "description": "A job of any kind; without `kind` it is told by what was sent.",
    }
    schemas["JobForm"] = _form(fields, [each.name for each in known])
    return schemas


def _form(fields: Mapping[str, Json], names: Sequence[str]) -> Json:
    """One for all kinds: tools cannot tell files from texts in a choice of several schemas."""
    files = {
        name: {"type": "string", "format": "binary", "description": f"The picture of the {slot.value}, or {name}Url."}
        for slot, name in PICTURES.items()
    }
    properties = {
        "kind": {"type": "string", "enum": [kind.value for kind in Kind.all()]},
        "generator": fields["generator"] | {"enum": list(names)},
        "parameters": {"type": "string", "description": "JSON, as `parameters` of the kind.", "examples": ["{}"]},
    }
    return {
        "type": "object",
        "description": "As `Job`, with pictures as files. A field that is left empty counts as left out.",
        "properties": {**fields, **properties, **files},
        "additionalProperties": False,
    }


def _name(kind: Kind) -> str:
    return kind.value.title().replace("_", "")


def _body(kind: Kind, able: Sequence[Declaration]) -> Json:
    """The texts of a kind, and the addresses of its pictures."""
    addresses = {slot: f"{PICTURES[slot]}Url" for slot in kind.about.slots}
    properties = {
        name: {"type": "string", "pattern": STORABLE, "description": _of(slot)} for slot, name in addresses.items()
    }
    front = [name for slot, name in addresses.items() if slot is Slot.FRONT]
    sides = [name for name in properties if name not in front]
    body: Json = {
        "type": "object",
        "title": kind.about.words.capitalize(),
        "properties": _texts(kind, able) | {"parameters": {"$ref": f"{REFERENCE}{_name(kind)}Parameters"}} | properties,
        "required": [*_needed(kind), *front],
        "additionalProperties": False,
        "examples": [{"kind": kind.value, **kind.about.example}] if kind.about.example else [],
    }
    return body | ({"anyOf": [{"required": [name]} for name in sides]} if sides else {})


def _needed(kind: Kind) -> list[str]:
    if kind.about.is_of_a_job:
        return ["source"]
    return ["targetObject", *(text.api_name for text in kind.about.texts if text.is_needed)]


def _of(slot: Slot) -> str:
    return f"http(s) address of the picture of the {slot.value}."


def _texts(kind: Kind, able: Sequence[Declaration]) -> dict[str, Json]:
    properties: dict[str, Json] = {"kind": {"type": "string", "enum": [kind.value]}}
    if able:
        properties["generator"] = {
            "type": "string",
            "enum": [each.name for each in able],
            "description": "Who makes it, of those connected; left out, the usual one that can.",
        }
    if kind.about.is_of_a_job:
        source = {"type": "integer", "minimum": 1, "maximum": MOST_JOB}
        return properties | {"source": source | {"description": "The finished job whose model becomes another file."}}
    properties["targetObject"] = _text(MAX_NAME, "What it is called.") | {"minLength": 1}
    properties["sessionId"] = _text(MAX_SESSION, "Any text that groups your jobs.")
    properties["iteration"] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 1}
    for text in kind.about.texts:
        properties[text.api_name] = _text(text.most, text.means) | ({"minLength": 1} if text.is_needed else {})
    return properties


def _text(most: int, words: str) -> Json:
    return {"type": "string", "maxLength": most, "pattern": STORABLE, "description": words}


def _parameters(kind: Kind, able: Sequence[Declaration]) -> Json:
    """Every choice that a known generator has; its words say whose it is."""
    owned: dict[str, list[tuple[Declaration, Choice]]] = {}
    for maker in able:
        offer = maker.offer(kind)
        for choice in () if offer is None else offer.all_choices:
            owned.setdefault(choice.name, []).append((maker, choice))
    return {
        "type": "object",
        "properties": {name: _parameter(owners) for name, owners in owned.items()},
        "additionalProperties": False,
        "description": "The choices; `GET /generators` says which of them go together.",
    }


def _parameter(owners: Sequence[tuple[Declaration, Choice]]) -> Json:
    by_type: dict[str, list[Choice]] = {}
    for _, choice in owners:
        by_type.setdefault(TYPES[choice.type], []).append(choice)
    shapes = [_shape(name, choices) for name, choices in by_type.items()]
    words = " ".join(dict.fromkeys(_words(maker, choice) for maker, choice in owners))
    return (shapes[0] if len(shapes) == 1 else {"anyOf": shapes}) | {"description": words}


def _shape(name: str, choices: Sequence[Choice]) -> Json:
    """What at least one of them takes."""
    shape: Json = {"type": name}
    if all(choice.values for choice in choices):
        shape["enum"] = list(dict.fromkeys(value for choice in choices for value in choice.values))
    least = [choice.least for choice in choices if choice.least is not None]
    most = [choice.most for choice in choices if choice.most is not None]
    if len(least) == len(choices):
        shape["minimum"] = min(least)
    if len(most) == len(choices):
        shape["maximum"] = max(most)
    return shape


def _words(maker: Declaration, choice: Choice) -> str:
    usual = "" if choice.default is None else f" Usually {json.dumps(choice.default)}."
    return f"{maker.label}: {choice.label}.{f' {choice.help}' if choice.help else ''}{usual}"
