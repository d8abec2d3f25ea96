"""Servers shared by the tests of a module."""

from __future__ import annotations

import pytest

from tests.supabase.project import prepare
from tests.supabase.server import SupabaseLite


@pytest.fixture(scope="module")
def project(new_supabase: SupabaseLite) -> SupabaseLite:
    """With the product's update, and the database's own clock."""
    prepare(new_supabase, test_clock=False)
    return new_supabase
