"""The calls of ComfyUI that we make. One request each, no retry: the use cases decide what is repeated."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import httpx

from core.domain.errors import LookupFailed, ModelTooLarge, ModelUnavailable, RequestRejected
from core.generators.comfyui.answers import created, parsed, question_failed
from core.generators.comfyui.connection import MAX_ANSWER_BYTES, QUICK_TOTAL_S, Connection, body_of
from core.generators.comfyui.graph import Graph
from core.generators.comfyui.workflow import FOLDER, Workflow

OURS = "3c0d7c52-4f0e-5a51-8a43-6d2a3c2f4b11"  # `workflow.id` of all our jobs, by which the list is filtered
SECOND_RUN = "maquette_second_run"  # in `extra_data`, which comes back in look-ups
MAX_MODEL_BYTES = 512 * 2**20
UPLOAD_TOTAL_S, DOWNLOAD_TOTAL_S = 120.0, 600.0
HEADER = 12  # bytes of a GLB that tell its length


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfyFile:
    """A file in ComfyUI's output folder."""

    subfolder: str
    filename: str
    type: str = "output"


class ComfyClient:
    """Speaks to one server.

    Args:
        client_id: names the web socket that hears of our jobs.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str], client_id: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = Connection(url, headers=headers, transport=transport)
        self._client_id = client_id
        self.account = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]

    def upload(self, name: str, data: bytes, media_type: str) -> str:
        """Hand over a picture; returns what LoadImage calls it. The same name and bytes again write nothing there.

        Raises: RequestRejected, AccountBlocked, AccountBusy, LookupFailed.
        """
        # never `overwrite`: the picture is read when the job runs, and a changed one would change the model
        form = {"files": {"image": (name, data, media_type)}, "data": {"subfolder": FOLDER, "type": "input"}}
        response = self._http.send("POST", "/api/upload/image", total_s=UPLOAD_TOTAL_S, **form)
        if response.status_code == 413:
            raise RequestRejected("The picture is larger than ComfyUI takes (its --max-upload-size). It cost nothing.")
        answer = body_of(response)
        stored = answer.get("name")
        if not isinstance(stored, str) or answer.get("subfolder") != FOLDER or not is_plain(stored):
            raise LookupFailed("ComfyUI took the picture but gave no name for it that can be used; it is sent again.")
        return f"{FOLDER}/{stored}"

    def create(
        self,
        attempt_id: str,
        graph: Graph,
        *,
        mark: str,
        workflow: Workflow,
        check_send_window: Callable[[], None],
        is_second_run: bool = False,
    ) -> None:
        """Queue a job under our id, once. Raises: NotSent, RequestRejected, AccountBlocked, OutcomeUnknown."""
        body = {  # never `number`: two jobs of one number are queued and answered 500
            "prompt": graph,
            "prompt_id": attempt_id,
            "client_id": self._client_id,
            "extra_data": {
                "maquette": mark,
                SECOND_RUN: is_second_run,
                "extra_pnginfo": {"workflow": {"id": OURS}},
            },
        }
        created(self._http.post_once("/api/prompt", body, check_send_window=check_send_window), attempt_id, workflow)

    def job(self, attempt_id: str) -> dict[str, Any] | None:
        """One job as it is told; None when it is certainly unknown. Raises: as `body_of`."""
        response = self._http.send("GET", f"/api/jobs/{attempt_id}")
        if response.status_code == 404 and "error" in (parsed(response) or {}):
            return None  # an empty 404 says nothing of a job: there is no such route
        return body_of(response)

    def open_jobs(self) -> list[dict[str, Any]]:
        """Ours that wait or run, of all our servers. Raises: as `body_of`."""
        jobs = self._http.ask("/api/jobs", status="pending,in_progress", workflow_id=OURS).get("jobs")
        if not isinstance(jobs, list):
            raise LookupFailed("ComfyUI answered without its jobs; it is asked again.")
        return [job for job in jobs if isinstance(job, dict) and isinstance(job.get("id"), str)]

    def cancel(self, attempt_id: str) -> bool:
        """Ask for an end; True is a promise to try, not an end. Raises: as `body_of`."""
        return body_of(self._http.send("POST", f"/api/jobs/{attempt_id}/cancel")).get("cancelled") is True

    def free(self) -> None:
        """Ask for the memory of the graphics card back, once what runs has ended. Raises: as `body_of`."""
        response = self._http.send("POST", "/api/free", json={"unload_models": True, "free_memory": True})
        if response.status_code != 200:
            raise question_failed(response)

    def stats(self) -> dict[str, Any]:
        return self._http.ask("/api/system_stats")

    def node(self, class_type: str) -> dict[str, Any] | None:
        """What the server says of a kind of node; None when it has none. Raises: as `body_of`."""
        found = self._http.ask(f"/api/object_info/{quote(class_type, safe='')}").get(class_type)
        return found if isinstance(found, dict) else None

    def is_whole(self, file: ComfyFile) -> bool | None:
        """Whether a GLB is as long as it says; None when it is not there. Raises: as `body_of`."""
        # files are written in place: a server that was killed leaves half of one
        with self._http.streamed(
            "/api/view",
            asdict(file),
            part=f"bytes=0-{HEADER - 1}",
            total_s=QUICK_TOTAL_S,
            most_bytes=MAX_ANSWER_BYTES,
            error=LookupFailed,
        ) as response:
            headers = response.headers
            if response.status_code == 404 and "html" not in headers.get("Content-Type", ""):
                return None
            if response.status_code not in (200, 206, 416):
                raise question_failed(response)
            head = next(response.iter_bytes(HEADER), b"")
        total = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
        if len(head) < HEADER or not total.isdecimal():
            return False
        return head[:4] != b"glTF" or int(struct.unpack_from("<I", head, 8)[0]) <= int(total)

    def download(self, file: ComfyFile, *, max_bytes: int = MAX_MODEL_BYTES) -> bytes:
        """A finished model. Raises: ModelUnavailable, ModelTooLarge."""
        body = bytearray()
        with self._http.streamed(
            "/api/view",
            asdict(file),
            part=None,
            total_s=DOWNLOAD_TOTAL_S,
            most_bytes=max_bytes + MAX_ANSWER_BYTES,
            error=ModelUnavailable,
        ) as response:
            if response.status_code != 200:
                raise ModelUnavailable(f"ComfyUI answered {response.status_code} for the model; it is asked again.")
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


def is_plain(name: str) -> bool:
    """Whether a file's name is one, and no way to another folder."""
    return bool(name) and name not in (".", "..") and not any(sign in name for sign in "/\\\0") and name.isprintable()
