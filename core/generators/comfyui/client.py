"""The calls of ComfyUI that we make, over httpx. One request each, no retry: the use cases decide what is repeated."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from core.domain.errors import LookupFailed, ModelTooLarge, ModelUnavailable, NotSent, OutcomeUnknown, RequestRejected
from core.generators.bounded_http import BoundedTransport, bounded
from core.generators.comfyui.answers import created, parsed, question_failed
from core.generators.comfyui.graph import Graph
from core.generators.comfyui.workflow import FOLDER, Workflow

OURS = "3c0d7c52-4f0e-5a51-8a43-6d2a3c2f4b11"  # `workflow.id` of all our jobs, by which the list is filtered
MAX_MODEL_BYTES = 512 * 2**20
MAX_ANSWER_BYTES = 32 * 2**20
QUICK, SLOW = httpx.Timeout(15.0, connect=5.0), httpx.Timeout(60.0, connect=5.0)
# A whole call, however slowly its answer trickles. The time in flight of a job is bounded by CREATE_TOTAL_S.
CREATE_TOTAL_S, QUICK_TOTAL_S, UPLOAD_TOTAL_S, DOWNLOAD_TOTAL_S = 30.0, 30.0, 120.0, 600.0
FIRST_BYTE, BODY = "send_request_headers.started", "send_request_body.started"
PLAIN = {"Accept-Encoding": "identity"}  # so that lengths are those of the file
HEADER = 12  # bytes of a GLB that tell its length


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfyFile:
    """A file in ComfyUI's output folder."""

    subfolder: str
    filename: str

    def query(self) -> dict[str, str]:
        return {"filename": self.filename, "subfolder": self.subfolder, "type": "output"}


