"""The jobs that were ticked in the table, kept by number: the table itself knows positions only, and they move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

memory = st.session_state


def numbers() -> frozenset[int]:
    """Of all pages and filters of this visit."""
    return frozenset(memory.get("ticked", ()))


def clear() -> None:
    """Tick none."""
    memory.ticked = frozenset()


def show(key: str, jobs: Sequence[int]) -> None:
    """Before a table is drawn with these jobs: tick the rows where the ticked ones are now."""
    rows = sorted(_places(jobs))
    if key not in memory or memory[key]["selection"]["rows"] != rows:
        memory[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    if memory.get("shown_jobs") != list(jobs):
        memory.shown_before = memory.get("shown_jobs", [])
        memory.shown_jobs = list(jobs)


def take(key: str) -> None:
    """After a person ticked: note the numbers of the rows."""
    rows = {int(row) for row in memory[key]["selection"]["rows"]}
    # a tick may have been on its way while a new job moved all rows: then it fits what was shown before
    drawn = min((memory.shown_jobs, memory.shown_before), key=lambda jobs: len(rows ^ _places(jobs)))
    memory.ticked = (numbers() - set(drawn)) | {drawn[row] for row in rows if row < len(drawn)}


def _places(jobs: Iterable[int]) -> set[int]:
    ticked = numbers()
    return {place for place, job in enumerate(jobs) if job in ticked}
