"""How the fake tells of its jobs."""

from __future__ import annotations

from typing import Any

from tests.fake_comfyui.machine import Item, Machine, Run

STRINGS = (".obj", ".fbx", ".gltf", ".glb", ".usdz")
PREVIEWABLE = ("images", "3d", "result")


class Rows:
    STATUSES = frozenset({"pending", "in_progress", "completed", "failed", "cancelled"})

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def job(self, id_: str) -> dict[str, Any] | None:
        """History first: while a second run of an id goes on, the first one is told."""
        run = self._machine.history.get(id_)
        if run is not None:
            return self._ended(run, is_whole=True)
        if self._machine.running is not None and self._machine.running.id == id_:
            return self._open(self._machine.running.item, "in_progress")
        waiting = next((item for item in self._machine.queue if item.id == id_), None)
        return None if waiting is None else self._open(waiting, "pending")

    def listed(
        self, statuses: list[str] | None, workflow: str | None, limit: str | None, offset: int
    ) -> dict[str, Any]:
        running = self._machine.running
        rows = [(run.item, self._ended(run, is_whole=False)) for run in self._machine.history.values()]
        rows += [] if running is None else [(running.item, self._open(running.item, "in_progress"))]
        rows += [(item, self._open(item, "pending")) for item in self._machine.queue]
        found = [
            row
            for item, row in sorted(rows, key=lambda each: -each[0].created_s)
            if (statuses is None or row["status"] in statuses) and (workflow is None or _workflow(item) == workflow)
        ]
        page = found[offset:] if limit is None else found[offset : offset + int(limit)]
        pagination = {
            "offset": offset,
            "limit": limit,
            "total": len(found),
            "has_more": len(page) + offset < len(found),
        }
        return {"jobs": page, "pagination": pagination}

    def history(self, id_: str) -> dict[str, Any]:
        run = self._machine.history.get(id_)
        return {} if run is None else {id_: {"outputs": run.outputs, "status": self._status(run), "meta": {}}}

    def queue(self) -> dict[str, Any]:
        running = self._machine.running
        return {
            "queue_running": [] if running is None else [[running.item.number, running.id]],
            "queue_pending": [[item.number, item.id] for item in self._machine.queue],  # a heap: not sorted
        }

    def _open(self, item: Item, status: str) -> dict[str, Any]:
        base = {"id": item.id, "status": status, "priority": item.number, "create_time": int(item.created_s * 1000)}
        workflow = _workflow(item)
        return (
            base
            | {"outputs_count": 0, "previewable_outputs_count": 0}
            | ({"workflow_id": workflow} if workflow else {})
        )

    def _ended(self, run: Run, *, is_whole: bool) -> dict[str, Any]:
        outputs = {node: _told(told) for node, told in run.outputs.items()}
        row = self._open(run.item, run.status) | {
            "execution_start_time": int(run.started_s * 1000),
            "execution_end_time": int((run.ended_s or 0.0) * 1000),
            "outputs_count": len(outputs),
        }
        if run.error is not None:
            row["execution_error"] = run.error
        if is_whole:
            workflow = {"prompt": run.item.graph, "extra_data": run.item.extra}
            row |= {"outputs": outputs, "workflow": workflow, "execution_status": self._status(run)}
        return row

    def _status(self, run: Run) -> dict[str, Any]:
        is_good = run.status == "completed"
        messages = [["execution_start", {"prompt_id": run.id}]]
        return {"status_str": "success" if is_good else "error", "completed": is_good, "messages": messages}


def _workflow(item: Item) -> str | None:
    info = item.extra.get("extra_pnginfo") or {}
    return (info.get("workflow") or {}).get("id")


def _told(outputs: dict[str, Any]) -> dict[str, Any]:
    """Bare names become files of `output`, also those that lie in `temp` or in a folder."""

    def normal(item: Any) -> Any:
        if isinstance(item, str) and item.endswith(STRINGS):
            return {"filename": item, "type": "output", "subfolder": "", "mediaType": "3d"}
        return item

    return {key: [normal(item) for item in items] for key, items in outputs.items()}
