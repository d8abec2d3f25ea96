"""100,000 jobs as a team has them after some years: most have ended, a few hundred are under way."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.domain.request_codec import to_old_columns
from core.ports.archive import JOBS, Record
from core.stores.records import COLUMNS, to_record
from core.stores.sqlite.archive import SqliteArchive
from tests.builders import asked, stored_image, stored_model
from tests.supabase.server import SupabaseLite

COUNT = 100_000
ENDS = (("completed", 88), ("failed", 8), ("cancelled", 3), ("timeout", 1))
UNDER_WAY = (("queued", 300), ("generating", 150), ("saving", 20), ("uncertain", 5), ("late", 5), ("blocked", 5))
NAMES = (
    "Golden Retriever",
    "Coffee Cup",
    "Chair",
    "Toy Car",
    "Große Vase",
    "犬のおもちゃ",
    "Lamp",
    "Sneaker",
    "Teapot",
)
COLOURS = ("red", "blue", "green", "old", "new", "tiny", "huge", "striped")
EVENTS = """
insert into public.job_events (job_id, at, after, status, attempt, note)
select id, created_at, stage, 'running', 0, 'note' from public.generated_images, generate_series(1, 4);
"""
STRANGERS = """
insert into public.seen_tasks (task_id, account, source)
select 'orphan-' || g, 'acc', 'usage' from generate_series(1, 30) g;
"""
RARE = "Zeppelin"  # in one name of 500


def crowd(count: int = COUNT, *, seed: int = 1) -> Iterator[Record]:
    """Records for both stores, oldest first; the last ones are under way and due."""
    luck = random.Random(seed)
    now = datetime.now(UTC)
    stages = [stage for stage, number in UNDER_WAY for _ in range(number)]
    luck.shuffle(stages)
    for number in range(1, count + 1):
        left = count - number
        created = now - timedelta(minutes=5 * left + luck.random())
        stage = stages[left] if left < len(stages) else "done"
        yield record(number, stage, created, luck)


def record(number: int, stage: str, created: datetime, luck: random.Random) -> Record:
    is_done = stage == "done"
    status = luck.choices(*zip(*ENDS, strict=True))[0] if is_done else ("timeout" if stage == "late" else "running")
    name = RARE if number % 500 == 0 else f"{luck.choice(COLOURS)} {luck.choice(NAMES)} {luck.randrange(1000)}"
    is_sent = stage not in ("queued", "blocked") and status != "cancelled"
    request = asked(image=stored_image(key=f"images/{number}/cup.jpg"))
    options, image, _ = to_old_columns(request)
    values: Record = dict.fromkeys(COLUMNS[JOBS]) | {
        "id": number,
        "session_id": f"s{number % 50}",
        "target_object": name,
        "iteration": 1,
        "status": status,
        "stage": stage,
        "created_at": created,
        "updated_at": created + timedelta(minutes=2),
        "generator": "tripo",
        "category": "standard",
        "kind": request.kind.value,
        "request": request.to_json(),
        "options": options,
        "image": image,
        "model": vars_of(stored_model(key=f"models/{number}/cup.glb")) if status == "completed" else None,
        "progress": 100 if status == "completed" else 0,
        "attempt": int(is_sent),
        "nonce": number if is_sent else None,
        "image_token": f"token-{number}" if is_sent else None,
        "task_id": str(uuid.UUID(int=number)) if is_sent and stage != "uncertain" else None,
        "epoch": 1,
        "next_poll_at": created if stage in ("generating", "late", "saving") else None,
        "missed_count": 0,
        "started_at": created if is_sent else None,
        "finished_at": created + timedelta(minutes=2) if is_done else None,
        "intent_at": created if is_sent else None,
        "account": "acc" if is_sent else None,
        "settle_scans": 0,
        "fetch_tries": 0,
        "usage_seen_at": created if is_sent else None,
        "credits_estimate": 30,
        "credits_used": 30 if status == "completed" else None,
        "error_code": "2008" if status == "failed" else None,
        "request_hash": "h",
    }
    return to_record(JOBS, values)


def vars_of(value: object) -> Record:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def batches(records: Iterator[Record], size: int = 2000) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for each in records:
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def fill_supabase(server: SupabaseLite, count: int = COUNT) -> None:
    """Through the database itself: a hundred thousand rows over REST take minutes."""
    calls = (
        f"select public.maquette_restore('generated_images', $rows${json.dumps(batch)}$rows$);"
        for batch in batches(crowd(count))
    )
    server.sql("\n".join([*calls, EVENTS, STRANGERS, "vacuum analyze;"]))


def fill_sqlite(path: Path, count: int = COUNT) -> None:
    archive = SqliteArchive(path)
    for batch in batches(crowd(count)):
        archive.restore("generated_images", batch)
    archive.close()
