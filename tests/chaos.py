"""`python -m tests.chaos 5`: five minutes of real processes on one job table, with kills, standstills and faults.

With PostgreSQL installed: two servers and a headless worker on a Supabase-compatible server, whose database is
restarted as in a crash, whose connections are cut, which is killed itself, and whose line to the processes becomes
slow, goes silent or loses answers. Without: two servers on a SQLite file.

Jobs are of one picture, of several views, or of words at Tripo, of one picture at ComfyUI, whose server is started
again now and then, or of one or two pictures on the built-in engine, whose child processes die with their servers. The
fake Tripo's ledger judges what is paid: it traces each task to the (front) picture that was uploaded for it, or to its
words; each picture and each text belongs to one job. Exits with 1 when a job was made twice at Tripo, a task was lost,
a job did not come to its end, or one that costs nothing ended without its model, or asked a person.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image, ImageDraw

from core.bootstrap import build_services
from core.domain.errors import StoreUnavailable
from core.domain.request import Kind
from core.generators.comfyui.declaration import NAME as COMFYUI
from core.generators.offline.declaration import NAME as ENGINE
from core.generators.tripo.declaration import NAME as TRIPO
from core.services.requests import SubmitRequest
from core.settings import Settings
from tests.fake_comfyui.server import FakeComfy
from tests.fake_comfyui.server import running as comfy_running
from tests.fake_tripo.pricing import views_of
from tests.fake_tripo.server import FakeTripo, running
from tests.fake_tripo.webhooks import SECRET, delivery, signed
from tests.serving import ServerProcess, start
from tests.supabase.project import prepare
from tests.supabase.proxy import Line
from tests.supabase.server import SupabaseLite

LEASE_S, SETTLE_S, USAGE_LAG_S, TASK_S, FAULTS = 6, 60, 8.0, 6.0, 0.15
HEAL_S = 600.0
FREE_KINDS = {
    "at ComfyUI": (COMFYUI, Kind.IMAGE),
    "on the engine": (ENGINE, Kind.IMAGE),
    "views on the engine": (ENGINE, Kind.MULTIVIEW),
}
PAUSE = threading.Event()


File = tuple[str, bool]  # the task of the model, and whether its faces become four-sided


def _file_of(options: str | dict[str, Any]) -> File | None:
    """What a job converts; None when it makes a model."""
    conversion = (json.loads(options) if isinstance(options, str) else options).get("conversion")
    return None if conversion is None else (conversion["task_id"], conversion["quad"])


def _words_of(request: str | dict[str, Any]) -> str | None:
    """What a job is made of, where that is words."""
    prompt: str | None = (json.loads(request) if isinstance(request, str) else request).get("prompt")
    return prompt


def _file_asked(body: dict[str, Any]) -> File | None:
    return (body["input"], body.get("quad", False)) if "format" in body else None


class SqliteTable:
    """Both servers on one file."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.settings: dict[str, Any] = {}

    def data(self, number: int) -> Path:
        return self._folder / "data"

    def rows(self, query: str) -> list[list[Any]]:
        with closing(sqlite3.connect(self._folder / "data" / "maquette.sqlite3", timeout=30)) as database, database:
            return [list(row) for row in database.execute(query).fetchall()]

    def trouble(self, luck: random.Random) -> str:
        return ""

    def heal(self) -> None:
        """Nothing was taken away."""


class SupabaseTable:
    """Every process with a folder of its own, on one database."""

    name = "Supabase"

    def __init__(self, folder: Path, server: SupabaseLite, line: Line) -> None:
        self._folder, self._server, self._line = folder, server, line
        self.settings = {"SUPABASE_URL": line.url, "SUPABASE_KEY": server.secret_key}

    def data(self, number: int) -> Path:
        return self._folder / str(number) / "data"

    def rows(self, query: str) -> list[list[Any]]:
        told = self._server.sql(f"select coalesce(json_agg(to_json(r)), '[]') from ({query}) r")  # noqa: S608
        return [list(row.values()) for row in json.loads(told)]

    def trouble(self, luck: random.Random) -> str:
        """Something happens to the database, or to what stands before it."""
        kind = luck.choice(("connections cut", "database restarted", "REST server killed", "slow", "silent", "mute"))
        if kind == "connections cut":
            self._server.terminate_backends()
        elif kind == "database restarted":
            self._server.restart_postgres(immediate=True)
        elif kind != "REST server killed":
            self._line.mode = kind
            PAUSE.wait(luck.uniform(0.5, 8))
            self._line.mode, kind = "clear", f"line {kind}"
        else:
            self._server.kill_rest()
            PAUSE.wait(luck.uniform(0.2, 3))
            self._server.start_rest()
        return kind

    def heal(self) -> None:
        self._server.wait_for_rest()


