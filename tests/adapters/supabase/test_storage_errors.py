"""What Supabase answers when it does not do as asked, in words an operator can act on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.adapters.supabase.connection import Connection
from core.adapters.supabase.job_store import SupabaseJobStore
from core.adapters.supabase.object_store import SupabaseObjectStore, _place
from core.domain.errors import MaquetteError, ObjectMissing, StorageFull, StoreUnavailable

KEY = "sb_secret_of_the_test"


class Answers:
    """A project that answers everything with the same."""

    def __init__(self) -> None:
        self.status, self.body = 200, {}
        self.error: Exception | None = None
        self.calls = 0
        self.connection = Connection("https://x.supabase.co", KEY, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return httpx.Response(self.status, json=self.body, request=request)

    def says(self, status: int, **body: Any) -> None:
        self.status, self.body = status, body


@pytest.fixture
def project() -> Iterator[Answers]:
    answers = Answers()
    yield answers
    answers.connection.close()


@pytest.mark.parametrize(
    ("status", "message", "error", "words"),
    [
        ("404", "Object not found", ObjectMissing, "not there any more"),
        ("404", "Bucket not found", StoreUnavailable, "database_schema_update.sql"),
        ("413", "The object exceeded the maximum allowed size", StorageFull, "quota is reached"),
        ("400", "exceeded quota", StorageFull, "Raise the limit"),
        ("403", "Unauthorized", StoreUnavailable, "secret key"),
        ("500", "Internal", StoreUnavailable, "tried again"),
    ],
)
def test_storage_says_what_to_do(
    project: Answers, tmp_path: Path, status: str, message: str, error: type[MaquetteError], words: str
) -> None:
    store = SupabaseObjectStore(project.connection, cache=tmp_path)
    project.says(int(status), statusCode=status, error="x", message=message)

    with pytest.raises(error, match=words):
        store.get("models/1/cup.glb")


@pytest.mark.parametrize(
    ("status", "code", "message", "words"),
    [
        (404, "PGRST202", "Could not find the function public.maquette_jobs(p_ids) in the schema cache", "SQL editor"),
        (404, "PGRST205", "Could not find the table", "SQL editor"),
        (401, None, "Invalid API key", "SUPABASE_KEY"),
        (403, "42501", "permission denied for table generated_images", "SUPABASE_KEY"),
        (401, "PGRST301", "JWT expired", "SUPABASE_KEY"),
        (500, "XX000", "internal error", "tried again"),
    ],
)
def test_the_database_says_what_to_do(
    project: Answers, status: int, code: str | None, message: str, words: str
) -> None:
    project.says(status, code=code, message=message, details=None, hint=None)

    with pytest.raises(StoreUnavailable, match=words) as caught:
        SupabaseJobStore(project.connection).get(1)
    assert KEY not in caught.value.message


def test_a_project_that_is_away_is_asked_a_few_times_and_then_named(project: Answers) -> None:
    project.error = httpx.ConnectError("no route")

    with pytest.raises(StoreUnavailable, match="cannot be reached now"):
        SupabaseJobStore(project.connection).now()
    assert project.calls == 3


def test_nothing_shows_the_key(project: Answers) -> None:
    assert KEY not in repr(project.connection)


@pytest.mark.parametrize("name", ["größe-犬", "a b", "100%", "x=y"])
def test_names_in_any_script_become_names_that_storage_takes(name: str) -> None:

    bucket, path = _place(f"models/7/{name}.glb")
    assert bucket == "maquette-models"
    assert path.isascii()
    assert path.startswith("7/")
    assert not set(path) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./=_-")
