"""Both job stores give the same answers to every verb of the port, in any order that Hypothesis can think of.

`make differential LIVES=2000` makes up so many lives, each time others; without it there are a few, always the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from core.stores.supabase.connection import Connection
from tests.builders import Category
from tests.differential.both import public_verbs
from tests.differential.life import HELD, READING, Life
from tests.supabase.project import prepare
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
LIVES = int(os.environ.get("DIFFERENTIAL", "0"))


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with SupabaseLite(durable=False) as server:
        prepare(server, test_clock=True)
        connection = Connection(server.url, server.secret_key)
        yield connection
        connection.close()


def test_every_verb_of_the_port_is_compared(connection: Connection) -> None:
    """One life in which each rule is followed once: a verb that no rule knows is seen here."""
    Life.connection, Life.used = connection, set()
    life = Life()
    life.begin(depths=[10, 5], way=0)
    life.add(name="Cup", way=0, category=Category.STANDARD, most=90)
    for verb in HELD:
        life.claim_queued(owner="a", most=9, limit=4)
        life.write_with_a_claim(verb=verb, which=0, way=2, task="task-1")
    life.claim(owner="b", generator="tripo", limit=3, seconds=5.0)
    life.adopt_task(which=0, way=1, task="task-2")
    life.note_polls(which=[0, 1], way=1, progress=50)
    for verb in ("cancel", "fetch_now", "send_again"):
        life.decide(verb=verb, number=2)
    life.sweep(age_s=30.0, generator="tripo", available=None)
    for way in range(3):
        life.learn_of_the_account(generator="tripo", account="acc", way=way)
    life.note_usage(account="acc", way=0, tasks=["task-1"], credits_used=Decimal(25))
    life.keep_orphaned(tasks=["task-3", "task-3"], way=1, number=1)
    life.note_delivery(account="acc", number=1, which=0, task="task-4")
    life.search(search="cup", statuses=frozenset())
    life.read(number=1, way=1, task="task-1", verbs=set(READING))
    life.live_on(owner="a")
    life.teardown()

    assert public_verbs() - Life.used == {"installation"}  # each table has a name of its own


def test_no_answer_of_one_store_differs_from_that_of_the_other(connection: Connection) -> None:
    Life.connection = connection
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=LIVES or 20,
            stateful_step_count=25,
            deadline=None,
            # a difference is told as it was found: to make it smaller takes longer than to read it
            phases=[Phase.generate],
            derandomize=not LIVES,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
