"""The table in a zip of several models, opened in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from core.services.batch import FIELDS, _table


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\t", "\r", "\n"]
)
@pytest.mark.parametrize("before", ["", " ", "\u3000", "\u00a0"])
def test_no_text_begins_a_formula_whatever_kind_of_sign_it_has(sign: str, before: str) -> None:
    text = f'{before}{sign}HYPERLINK("https://evil.example")'
    row = dict.fromkeys(FIELDS, text) | {"job": 1}

    (told,) = csv.DictReader(io.StringIO(_table([row]).removeprefix("\ufeff"), newline=""))

    assert told["object"] == told["note"] == f"'{text}"


@pytest.mark.parametrize("value", ["Cup", "Cup = mug", "a-b", "杯", 5, -5, None, ""])
def test_other_values_stay_as_they_are(value: object) -> None:
    (told,) = csv.DictReader(io.StringIO(_table([dict.fromkeys(FIELDS, value)]).removeprefix("\ufeff"), newline=""))

    assert told["object"] == ("" if value is None else str(value))
