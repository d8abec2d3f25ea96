"""Servers shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.supabase.project import prepare
from tests.supabase.server import SupabaseLite


@pytest.fixture(scope="module")
def project() -> Iterator[SupabaseLite]:
    """With the product's update, and the database's own clock."""
    with SupabaseLite(durable=False) as server:
        prepare(server, test_clock=False)
        yield server