class ComfyClient:
    """Speaks to one server.

    Args:
        headers: for a proxy before it; secret, sent to this server only.
        client_id: names the web socket that hears of our jobs.
        transport: a test's own; None for the network.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str], client_id: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._client_id = client_id
        self._transport = transport
        self.account = hashlib.sha256(self._url.encode()).hexdigest()[:16]
        self._http = self._client()

    def __repr__(self) -> str:
        return f"ComfyClient({self.account})"

    def upload(self, name: str, data: bytes, media_type: str) -> str:
        """Hand over a picture; returns what LoadImage calls it. The same name and bytes again write nothing there.

        Raises: RequestRejected, AccountBlocked, LookupFailed.
        """
        # never `overwrite`: the picture is read when the job runs, and a changed one would change the model
        response = self._send(
            "POST",
            "/api/upload/image",
            files={"image": (name, data, media_type)},
            data={"subfolder": FOLDER, "type": "input"},
            timeout=SLOW,
            total_s=UPLOAD_TOTAL_S,
        )
        if response.status_code == 413:
            raise RequestRejected("The picture is larger than ComfyUI takes (its --max-upload-size). It cost nothing.")
        told = parsed(response)
        if response.status_code != 200 or told is None:
            raise question_failed(response)
        stored, folder = told.get("name"), told.get("subfolder")
        if not isinstance(stored, str) or folder != FOLDER or not is_plain(stored):
            raise LookupFailed("ComfyUI took the picture but gave no name for it that can be used; it is sent again.")
        return f"{folder}/{stored}"

    def create(
        self, attempt_id: str, graph: Graph, *, mark: str, workflow: Workflow, check_send_window: Callable[[], None]
    ) -> None:
        """Queue a job under our id: sent once, on a fresh connection, without redirects.

        Raises: NotSent (proven: no byte of the request left), RequestRejected, AccountBlocked, OutcomeUnknown.
        """
        sent = False

        def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal sent
            if event.endswith((FIRST_BYTE, BODY)):
                check_send_window()
                sent = True

        body = {
            "prompt": graph,
            "prompt_id": attempt_id,
            "client_id": self._client_id,
            "extra_data": {"maquette": mark, "extra_pnginfo": {"workflow": {"id": OURS}}},
        }
        try:
            with bounded(seconds=CREATE_TOTAL_S, most_bytes=MAX_ANSWER_BYTES), self._client() as fresh:
                response = fresh.post(f"{self._url}/api/prompt", json=body, timeout=QUICK, extensions={"trace": trace})
        except (NotSent, httpx.HTTPError, OSError) as exc:
            if sent:
                raise OutcomeUnknown(
                    "The connection broke before ComfyUI said whether it took the job. It is looked up there; it costs "
                    "nothing."
                ) from exc
            if isinstance(exc, NotSent):
                raise
            raise NotSent("ComfyUI could not be reached, so nothing was sent. It is tried again.") from exc
        created(response, attempt_id, workflow)

    def job(self, attempt_id: str) -> dict[str, Any] | None:
        """One job as it is told; None when it is certainly unknown. Raises: LookupFailed, AccountBlocked."""
        response = self._send("GET", f"/api/jobs/{attempt_id}")
        told = parsed(response)
        if response.status_code == 404 and told is not None and "error" in told:
            return None  # an empty 404 says nothing of a job: there is no such route
        return self._told(response)

    def open_jobs(self) -> list[dict[str, Any]]:
        """Ours that wait or run, of all our servers. Raises: LookupFailed, AccountBlocked."""
        told = self._ask("/api/jobs", status="pending,in_progress", workflow_id=OURS)
        jobs = told.get("jobs")
        if not isinstance(jobs, list):
            raise LookupFailed("ComfyUI answered without its jobs; it is asked again.")
        return [job for job in jobs if isinstance(job, dict)]

    def cancel(self, attempt_id: str) -> bool:
        """Ask for an end; True is a promise to try, not an end. Raises: LookupFailed, AccountBlocked."""
        return self._told(self._send("POST", f"/api/jobs/{attempt_id}/cancel")).get("cancelled") is True

    def stats(self) -> dict[str, Any]:
        return self._ask("/api/system_stats")

    def node(self, class_type: str) -> dict[str, Any] | None:
        """What the server says of a kind of node; None when it has none. Raises: LookupFailed, AccountBlocked."""
        found = self._ask(f"/api/object_info/{quote(class_type, safe='')}").get(class_type)
        return found if isinstance(found, dict) else None

    def is_whole(self, file: ComfyFile) -> bool | None:
        """Whether a GLB is as long as it says; None when it is not there. Raises: LookupFailed, AccountBlocked."""
        # files are written in place: a server that was killed leaves half of one
        with self._streamed(file, {"Range": f"bytes=0-{HEADER - 1}"}, LookupFailed) as response:
            if response.status_code in (404, 416):
                return None if response.status_code == 404 else False
            if response.status_code not in (200, 206):
                raise question_failed(response)
            total = response.headers.get("Content-Range", "").rpartition("/")[2] or response.headers.get(
                "Content-Length"
            )
            head = b"".join(_first(response, HEADER))
        if len(head) < HEADER or not str(total).isdigit():
            return False
        return head[:4] != b"glTF" or int(struct.unpack_from("<I", head, 8)[0]) <= int(str(total))

    def download(self, file: ComfyFile, *, max_bytes: int = MAX_MODEL_BYTES) -> bytes:
        """A finished model. Raises: ModelUnavailable, ModelTooLarge."""
        with self._streamed(file, {}, ModelUnavailable) as response:
            if response.status_code != 200:
                raise ModelUnavailable(f"ComfyUI answered {response.status_code} for the model; it is asked again.")
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    raise ModelTooLarge(
                        f"The model was made, but is larger than {max_bytes // 2**20} MB, more than can be kept here. "
                        f"It lies on the ComfyUI server, in output/{file.subfolder}."
                    )
        return bytes(body)

    def close(self) -> None:
        self._http.close()

    def _ask(self, path: str, **query: str) -> dict[str, Any]:
        return self._told(self._send("GET", path, params=query))

    def _told(self, response: httpx.Response) -> dict[str, Any]:
        told = parsed(response)
        if response.status_code != 200 or told is None:
            raise question_failed(response)
        return told

    def _send(
        self, method: str, path: str, *, timeout: httpx.Timeout = QUICK, total_s: float = QUICK_TOTAL_S, **more: Any
    ) -> httpx.Response:
        try:
            with bounded(seconds=total_s, most_bytes=MAX_ANSWER_BYTES):
                return self._http.request(method, f"{self._url}{path}", timeout=timeout, **more)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as exc:  # RuntimeError: closed at our own end
            raise LookupFailed("ComfyUI could not be reached; it is tried again. It costs nothing.") from exc

    @contextmanager
    def _streamed(
        self, file: ComfyFile, headers: dict[str, str], error: type[LookupFailed | ModelUnavailable]
    ) -> Iterator[httpx.Response]:
        url = f"{self._url}/api/view"
        try:
            with (
                bounded(seconds=DOWNLOAD_TOTAL_S, most_bytes=MAX_MODEL_BYTES + MAX_ANSWER_BYTES),
                self._http.stream("GET", url, params=file.query(), headers=PLAIN | headers, timeout=QUICK) as response,
            ):
                yield response
        except (httpx.HTTPError, OSError, RuntimeError) as exc:
            raise error("The connection to ComfyUI broke; it is asked again. It costs nothing.") from exc

    def _client(self) -> httpx.Client:
        # no proxy or netrc from the environment; neither Origin nor Sec-Fetch-Site: ComfyUI refuses both
        transport = self._transport or BoundedTransport()
        return httpx.Client(headers=self._headers, transport=transport, follow_redirects=False, trust_env=False)


def is_plain(name: str) -> bool:
    """Whether a file's name is one, and no way to another folder."""
    return bool(name) and name not in (".", "..") and not any(sign in name for sign in "/\\\0") and name.isprintable()


def _first(response: httpx.Response, count: int) -> Iterator[bytes]:
    for chunk in response.iter_bytes():
        yield chunk[:count]
        count -= len(chunk)
        if count <= 0:
            return
