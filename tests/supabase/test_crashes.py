"""The crash sweep on Supabase: processes killed before and after each call of the database, others take over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.ports.job_store import JobStore
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.conftest import Tell
from tests.crash.bench import STORIES, Bench, Fakes, fakes
from tests.crash.zygote import Zygote
from tests.supabase.project import prepare
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
STRIDE = 7  # every seventh point; the sweep on SQLite takes them all
LONG_STRIDE = 23  # for each change


class SupabaseBench(Bench):
    """As on SQLite, with the job table in the database."""

    def __init__(self, server: SupabaseLite, folder: Path, fakes: Fakes, zygote: Zygote) -> None:
        super().__init__(folder, fakes, zygote)
        self._server = server
        self._is_fresh: set[Path] = set()

    @property
    def supabase(self) -> tuple[str, str]:
        return self._server.url, self._server.secret_key

    def table(self) -> JobStore:
        connection = Connection(*self.supabase)
        if self.folder not in self._is_fresh:
            self._is_fresh.add(self.folder)
            at = self.clock.now().isoformat()
            connection.tried(lambda client: client.rpc("test_reset", {"p_at": at}).execute())
        return SupabaseJobStore(connection)


@pytest.fixture(scope="module")
def bench(new_supabase: SupabaseLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    prepare(new_supabase, test_clock=True)
    with fakes() as made, Zygote() as zygote:
        yield SupabaseBench(new_supabase, tmp_path_factory.mktemp("sweep"), made, zygote)


@pytest.mark.parametrize("name", ["normal", "answer lost", "conversion, answer lost"])
def test_killed_at_a_point_a_second_and_a_third_process_bring_the_job_to_its_end(
    bench: Bench, name: str, tell: Tell, every: int
) -> None:
    killed, checks, point = 0, 0, 1
    stride = STRIDE if every == 1 else LONG_STRIDE
    while True:
        life = bench.fresh(STORIES[name])
        ended = bench.zygote.run(replace(life, point=point))
        if ended == "exit 0":
            break
        assert ended == "SIGKILL"
        # the second is killed as well, a little later in its own life
        bench.zygote.run(replace(life, owner="b", point=point + 7))
        assert bench.zygote.run(replace(life, owner="c")) == "exit 0"
        checks += bench.check(f"{name}, killed at point {point} ({bench.point()})")
        killed += 1
        point += stride
    tell(points_killed_on_supabase=killed, invariants_checked=checks)
    assert killed > 140 / stride
