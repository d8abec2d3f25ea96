"""The functions of the Supabase database in memory: what `database_schema_update.sql` does, for thousands of runs.

The real adapter runs on it. The contract suite runs on it too, so that it is held to what the real database does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from postgrest.exceptions import APIError

from core.domain.errors import StoreUnavailable
from core.stores.supabase.connection import TRIES, UNIQUE_VIOLATION, Connection
from core.stores.supabase.soundness import SCHEMA_VERSION

Row = dict[str, Any]
TIMED = ("generating", "late", "saving")
OPEN = ("submitting", "uncertain", "generating")
EMPTY: Row = dict.fromkeys(
    """image_token send_by task_id owner lease_until not_before next_poll_at missed_since started_at finished_at
    intent_at account scanned_at cancelled_at hint_at usage_missed_at usage_seen_at usage_lag_s credits_used error_code
    error_message nonce model 3d_url""".split()  # noqa: SIM905  (a list of words is easier to read so)
) | dict.fromkeys(("progress", "attempt", "epoch", "missed_count", "settle_scans", "fetch_tries"), 0)

# a change of one of these is an update that people see
SHOWN = (
    *("status", "stage", "progress", "attempt", "task_id", "started_at", "finished_at", "cancelled_at", "model"),
    *("credits_used", "error_code", "error_message"),
)


class Database:
    """One project. Args: clock: the database's own."""

    def __init__(self, clock: Callable[[], datetime], *, installation: str = "simulated") -> None:
        self._clock = clock
        self.installation = installation
        self.rows: dict[int, Row] = {}
        self._events: dict[int, list[Row]] = {}
        self._seen: dict[str, Row] = {}
        self._deliveries: dict[str, Row] = {}
        self._pauses: dict[str, datetime] = {}
        self._facts: dict[str, Row] = {}
        self._beats: dict[str, str] = {}
        self._request_keys: dict[str, tuple[int, str]] = {}
        self.changes = 0
        self._event_count = 0

    def call(self, function: str, **parameters: Any) -> Any:
        return getattr(self, f"_do_{function}")(**parameters)

    def empty(self) -> None:
        """As `truncate … restart identity` does."""
        for table in (self.rows, self._events, self._seen, self._deliveries, self._pauses, self._facts, self._beats):
            table.clear()
        self._request_keys.clear()

    # -- jobs

    def _do_now(self) -> str:
        return self._now()

    def _do_table_state(self) -> Row:
        return {"schema": SCHEMA_VERSION, "serves": SCHEMA_VERSION, "newest": max(self.rows, default=0)}

    def _do_installation(self) -> str:
        return self.installation

    def _do_jobs(self, p_ids: list[int]) -> Row:
        return {"now": self._now(), "rows": [dict(self.rows[each]) for each in sorted(p_ids) if each in self.rows]}

    def _do_add(self, p_new: str, p_write_id: str, p_most: str | None, p_since: str | None) -> Row:
        new = json.loads(p_new)
        caller, digest = new.pop("caller_key"), new.pop("caller_hash")
        kept = self._request_keys.get(caller or new["idempotency_key"] or "")
        if kept is not None:
            row, of_key = self.rows[kept[0]], "new" if caller is None else "same" if kept[1] == digest else "other"
            return {"row": dict(row), "created": row["add_id"] == p_write_id, "of_key": of_key}
        for row in self.rows.values():
            if caller is not None and row["idempotency_key"] == caller:
                return {"row": dict(row), "created": False, "of_key": "other"}
        for row in self.rows.values():
            if row["add_id"] == p_write_id or (
                new["idempotency_key"] is not None and row["idempotency_key"] == new["idempotency_key"]
            ):
                self._keep_key(caller, row["id"], digest)
                return {"row": dict(row), "created": row["add_id"] == p_write_id, "of_key": "new"}
        wanted = Decimal(new["credits_estimate"] or 0)
        if p_most is not None and wanted > 0:
            used = self._credits(p_since or "")
            if used + wanted > Decimal(p_most):
                return {"used": str(used)}
        note, now = new.pop("note"), self._now()
        job_id = max(self.rows, default=0) + 1
        row = EMPTY | new | {"id": job_id, "status": "running", "stage": "queued", "created_at": now}
        row["updated_at"] = now
        self.rows[job_id] = row | {"add_id": p_write_id, "image_url": f"/api/jobs/{job_id}/image"}
        self._touch(job_id, p_write_id)
        self._log(job_id, None, note)
        self._keep_key(caller, job_id, digest)
        return {"row": dict(self.rows[job_id]), "created": True, "of_key": "new"}

    def _keep_key(self, caller: str | None, job_id: int, digest: str) -> None:
        if caller is not None:
            self._request_keys.setdefault(caller, (job_id, digest))

    def _do_write(self, p_writes: str) -> list[Row]:
        written = []
        for write in sorted(json.loads(p_writes), key=lambda each: int(each["id"])):
            row = self.rows.get(write["id"])
            if row is None:
                continue
            if is_repeated(row, write["write_id"]):
                written.append(dict(row))
                continue
            if not is_version(row, write["version"]) or (write["needs_lease"] and not self._is_held(row)):
                continue
            task_id = write["row"]["task_id"]
            if task_id is not None and task_id != row["task_id"] and self._job_of_task(task_id) is not None:
                raise APIError({"code": UNIQUE_VIOLATION, "message": "a task of another job"})
            shown = [row[name] for name in SHOWN]
            row.update(write["row"])
            if shown != [row[name] for name in SHOWN]:
                row["updated_at"] = self._now()
            self._touch(row["id"], write["write_id"])
            if write["event"] is not None:
                self._log(row["id"], write["event"]["before"], write["event"]["note"])
            written.append(dict(row))
        return written

    def _do_write_seen(self, p_writes: str, p_tasks: str) -> list[Row]:
        written = self._do_write(p_writes)
        if written:
            self._do_keep_seen(p_tasks)
        return written

    def _do_claim(
        self,
        p_kind: str,
        p_owner: str,
        p_lease_s: float,
        p_generator: str,
        p_limit: int,
        p_seconds: float,
        p_slots: str,
        p_write_id: str,
    ) -> list[Row]:
        known = [dict(row) for row in self.rows.values() if is_repeated(row, p_write_id)]
        if known:
            return known  # the answer was lost
        claimed = []
        for row in self._claimable(p_kind, p_generator, p_limit, p_seconds, json.loads(p_slots)):
            row |= {"owner": p_owner, "epoch": row["epoch"] + 1, "lease_until": self._after(p_lease_s)}
            if p_kind == "due_any":
                row["hint_at"] = None
            self._touch(row["id"], p_write_id)
            claimed.append(dict(row))
        return claimed

    def _claimable(self, kind: str, generator: str, limit: int, seconds: float, slots: dict[str, int]) -> list[Row]:
        now = self._now()
        free = [row for row in self.rows.values() if not self._is_held(row)]
        if kind == "queued_any":
            return self._next_in_line(free, limit, slots)
        own = [row for row in free if row["generator"] == generator]
        if kind == "due_any":
            running = [row for row in own if row["stage"] in ("generating", "late")]
            if self._pause(generator) > 0 or not any(row["next_poll_at"] <= now for row in running):
                return []
            found = [row for row in running if row["next_poll_at"] <= self._after(seconds)]
        elif kind == "saving":
            found = [row for row in own if row["stage"] == "saving" and row["next_poll_at"] <= now]
        else:
            before = self._after(-seconds)
            bound = {row["task_id"] for row in self.rows.values()}
            asked = {seen["job_id"] for seen in self._seen.values() if seen["task_id"] not in bound}
            found = [
                row
                for row in own
                if (row["scanned_at"] is None or row["scanned_at"] <= before)
                and (
                    row["stage"] == "uncertain"
                    or (row["stage"] == "attention" and (row["cancelled_at"] is not None or row["id"] not in asked))
                )
            ]
        return sorted(found, key=lambda row: row["id" if kind == "uncertain_any" else "next_poll_at"])[:limit]

    def _next_in_line(self, free: list[Row], limit: int, slots: dict[str, int]) -> list[Row]:
        found: list[Row] = []
        now = self._now()
        for category, most in slots.items():
            taken = sum(
                row["category"] == category
                and (row["stage"] in OPEN or (row["stage"] == "queued" and self._is_held(row)))
                for row in self.rows.values()
            )
            ready = [
                row
                for row in free
                if (row["stage"], row["category"]) == ("queued", category)
                and (row["not_before"] is None or row["not_before"] <= now)
                and self._pause(row["generator"]) <= 0
            ]
            found += ready[: max(0, min(most - taken, limit))]
        return sorted(found, key=lambda row: int(row["id"]))[:limit]

    def _do_stuck_after(self, p_kind: str, p_age_s: float, p_generator: str, p_after: int, p_limit: int) -> Row:
        found = [dict(row) for row in self.rows.values() if row["id"] > p_after and self._is_stuck(row, p_kind)]
        before = self._after(-p_age_s)
        if p_kind == "blocked":
            found = [row for row in found if row["generator"] == p_generator]
        if p_kind in ("generating", "late"):
            found = [row for row in found if row["started_at"] <= before]
        return {"now": self._now(), "rows": found[:p_limit]}

    def _is_stuck(self, row: Row, kind: str) -> bool:
        return row["stage"] == kind and (kind != "submitting" or not self._is_held(row))

    def _do_unfolded(self, p_limit: int) -> list[Row]:
        return []

    def _do_page(self, p_needle: str, p_number: int, p_statuses: list[str], p_limit: int, p_offset: int) -> Row:
        part = re.sub(r"\\(.)", r"\1", p_needle[1:-1])
        found = [
            row
            for row in sorted(self.rows.values(), key=lambda row: -row["id"])
            if (not p_needle or part in row["folded_name"] or row["id"] == p_number)
            and (not p_statuses or row["status"] in p_statuses)
        ]
        return {
            "rows": [dict(row) for row in found[p_offset : p_offset + p_limit]],
            "total": len(found),
            "running": sum(row["stage"] != "done" for row in self.rows.values()),
        }

    def _do_events(self, p_job: int) -> list[Row] | None:
        return self._events[p_job] if p_job in self.rows else None

    def _do_changed(self, p_cursor: int, p_limit: int) -> list[Row]:
        newer = [row for row in self.rows.values() if row["change_number"] > p_cursor]
        return [dict(row) for row in sorted(newer, key=lambda row: row["change_number"])[:p_limit]]

    def _do_last_change(self) -> int:
        return max((row["change_number"] for row in self.rows.values()), default=0)

    def _do_queued_before(self, p_job: int) -> int:
        job = self.rows[p_job]
        return sum(
            (row["stage"], row["category"]) == ("queued", job["category"]) and row["id"] < p_job
            for row in self.rows.values()
        )

    def _do_conversions(self, p_job: int) -> list[Row]:
        return [dict(row) for row in reversed(self.rows.values()) if row["converted_from"] == p_job]

    def _do_durations_of(self, p_category: str, p_kind: str, p_limit: int) -> list[float]:
        wanted = ("completed", p_category, p_kind)
        ended = [
            row
            for row in reversed(self.rows.values())
            if (row["status"], row["category"], row["kind"]) == wanted and row["started_at"] is not None
        ]
        return [(_time(row["finished_at"]) - _time(row["started_at"])).total_seconds() for row in ended[:p_limit]]

    def _do_job_of_intent(self, p_nonce: int | None, p_token: str | None) -> list[Row]:
        for row in reversed(self.rows.values()):
            if (p_nonce is not None and row["nonce"] == p_nonce) or (
                p_token is not None and row["image_token"] == p_token
            ):
                return [dict(row)]
        return []

    def _do_job_of_task(self, p_task: str) -> list[Row]:
        row = self._job_of_task(p_task)
        return [] if row is None else [dict(row)]

    def _do_job_of_key(self, p_key: str) -> list[Row]:
        kept = self._request_keys.get(p_key, (None, ""))[0]
        return [dict(row) for row in self.rows.values() if row["idempotency_key"] == p_key or row["id"] == kept]

    # -- the account

    def _do_beat(self, p_owner: str) -> None:
        self._beats[p_owner] = self._now()
        oldest, newest = self._day(), self._after(5.0)
        self._beats = {owner: at for owner, at in self._beats.items() if oldest <= at <= newest}

    def _do_last_beat(self) -> Row | None:
        owner = max(sorted(self._beats), key=lambda each: self._beats[each], default=None)
        return None if owner is None else {"owner": owner, "at": self._beats[owner]}

    def _do_look(self, p_owner: str) -> Row:
        if p_owner:
            self._do_beat(p_owner)
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for row in self.rows.values():
            if row["stage"] != "done":
                groups.setdefault((row["generator"], row["category"], row["stage"]), []).append(row)
        return {
            "now": self._now(),
            "state": self._do_table_state(),
            "last_change": self._do_last_change(),
            "last_beat": self._do_last_beat(),
            "has_unfolded": False,
            "open": [self._group(key, rows) for key, rows in groups.items()],
        }

    def _group(self, key: tuple[str, str, str], rows: list[Row]) -> Row:
        now = self._now()
        planned = {
            "queued": "not_before",
            "generating": "next_poll_at",
            "late": "next_poll_at",
            "saving": "next_poll_at",
        }
        name = planned.get(key[2])
        due = [
            max(now, row["lease_until"] or now, (row[name] if name else None) or now)
            for row in rows
            if name != "next_poll_at" or row[name] is not None
        ]
        started = [row["started_at"] for row in rows if row["started_at"] is not None]
        scanned = [row["scanned_at"] for row in rows]
        return {
            "generator": key[0],
            "category": key[1],
            "stage": key[2],
            "count": len(rows),
            "leased": sum(key[2] == "queued" and (row["lease_until"] or "") > now for row in rows),
            "due_in_s": -self._age_s(min(due)) if due else None,
            "oldest_s": self._age_s(min(started)) if started else None,
            "scanned_ago_s": None if None in scanned else self._age_s(min(scanned)),
        }

    def _age_s(self, at: str) -> float:
        return (self._clock() - datetime.fromisoformat(at)).total_seconds()

    def _do_pause(self, p_generator: str, p_wait_s: float) -> None:
        until = self._clock() + timedelta(seconds=p_wait_s)
        self._pauses[p_generator] = max(self._pauses.get(p_generator, until), until)

    def _do_wait_s(self, p_generator: str) -> float:
        return max(0.0, self._pause(p_generator))

    def _do_facts(self, p_account: str) -> Row:
        known = self._facts.get(p_account, {})
        lags = [
            row["usage_lag_s"]
            for row in self.rows.values()
            if row["account"] == p_account and row["task_id"] is not None and (row["usage_seen_at"] or "") > self._day()
        ]
        missing = [
            (_time(row["usage_missed_at"]) - _time(row["intent_at"])).total_seconds()
            for row in self._young(p_account)
            if row["usage_seen_at"] is None
            and row["usage_missed_at"] is not None
            and (row["stage"] != "done" or row["status"] == "completed")
        ]
        told = {name: known.get(name) for name in ("echo_seen_at", "balance", "held", "balance_at")}
        return told | {"usage_lag_s": max(lags, default=None), "usage_missing_s": max(missing, default=None)}

    def _do_note_echo(self, p_account: str) -> None:
        self._facts.setdefault(p_account, {}).setdefault("echo_seen_at", self._now())

    def _do_note_balance(self, p_account: str, p_balance: str, p_held: str) -> None:
        told = {"balance": p_balance, "held": p_held, "balance_at": self._now()}
        self._facts.setdefault(p_account, {}).update(told)

    def _do_usage_awaited(self, p_account: str) -> str | None:
        return min(
            (
                row["intent_at"]
                for row in self._young(p_account)
                if row["usage_seen_at"] is None or (row["stage"] == "done" and row["credits_used"] is None)
            ),
            default=None,
        )

    def _do_jobs_of_tasks(self, p_account: str, p_tasks: list[str]) -> Row:
        rows = [dict(row) for row in self._young(p_account) if row["task_id"] in p_tasks]
        return {"now": self._now(), "rows": rows}

    def _do_note_usage(self, p_account: str, p_rows: str, p_looked_every_s: float) -> None:
        listed = {row["task_id"] for row in json.loads(p_rows)}
        now = self._clock()
        for row in self._young(p_account):
            if row["usage_seen_at"] is None and row["task_id"] not in listed:
                row["usage_missed_at"] = self._now()
            elif row["usage_seen_at"] is None:
                sent, missed = _time(row["intent_at"]), _time(row["usage_missed_at"] or row["intent_at"])
                lag_s = (missed - sent).total_seconds() + p_looked_every_s
                row |= {"usage_seen_at": self._now(), "usage_lag_s": min((now - sent).total_seconds(), lag_s)}

    def _do_unbound(self, p_tasks: list[str]) -> list[str]:
        bound = {row["task_id"] for row in self.rows.values()}
        return [each for each in p_tasks if each not in bound]

    def _do_keep_seen(self, p_tasks: str) -> None:
        for told in json.loads(p_tasks):
            known = self._seen.setdefault(told["task_id"], dict(told) | {"first_seen_at": self._now()})
            known |= {name: told[name] or known[name] for name in ("type", "status", "evidence")}
            for name in ("created_at", "credits_used", "job_id"):
                known[name] = known[name] if told[name] is None else told[name]

    def _do_seen(self, p_job: int, p_limit: int) -> list[Row]:
        asked = {row["id"] for row in self.rows.values() if row["stage"] == "attention"}
        found = [
            dict(seen)
            for seen in self._seen.values()
            if (seen["job_id"] == p_job or (p_job == -1 and seen["job_id"] not in asked))
            and self._job_of_task(seen["task_id"]) is None
        ]
        found.sort(key=lambda seen: str(seen["task_id"]))
        return sorted(found, key=lambda seen: seen["created_at"] or seen["first_seen_at"], reverse=True)[:p_limit]

    def _do_is_seen(self, p_task: str) -> bool:
        return p_task in self._seen

    def _do_deliver(self, p_account: str, p_id: str, p_type: str, p_task: str | None) -> bool:
        if p_id in self._deliveries:
            return False
        self._deliveries[p_id] = {"received_at": self._now()}
        if p_task is not None:
            row = self._job_of_task(p_task)
            if row is None:
                told = {"task_id": p_task, "account": p_account, "source": "webhook", "type": "", "status": ""}
                empty = {"created_at": None, "credits_used": None, "job_id": None, "evidence": ""}
                self._seen.setdefault(p_task, told | empty | {"first_seen_at": self._now()})
            elif row["stage"] in ("generating", "late"):
                news = {"hint_at": self._now(), "next_poll_at": self._now()}
                if row | news != row:
                    row |= news
                    self._touch(row["id"])
        return True

    def _do_last_delivery(self) -> str | None:
        return max((each["received_at"] for each in self._deliveries.values()), default=None)

    def _do_credits(self, p_since: str) -> str:
        return str(self._credits(p_since))

    # -- what the functions share

    def _credits(self, since: str) -> Decimal:
        total = Decimal(0)
        for row in self.rows.values():
            is_over = row["stage"] == "done" and (row["task_id"] is None or row["status"] == "failed")
            spent = row["credits_used"] if row["credits_used"] is not None or is_over else row["credits_estimate"]
            total += Decimal(spent or 0) if row["created_at"] >= since else 0
        return total

    def _touch(self, job_id: int, write_id: str | None = None) -> None:
        self.changes += 1
        row = self.rows[job_id]
        row["change_number"] = self.changes
        if write_id is not None:
            row["write_id"] = write_id

    def _log(self, job_id: int, before: str | None, note: str) -> None:
        self._event_count += 1
        row = self.rows[job_id]
        told = {name: row[name] for name in ("status", "attempt", "task_id", "error_code")}
        event = told | {"id": self._event_count, "job_id": job_id, "at": self._now(), "before": before}
        self._events.setdefault(job_id, []).append(event | {"after": row["stage"], "note": note})

    def _young(self, account: str) -> Iterable[Row]:
        return [
            row
            for row in self.rows.values()
            if row["account"] == account and row["task_id"] is not None and row["intent_at"] > self._day()
        ]

    def _job_of_task(self, task_id: str) -> Row | None:
        return next((row for row in self.rows.values() if row["task_id"] == task_id), None)

    def _is_held(self, row: Row) -> bool:
        return row["lease_until"] is not None and row["lease_until"] > self._now()

    def _pause(self, generator: str) -> float:
        until = self._pauses.get(generator)
        return 0.0 if until is None else (until - self._clock()).total_seconds()

    def _now(self) -> str:
        return self._clock().isoformat(timespec="microseconds")

    def _after(self, seconds: float) -> str:
        return (self._clock() + timedelta(seconds=seconds)).isoformat(timespec="microseconds")

    def _day(self) -> str:
        return self._after(-86_400.0)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def is_repeated(row: Row, write_id: str) -> bool:
    """The same write again, after its answer was lost."""
    return bool(row["write_id"] == write_id)


def is_version(row: Row, version: int) -> bool:
    """Nobody wrote since the row was read."""
    return bool(row["change_number"] == version)


class SimulatedConnection(Connection):
    """In place of the network, as patient as the real one.

    Args:
        before, after: called around each function; what they raise is what a network does to it.
    """

    def __init__(
        self,
        database: Database,
        *,
        before: Callable[[str], None] = lambda name: None,
        after: Callable[[str, dict[str, Any], Any], None] = lambda name, parameters, told: None,
    ) -> None:
        super().__init__("http://simulated.test", "sb_secret_simulated")
        self.database, self._before, self._after = database, before, after

    def call(self, function: str, **parameters: Any) -> Any:
        for left in reversed(range(TRIES)):
            try:
                self._before(function)
                told = self.database.call(function, **parameters)
                self._after(function, parameters, told)
                return told
            except StoreUnavailable:
                if not left:
                    raise
        raise AssertionError("unreachable")
