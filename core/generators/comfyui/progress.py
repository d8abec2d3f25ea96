"""How far running jobs are, heard on ComfyUI's web socket. Only a figure for people: look-ups tell the truth."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

log = logging.getLogger(__name__)
MOST_TASKS = 500
MOST_BYTES = 32 * 2**20  # of one message: previews come on this socket too, and are skipped
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
ENDS = frozenset({"execution_success", "execution_error", "execution_interrupted"})


class Progress:
    """Listens as one client; ComfyUI tells each of the jobs that were sent under its name.

    Args:
        weights: by node; a sampler counts its own steps from nothing, so its share of the whole is set here.
        on_ended: hears of an end before anybody asked; must return at once.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        client_id: str,
        weights: Mapping[str, float],
        on_ended: Callable[[str], None] = lambda task_id: None,
    ) -> None:
        self._address = f"ws{url.rstrip('/').removeprefix('http')}/ws?clientId={client_id}"
        self._headers = dict(headers)
        self._weights = weights
        self._on_ended = on_ended
        self._shares: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._socket: Connection | None = None
        self._thread: threading.Thread | None = None

    def watch(self, task_id: str) -> None:
        """Begin to listen for a job that is about to be sent."""
        with self._lock:
            self._shares[task_id] = {}
            for old in list(self._shares)[:-MOST_TASKS]:
                del self._shares[old]
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._listen, name="comfyui-progress", daemon=True)
                self._thread.start()

    def percent(self, task_id: str) -> int:
        """0 to 99; 0 when nothing was heard."""
        with self._lock:
            shares = self._shares.get(task_id, {})
            done = sum(self._weights.get(node, 0.0) * share for node, share in shares.items())
        return min(99, int(100 * done / (sum(self._weights.values()) or 1.0)))

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in one message of the socket."""
        data = message.get("data")
        task_id = data.get("prompt_id") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(task_id, str):
            return
        kind = str(message.get("type"))
        heard = _shares(kind, data)
        with self._lock:
            known = self._shares.get(task_id)
            if known is not None:
                known |= {node: max(share, known.get(node, 0.0)) for node, share in heard.items()}
        if kind in ENDS and known is not None:
            self._on_ended(task_id)

    def close(self) -> None:
        self._closed.set()
        socket, thread = self._socket, self._thread
        if socket is not None:
            socket.close()
        if thread is not None:
            thread.join(5.0)

    def _listen(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._closed.is_set():
            try:
                with connect(
                    self._address,
                    additional_headers=self._headers,
                    open_timeout=5.0,
                    close_timeout=1.0,
                    max_size=MOST_BYTES,
                    proxy=None,
                ) as socket:
                    self._socket, wait_s = socket, FIRST_WAIT_S
                    self._drain(socket)
            except (WebSocketException, OSError) as exc:
                log.info("progress of ComfyUI is not heard now: %s", type(exc).__name__)
            self._closed.wait(wait_s)
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)

    def _drain(self, socket: Connection) -> None:
        for text in socket:
            if self._closed.is_set():
                return
            try:
                message = json.loads(text) if isinstance(text, str) else None
            except (ValueError, RecursionError):
                continue
            if isinstance(message, dict):
                self.hear(message)


def _shares(kind: str, data: Mapping[str, Any]) -> dict[str, float]:
    """What part of each node is done, 0 to 1."""
    if kind == "execution_cached" and isinstance(data.get("nodes"), list):
        return {str(node): 1.0 for node in data["nodes"]}
    if kind == "executed":
        return {str(data.get("node")): 1.0}
    nodes = (
        data.get("nodes") if kind == "progress_state" else {str(data.get("node")): data} if kind == "progress" else {}
    )
    found = {}
    for node, state in nodes.items() if isinstance(nodes, dict) else ():
        value, most = (state.get("value"), state.get("max")) if isinstance(state, dict) else (None, None)
        if isinstance(value, int | float) and isinstance(most, int | float) and most > 0:
            is_finished = state.get("state") == "finished"
            found[str(node)] = 1.0 if is_finished else max(0, min(value, most)) / most
    return found
