"""The jobs that are selected in the table, by number: the table itself knows positions only, and they move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

memory = st.session_state


def numbers() -> frozenset[int]:
    """Of all pages and filters of this visit."""
    return frozenset(memory.get("selection", ()))


def clear() -> None:
    """Tick none."""
    memory.selection = frozenset()


def show(key: str, jobs: Sequence[int]) -> None:
    """Before a table is drawn with these jobs: select the rows where the selected ones are now."""
    rows = sorted(_places(jobs))
    if key not in memory or memory[key]["selection"]["rows"] != rows:
        memory[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    if memory.get("shown_jobs") != list(jobs):
        memory.shown_before = memory.get("shown_jobs", [])
        memory.shown_jobs = list(jobs)


def take(key: str) -> None:
    """After a person selected: note the numbers of the rows."""
    rows = {int(row) for row in memory[key]["selection"]["rows"]}
    # a tick may have been on its way while a new job moved all rows: then it fits what was shown before
    drawn = min((memory.shown_jobs, memory.shown_before), key=lambda jobs: len(rows ^ _places(jobs)))
    memory.selection = (numbers() - set(drawn)) | {drawn[row] for row in rows if row < len(drawn)}


def _places(jobs: Iterable[int]) -> set[int]:
    selection = numbers()
    return {place for place, job in enumerate(jobs) if job in selection}
