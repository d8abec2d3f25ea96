"""What Supabase answers when it does not do as asked, in words an operator can act on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.domain.errors import MaquetteError, ObjectMissing, StorageFull, StoreUnavailable
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.object_store import SupabaseObjectStore, _place

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
        ("413", "Payload too large", StorageFull, "size limit of the bucket maquette-models"),
        ("400", "The object exceeded the maximum allowed size", StorageFull, "size limit of the bucket"),
        ("400", "exceeded quota", StorageFull, "quota is reached. Make room"),
        ("507", "Insufficient storage", StorageFull, "quota is reached"),
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


def test_a_file_that_is_too_large_is_told_with_its_size_and_the_limit_it_met(project: Answers) -> None:
    project.says(413, statusCode="413", error="x", message="The object exceeded the maximum allowed size")

    with pytest.raises(StorageFull, match=r"the file of 3\.0 MB: the size limit of the bucket maquette-images"):
        SupabaseObjectStore(project.connection, cache=None).put("images/a.jpg", bytes(3 * 2**20), media_type="x")


def test_room_in_the_cache_is_not_made_of_what_another_is_still_writing(project: Answers, tmp_path: Path) -> None:
    unfinished = tmp_path / ".1.part"
    unfinished.write_bytes(b"half a file")
    store = SupabaseObjectStore(project.connection, cache=tmp_path, cache_bytes=1)
    project.says(200, a="file")
    for number in range(3):
        store.get(f"models/{number}/cup.glb")

    assert unfinished.is_file()
    assert len([path for path in tmp_path.iterdir() if path != unfinished]) == 1


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