class Chaos:
    def __init__(
        self,
        table: SqliteTable | SupabaseTable,
        folder: Path,
        addresses: dict[str, str],
        fake: FakeTripo,
        comfy: FakeComfy,
        luck: random.Random,
    ) -> None:
        self.table, self.folder, self.fake, self.comfy, self.luck = table, folder, fake, comfy, luck
        self._settings = (
            table.settings
            | addresses
            | {
                "TRIPO_API_KEY": "tsk_chaos",
                "TRIPO_WEBHOOK_SECRET": SECRET,
                "LEASE_S": LEASE_S,
                "SETTLE_S": SETTLE_S,
            }
        )
        self.servers = [self._server(0), self._server(1)]
        self.worker = self._worker()
        for server in self.servers:
            server.wait_until_healthy()
        own = {name.lower(): value for name, value in self._settings.items()} | {"data_dir": table.data(0)}
        self.page = build_services(Settings(**own, scheduler=False, _env_file=None))
        self.submitted = 0
        self.counts: collections.Counter[str] = collections.Counter()
        self.left_behind: list[tuple[int, datetime]] = []
        self._told: set[str] = set()

    def _server(self, number: int) -> ServerProcess:
        return ServerProcess(self.table.data(number), **self._settings)

    def _worker(self) -> subprocess.Popen[bytes] | None:
        if isinstance(self.table, SqliteTable):
            return None
        settings = self._settings | {"DATA_DIR": self.table.data(2)}
        return start([sys.executable, "-m", "core.worker"], self.folder / "worker.log", settings)

    # -- what happens

    def submit(self) -> None:
        """One picture, several views, or words that no other job has; who makes it free gets some, too."""
        kind = self.luck.choice(("image", "image", "views", "words", *FREE_KINDS))
        if kind == "words":
            self._ask_for_words()
            return
        maker, asked = FREE_KINDS.get(kind, (TRIPO, Kind.MULTIVIEW if kind == "views" else Kind.IMAGE))
        sides = ("image", "imageBack") if asked is Kind.MULTIVIEW else ("image",)
        files = {side: ("a.png", self._picture(is_thing=maker == ENGINE)) for side in sides}
        told, place = {"targetObject": f"Thing {self.submitted}"}, "generate-3d"
        if kind != "image":
            told |= {"kind": asked.value, "generator": maker}
            place = "jobs"
        try:
            url = f"{self.luck.choice(self.servers).address}/api/{place}"
            answer = httpx.post(url, files=files, data=told, timeout=10)
            self._count(kind, is_taken=answer.status_code == 202)
        except httpx.HTTPError:
            self.counts["submits that met a dead server"] += 1

    def _ask_for_words(self) -> None:
        """As a page does it: in a process that has the table, and no work of its own."""
        words = f"thing {self.luck.getrandbits(64)}"
        asked = SubmitRequest(target_object=f"Thing {self.submitted}", session_id="chaos", texts={"prompt": words})
        try:
            self._count("words", is_taken=self.page.submit.submit(asked).created)
        except StoreUnavailable:
            self.counts["submits that met a dead table"] += 1

    def _count(self, kind: str, *, is_taken: bool) -> None:
        self.submitted += is_taken
        self.counts[f"{kind} {'taken' if is_taken else 'refused'}"] += 1

    def _picture(self, *, is_thing: bool) -> bytes:
        """Like no other; with a thing in it for the engine, which has to find one."""
        noise = np.random.default_rng(self.luck.getrandbits(32)).integers(0, 255, (96, 96, 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
        if is_thing:
            ImageDraw.Draw(picture := Image.new("RGB", (96, 96), "white")).ellipse(
                (self.luck.randrange(8, 30), 12, self.luck.randrange(60, 88), 84),
                fill=(self.luck.randrange(200), self.luck.randrange(200), self.luck.randrange(200)),
            )
        out = io.BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()

    def order(self) -> None:
        """A person orders an FBX of a finished model, perhaps one that was ordered before."""
        try:
            models = self.table.rows(
                "select id from generated_images where status = 'completed' and converted_from is null "
                "and generator = 'tripo'"
            )
            if models:
                number = self.luck.choice(models)[0]
                url = f"{self.luck.choice(self.servers).address}/api/jobs/{number}/conversions"
                answer = httpx.post(url, json={"quad": self.luck.random() < 0.5}, timeout=10)
                self.counts["files ordered"] += answer.status_code == 202
        except (httpx.HTTPError, subprocess.CalledProcessError):
            self.counts["orders that met something dead"] += 1

    def kill(self) -> None:
        place = self.luck.randrange(3 if self.worker is not None else 2)
        process = self.servers[place].process if place < 2 or self.worker is None else self.worker
        process.kill()
        process.wait()
        at = datetime.now(UTC)
        self.counts["kills"] += 1
        owned = self.table.rows(
            f"select id from generated_images where stage <> 'done' and owner like '%-{process.pid}-%'"  # noqa: S608
        )
        self.left_behind += [(row[0], at) for row in owned]
        if place < 2:
            self.servers[place] = self._server(place)
        else:
            self.worker = self._worker()

    def stand_still(self) -> None:
        """One process stops, longer than its lease."""
        server = self.luck.choice(self.servers)
        server.process.send_signal(signal.SIGSTOP)
        PAUSE.wait(self.luck.choice((1, 4, LEASE_S + 2)))
        server.process.send_signal(signal.SIGCONT)
        self.counts["standstills"] += 1

    def tell(self) -> None:
        """Webhooks of tasks that have ended: some never, some twice, in any order."""
        for task in list(self.fake.ledger.tasks.values()):
            if self.fake.ledger.is_open(task) or task.id in self._told or self.luck.random() < 0.5:
                continue
            self._told.add(task.id)
            body = delivery(task.id, id=f"evt-{task.id}")
            for _ in range(self.luck.choice((0, 1, 1, 2))):
                try:
                    url = f"{self.luck.choice(self.servers).address}/api/webhooks/tripo"
                    httpx.post(url, content=body, headers=signed(body), timeout=5)
                    self.counts["webhooks"] += 1
                except httpx.HTTPError:
                    pass

    def run(self, minutes: float) -> None:
        for plan in (self.fake.plan, self.comfy.plan):
            plan.at_random(random.Random(self.luck.getrandbits(32)), FAULTS)
        ends_s = time.monotonic() + 60 * minutes
        while time.monotonic() < ends_s:
            for _ in range(self.luck.randrange(3)):
                self.submit()
            if self.luck.random() < 0.4:
                self.order()
            PAUSE.wait(self.luck.uniform(0.2, 2.5))
            self.tell()
            chance = self.luck.random()
            if chance < 0.2:
                self.kill()
            elif chance < 0.3:
                self.stand_still()
            elif chance < 0.33:
                with self.comfy.service.lock:
                    self.comfy.machine.restart(half=self.luck.random() < 0.5)
                self.counts["ComfyUI started again"] += 1
            elif chance < 0.43 and (kind := self.table.trouble(self.luck)):
                self.counts[kind] += 1

    def heal(self) -> bool:
        """No more trouble; whether everything came to its end."""
        self.fake.plan.clear()
        self.comfy.plan.clear()
        self.table.heal()
        for server in self.servers:
            server.wait_until_healthy()
        ends_s = time.monotonic() + HEAL_S
        while time.monotonic() < ends_s:
            open_jobs = self.table.rows("select id, stage, nonce, options from generated_images where stage <> 'done'")
            if not open_jobs:
                return True
            for number, stage, nonce, options in open_jobs:
                if stage == "attention":
                    self.decide(number, nonce, _file_of(options))
            PAUSE.wait(1)
        return False

    def decide(self, number: int, nonce: int, file: File | None) -> None:
        """A person who looks at Tripo's own page."""
        self.counts["decisions of a person"] += 1
        tasks = self.fake.ledger.tasks.values()
        if file is not None:
            mine = [task.id for task in tasks if _file_asked(task.input) == file]
        else:
            mine = [task.id for task in tasks if task.input.get("model_seed") == nonce]
        body = {"take": mine[0]} if mine else {"sendAgain": True}
        httpx.post(f"{self.servers[0].address}/api/jobs/{number}/decision", json=body, timeout=10)

    def stop(self) -> None:
        for server in self.servers:
            server.process.send_signal(signal.SIGCONT)
            server.stop(signal.SIGKILL)
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
        self.page.stop()

    # -- the judgement

    def judge(self, *, ended: bool) -> int:
        """Print what happened; the number of violations."""
        sha = "image->>'sha256'" if isinstance(self.table, SupabaseTable) else "json_extract(image, '$.sha256')"
        jobs = self.table.rows(
            f"select id, {sha} as sha, options, request, task_id, status, credits_used from generated_images "  # noqa: S608
            "where generator = 'tripo'"
        )
        free = self.table.rows(
            "select id, generator, status, credits_used, (select count(*) from job_events where job_id = j.id and "
            "after = 'attention') as asked from generated_images j where generator <> 'tripo'"
        )
        by_file = {file: number for number, _, options, *_ in jobs if (file := _file_of(options)) is not None}
        by_words = {words: row[0] for row in jobs if (words := _words_of(row[3])) is not None}
        by_picture = {sha: number for number, sha, options, *_ in jobs if sha and _file_of(options) is None}
        bound = {task_id: number for number, _, _, _, task_id, *_ in jobs if task_id}
        seen = {row[0] for row in self.table.rows("select task_id from seen_tasks")}
        made: collections.Counter[int] = collections.Counter()
        lost = []
        for task in self.fake.ledger.tasks.values():
            if file := _file_asked(task.input):
                job = by_file.get(file)
            elif "prompt" in task.input:
                job = by_words.get(task.input["prompt"])
            else:
                token = views_of(task.input)["front"] if "inputs" in task.input else task.input["input"]
                job = by_picture.get(self.fake.ledger.files.get(token, ""))
            if job is None:
                continue  # somebody else's
            made[job] += 1
            if bound.get(task.id) != job and task.id not in seen:
                lost.append(task.id)
        doubles = [number for number, count in made.items() if count > 1]
        charged = sum(self.fake.ledger.cost(self.fake.ledger.tasks[task_id]) for task_id in bound)
        shown = sum(float(credits or 0) for *_, credits in jobs)
        bare = [number for number, _, status, credits, asked in free if status != "completed" or credits or asked]
        waits = sorted(self._recoveries())
        ends = collections.Counter(status for *_, status, _ in jobs)
        print(
            f"jobs {len(jobs)} {dict(ends)}: accepted {self.submitted}, of words {len(by_words)}, files {len(by_file)}"
        )
        faults = sum(self.fake.plan.taken.values()) + sum(self.comfy.plan.taken.values())
        print(f"faults injected {faults}, {dict(self.counts)}")
        billed = sum(self.fake.ledger.cost(task) > 0 for task in self.fake.ledger.tasks.values())
        print(f"tasks made for jobs {sum(made.values())}, billed {billed} (with those of nobody)")
        print(f"credits charged {charged}, shown {shown}")
        if waits:
            p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
            told = f"p50 {statistics.median(waits):.1f} s, p99 {p99:.1f} s"
            print(f"recovery of {len(waits)} jobs of killed processes: {told}")
        print(f"doubles {len(doubles)} {doubles[:5]}, lost {len(lost)} {lost[:5]}, all ended: {ended}")
        runs = collections.Counter(run.status for run in self.comfy.machine.runs)
        makers = collections.Counter(maker for _, maker, *_ in free)
        print(f"free jobs {dict(makers)}, without their model {len(bare)} {bare[:5]}, runs at ComfyUI {dict(runs)}")
        missing = max(0, self.submitted - len(by_picture) - len(by_words) - len(free))
        return len(doubles) + len(lost) + (not ended) + missing + (float(charged) != shown) + len(bare)

    def _recoveries(self) -> list[float]:
        """Seconds from the death of a job's owner to the next thing that happened to the job."""
        found = []
        for number, at in self.left_behind:
            query = f"select min(at) as at from job_events where job_id = {number} and at > '{at.isoformat()}'"  # noqa: S608
            after = self.table.rows(query)[0][0]
            if after is not None:
                found.append((datetime.fromisoformat(after) - at).total_seconds())
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Two servers, one table, and no mercy.")
    parser.add_argument("minutes", type=float)
    parser.add_argument("--store", choices=("auto", "sqlite", "supabase"), default="auto")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    luck = random.Random(arguments.seed)
    fake, comfy = FakeTripo(task_s=TASK_S), FakeComfy()
    fake.ledger.usage_lag_s, fake.ledger.credits = USAGE_LAG_S, fake.ledger.credits * 1000
    has_postgres = bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = {
            "TRIPO_BASE_URL": stack.enter_context(running(fake)),
            "COMFYUI_URL": stack.enter_context(comfy_running(comfy)),
        }
        table: SqliteTable | SupabaseTable = SqliteTable(folder)
        if has_postgres and arguments.store != "sqlite":
            server = stack.enter_context(SupabaseLite(durable=True))
            prepare(server, test_clock=False)
            table = SupabaseTable(folder, server, stack.enter_context(Line(server.url)))
        elif arguments.store == "supabase":
            sys.exit("Chaos on Supabase needs PostgreSQL: apt-get install postgresql")
        print(f"job table: {table.name}", flush=True)
        chaos = Chaos(table, folder, addresses, fake, comfy, luck)
        try:
            chaos.run(arguments.minutes)
            ended = chaos.heal()
            violations = chaos.judge(ended=ended)
            if violations:
                open_jobs = table.rows(
                    "select id, stage, task_id, error_message from generated_images where stage <> 'done'"
                )
                print(json.dumps(open_jobs, indent=1))
        finally:
            chaos.stop()
    print(f"violations {violations}")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
