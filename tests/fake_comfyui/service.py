"""The fake's routes without a network: a request in, a reply out. Servers and transports only carry it."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from tests.fake_comfyui.checking import Check
from tests.fake_comfyui.faults import DONE_ALL_THE_SAME, Fault, Plan
from tests.fake_comfyui.machine import Machine
from tests.fake_comfyui.nodes import KINDS, object_info
from tests.fake_comfyui.rows import Rows
from tests.fake_tripo.service import DROPPED, Reply

JSON = {"Content-Type": "application/json; charset=utf-8"}
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
EMPTY = {"Content-Type": "application/octet-stream"}
PAGE = {"Content-Type": "text/html"}
NO_ROUTE = Reply(404, b"", EMPTY)
TROUBLE = Reply(500, b"500 Internal Server Error\n\nServer got itself in trouble", TEXT)
POSTS = ("/prompt", "/queue", "/interrupt", "/history", "/free", "/upload/image")
LOOPBACK = ("127.0.0.1", "localhost")


class Service:
    """One server behind one address.

    Attributes:
        version: what it calls itself; below 0.6, 0.25 and 0.26 it lacks what those brought.
        token: a header that a proxy before it asks for; None for no proxy.
        max_upload_bytes: of any body.
        requests: method, path and headers of all that came.
    """

    def __init__(self, *, clock_s: Callable[[], float], step_s: float = 0.1, node_s: float = 0.1) -> None:
        self._machine = Machine(clock_s=clock_s, step_s=step_s, node_s=node_s)
        self.plan = Plan()
        self.version = "0.33.0"
        self.token: tuple[str, str] | None = None
        self.max_upload_bytes = 104_857_600
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.lock = threading.RLock()
        self._delayed: list[tuple[float, Callable[[], Any]]] = []

    @property
    def machine(self) -> Machine:
        """As it is by now."""
        self.settle()
        return self._machine

    def settle(self) -> None:
        with self.lock:
            now = self._machine.clock_s()
            due = [act for at_s, act in self._delayed if at_s <= now]
            self._delayed = [each for each in self._delayed if each[0] > now]
            for act in due:
                act()
            self._machine.settle()

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes, base: str
    ) -> Reply:
        """Args: headers: with lower-case names."""
        with self.lock:
            self.settle()
            self.requests.append((method, path, dict(headers)))
            if self.token is not None and headers.get(self.token[0].lower()) != self.token[1]:
                return Reply(401, b"<html>401 Authorization Required</html>", PAGE)
            if self._is_foreign(headers):
                return Reply(403, b"", EMPTY)
            if len(body) > self.max_upload_bytes:
                return Reply(413, f"Maximum request body size {self.max_upload_bytes} exceeded.".encode(), TEXT)
            return self._routed(method, path, query, headers, body)

    def _is_foreign(self, headers: Mapping[str, str]) -> bool:
        origin, host = headers.get("origin"), headers.get("host", "")
        is_other = origin is not None and host.split(":")[0] in LOOPBACK and origin.partition("//")[2] != host
        return is_other or headers.get("sec-fetch-site") == "cross-site"

    def _routed(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        is_plain = not path.startswith("/api/")
        short = path if is_plain else path.removeprefix("/api")
        if short.startswith("/jobs"):  # the only ones that are not there without /api
            return (
                self._no_route(method) if is_plain or self._is_below(0, 6) else self._jobs(method, short, query, body)
            )
        if short == "/upload/image" and method == "POST":
            return self._acted("upload", lambda: self._upload(headers, body))
        if short == "/prompt":
            return self._prompt(method, body)
        if short == "/view" and method in ("GET", "HEAD"):
            return self._acted("view", lambda: self._view(query, headers))
        if method == "GET" and short.startswith("/object_info/"):
            return self._acted("node", lambda: self._node(short.removeprefix("/object_info/")))
        if (method, short) == ("GET", "/system_stats"):
            return self._acted("stats", self._stats)
        if (method, short) == ("GET", "/features"):
            return given({"max_upload_size": self.max_upload_bytes, "assets": False})
        return self._older(method, short, body)

    def _no_route(self, method: str) -> Reply:
        return Reply(405, b"", EMPTY | {"Allow": "GET,HEAD"}) if method == "POST" else NO_ROUTE

    def _older(self, method: str, path: str, body: bytes) -> Reply:
        """What other people at this server use."""
        machine, rows = self.machine, Rows(self.machine)
        if method == "GET" and path == "/queue":
            return given(rows.queue())
        if method == "GET" and path.startswith("/history/"):
            return given(rows.history(path.removeprefix("/history/")))
        if method != "POST" or path not in POSTS:
            return self._no_route(method)
        if path == "/free":
            return self._acted("free", lambda: self._freed(body))
        asked = json.loads(body or b"{}")
        if path in ("/queue", "/history"):
            gone = asked.get("delete", [])
            if path == "/queue":
                machine.queue = [] if asked.get("clear") else machine.queue
                for each in gone:
                    machine.drop(each)
            else:
                machine.history = {} if asked.get("clear") else machine.history
                for each in gone:
                    machine.history.pop(each, None)
        if (
            path == "/interrupt"
            and machine.running is not None
            and asked.get("prompt_id", machine.running.id) == machine.running.id
        ):
            machine.running.is_interrupted = True
        return Reply(200, b"", EMPTY)

    def _freed(self, body: bytes) -> Reply:
        self.machine.free(json.loads(body or b"{}"))
        return Reply(200, b"", EMPTY)

    def _stats(self) -> Reply:
        system = {"os": "linux", "comfyui_version": self.version, "argv": ["/srv/comfy/main.py"]}
        return given({"system": system, "devices": [{"name": "cuda:0", "type": "cuda", "index": 0}]})

    def _node(self, name: str) -> Reply:
        kind = KINDS.get(name)
        is_there = kind is not None and name not in self.machine.gone
        return given({name: object_info(name, kind, self.machine.files)} if is_there and kind else {})

    def _upload(self, headers: Mapping[str, str], body: bytes) -> Reply:
        parts = _form(headers.get("content-type", ""), body)
        name, data = parts.get("image", (None, b""))
        if name is None:
            return Reply(400, b"", EMPTY) if "image" not in parts else TROUBLE
        fields = {key: value.decode() for key, (_, value) in parts.items() if key != "image"}
        subfolder, folder = fields.get("subfolder", ""), fields.get("type", "input")
        if ".." in subfolder or subfolder.startswith("/") or ".." in name:
            return Reply(400, b"", EMPTY)
        if "/" in name or folder not in ("input", "temp", "output"):
            return TROUBLE
        is_forced = fields.get("overwrite") in ("true", "1")  # `True` is none
        stored = self.machine.disk.upload(folder, subfolder, name, data, overwrite=is_forced)
        return given({"name": stored, "subfolder": subfolder, "type": folder})

    def _prompt(self, method: str, body: bytes) -> Reply:
        if method == "GET":
            waiting = len(self.machine.queue) + (self.machine.running is not None)
            return given({"exec_info": {"queue_remaining": waiting}})
        return self._acted("prompt", lambda: self._queued(body))

    def _queued(self, body: bytes) -> Reply:
        try:
            asked = json.loads(body)
            graph, extra, number = asked["prompt"], dict(asked.get("extra_data", {})), asked.get("number")
            number = None if number is None else float(number)
            items = list(graph.items())
        except (ValueError, TypeError, AttributeError):
            return TROUBLE
        except KeyError:
            return refused("no_prompt", "No prompt provided")
        id_ = asked.get("prompt_id")
        if id_ is None:
            id_ = str(uuid.uuid4()) if not self._is_below(0, 25) else str(id_)
        elif not self._is_below(0, 25) and not _is_canonical(id_):
            return refused("invalid_prompt_id", "prompt_id must be a valid UUID")
        check = Check(
            dict(items), self.machine.files, lambda name: self.machine.disk.picture(name) is not None, self.machine.gone
        )
        if check.error is not None:
            return given({"error": check.error, "node_errors": check.node_errors}, status=400)
        if "client_id" in asked:
            extra["client_id"] = asked["client_id"]
        try:
            number = self.machine.put(id_, dict(items), extra, check.outputs, number)
        except TypeError:
            return TROUBLE
        return given({"prompt_id": id_, "number": number, "node_errors": check.node_errors})

    def _jobs(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        rows = Rows(self.machine)
        if method == "POST" and self._is_below(0, 26):
            return self._no_route(method)
        if method == "POST" and (asked := re.fullmatch(r"/jobs/([^/]+)/cancel", path)):
            return self._acted("cancel", lambda: given({"cancelled": self.machine.cancel(asked[1])}))
        if method == "POST" and path == "/jobs/cancel":
            ids = json.loads(body).get("job_ids")
            return given({"cancelled": sum(self.machine.cancel(each) for each in ids) > 0})
        if method != "GET":
            return self._no_route(method)
        if path == "/jobs":
            return self._acted("jobs", lambda: _listed(rows, query))
        return self._acted("job", lambda: _one(rows.job(path.removeprefix("/jobs/"))))

    def _view(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        name, subfolder, folder = query.get("filename"), query.get("subfolder", ""), query.get("type", "output")
        if name is None:
            return NO_ROUTE
        if not name or folder not in ("input", "temp", "output") or name.startswith("/") or ".." in name:
            return Reply(400, b"", EMPTY)
        if ".." in subfolder or subfolder.startswith("/"):
            return Reply(403, b"", EMPTY)
        data = self.machine.disk.files.get((folder, subfolder, name.rpartition("/")[2]))  # it drops the folder part
        if data is None:
            return NO_ROUTE
        told = {"Content-Type": "model/gltf-binary", "Accept-Ranges": "bytes", "ETag": f'"{len(data):x}"'}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if part is None:
            return Reply(200, data, told)
        first, last = int(part[1]), min(int(part[2] or len(data)), len(data) - 1)
        if first >= len(data):
            return Reply(416, b"", told | {"Content-Range": f"bytes */{len(data)}"})
        return Reply(206, data[first : last + 1], told | {"Content-Range": f"bytes {first}-{last}/{len(data)}"})

    def _is_below(self, *wanted: int) -> bool:
        return tuple(int(each) for each in self.version.split(".")) < wanted

    def _acted(self, route: str, act: Callable[[], Reply]) -> Reply:
        """Do it, unless a fault says otherwise."""
        fault = self.plan.take(route)
        return act() if fault is None else self._faulty(fault, act)

    def _faulty(self, fault: Fault, act: Callable[[], Reply]) -> Reply:
        kind, more = fault.kind, fault.more
        if kind == "late":
            self._delayed.append((self._machine.clock_s() + more["seconds"], act))
        if kind in ("drop before", "late"):
            return DROPPED
        if kind == "empty 404":
            return NO_ROUTE
        if kind == "not a model":
            return Reply(200, b"<html>please sign in</html>", PAGE)
        done = act() if kind in DONE_ALL_THE_SAME or kind == "cut" else Reply()
        if kind == "drop after":
            return DROPPED
        if kind.startswith("hang"):
            return Reply(hang_s=more["seconds"], is_dropped=True)
        if kind.startswith("html"):
            return Reply(more.get("status", 502), b"<html>502 Bad Gateway</html>", PAGE)
        if kind.startswith("error"):
            return TROUBLE
        if kind == "other id":
            return given(json.loads(done.body) | {"prompt_id": str(uuid.uuid4())})
        if kind == "cut":
            declared = dict(done.headers) | {"Content-Length": str(len(done.body))}
            return replace(done, body=done.body[: len(done.body) // 2], headers=declared, is_dropped=True)
        return replace(done, body=done.body[: len(done.body) // 2])


def given(value: Any, *, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), JSON)


def refused(type_: str, message: str) -> Reply:
    told = {"type": type_, "message": message, "details": message, "extra_info": {}}
    return given({"error": told, "node_errors": {}}, status=400)


def _one(row: dict[str, Any] | None) -> Reply:
    return given({"error": "Job not found"}, status=404) if row is None else given(row)


def _listed(rows: Rows, query: Mapping[str, str]) -> Reply:
    wanted = query.get("status", "").split(",") if query.get("status") else None
    if wanted is not None and not set(wanted) <= Rows.STATUSES:
        return given({"error": "invalid status"}, status=400)
    return given(rows.listed(wanted, query.get("workflow_id"), query.get("limit"), int(query.get("offset", 0))))


def _is_canonical(text: object) -> bool:
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _form(content_type: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """Fields of a form: name → name of the file, or None, and content."""
    if "multipart/form-data" not in content_type:
        return {}
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    found = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        found[str(name)] = (part.get_filename(), part.get_payload(decode=True) or b"")
    return found
