"""The calls of Tripo v3 that we make, over httpx. One request each, no retry: the use cases decide what is repeated."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from core.domain.errors import LookupFailed, ModelTooLarge, ModelUnavailable, NotSent, OutcomeUnknown
from core.domain.generation import Balance, GenerationRequest, TaskLookup, TaskState, UsageRow
from core.generators.bounded_http import BoundedTransport, bounded
from core.generators.tripo import wire
from core.generators.tripo.answers import created_task, data_of

MOST_IDS = 100  # in one tasks/list. Source: Tripo v3, tasks/list
MAX_MODEL_BYTES = 512 * 1024 * 1024
QUICK = httpx.Timeout(15.0, connect=5.0)
UPLOAD = httpx.Timeout(60.0, connect=5.0)
CREATE = httpx.Timeout(20.0, connect=5.0)
DOWNLOAD = httpx.Timeout(20.0, connect=5.0)
# A whole call, however slowly its answer trickles; each single read has its own limit besides. The time in flight of
# a paid request is bounded by this: settling begins only after it.
CREATE_TOTAL_S, QUICK_TOTAL_S, UPLOAD_TOTAL_S, DOWNLOAD_TOTAL_S = 30.0, 30.0, 120.0, 600.0
MAX_ANSWER_BYTES = 32 * 1024 * 1024
MOST_REDIRECTS = 3
FIRST_BYTE, BODY = "send_request_headers.started", "send_request_body.started"


class TripoClient:
    """Speaks for one account.

    Args:
        base_url: Tripo's address of the key's region; the key is sent nowhere else.
        transport: a test's own; None for the network.
    """

    def __init__(self, base_url: str, api_key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._authorization = {"Authorization": f"Bearer {api_key}"}
        self._transport = transport
        self.account = hashlib.sha256(f"{self._base_url} {api_key}".encode()).hexdigest()[:16]
        self.told_at: datetime | None = None  # Tripo's time in its newest answer
        self._http = self._client(headers=self._authorization)
        self._plain = self._client()

    def __repr__(self) -> str:
        return f"TripoClient({self._base_url!r})"

    def upload(self, data: bytes, *, name: str, media_type: str) -> str:
        """Hand over a picture, free; returns its file token. Raises: LookupFailed and what `data_of` raises."""
        answer = self._ask(
            "POST", "/v3/files", files={"file": (name, data, media_type)}, timeout=UPLOAD, total_s=UPLOAD_TOTAL_S
        )
        token = answer.get("file_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise LookupFailed("Tripo took the picture but gave no token for it; it is sent again, which is free.")
        return token

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        """The one paid call: sent once, on a fresh connection, without redirects; returns the task's id.

        Raises: NotSent (proven: no byte of the request left), RequestRejected, AccountBusy, AccountBlocked,
            OutcomeUnknown.
        """
        sent = False

        def trace(event: str, info: dict[str, Any]) -> None:
            # httpcore tells of this moment just before it writes; it swallows some write errors afterwards, so the
            # kind of exception proves nothing, but an exception before this moment does
            nonlocal sent
            if event.endswith(FIRST_BYTE):
                check_send_window()
                sent = True
            elif event.endswith(BODY):
                check_send_window()  # whoever stood still since then keeps the order back: it is nothing without a body

        try:
            with (
                bounded(seconds=CREATE_TOTAL_S, most_bytes=MAX_ANSWER_BYTES),
                self._client(headers=self._authorization) as fresh,
            ):
                response = fresh.post(
                    f"{self._base_url}{wire.create_path(request)}",
                    json=wire.create_body(request),
                    timeout=CREATE,
                    extensions={"trace": trace},
                )
        except NotSent as exc:
            if not sent:
                raise
            raise OutcomeUnknown(
                "The time to send this request passed while it was being sent, so it was broken off. We are checking "
                "whether Tripo took it all the same; nothing is charged twice."
            ) from exc
        except (httpx.HTTPError, OSError) as exc:
            if not sent:
                raise NotSent("Tripo could not be reached, so nothing was ordered. It is tried again.") from exc
            raise OutcomeUnknown(
                "The connection broke before Tripo said whether it took the order. "
                "We are checking that; nothing is sent again before it is known, so nothing is charged twice."
            ) from exc
        return created_task(response, request.request.kind)

    def list_tasks(self, task_ids: Sequence[str]) -> TaskLookup:
        """Up to MOST_IDS tasks in one request. Raises: LookupFailed and what `data_of` raises."""
        answer = self._ask("POST", "/v3/tasks/list", json={"task_ids": list(task_ids)})
        tasks = answer.get("tasks") if isinstance(answer, dict) else None
        if isinstance(tasks, dict):
            tasks = [
                task | {"task_id": task.get("task_id", key)} for key, task in tasks.items() if isinstance(task, dict)
            ]
        if not isinstance(tasks, list):
            raise LookupFailed("Tripo answered without its tasks; it is asked again.")
        states = [wire.task_state(task) for task in tasks if isinstance(task, dict)]
        found = {state.task_id: state for state in states if state is not None and state.task_id in task_ids}
        missed = answer.get("missed") if isinstance(answer, dict) else None
        unknown = {each for each in missed if isinstance(each, str)} if isinstance(missed, list) else set()
        return TaskLookup(found=found, missed=(frozenset(task_ids) & unknown) - found.keys())

    def get_task(self, task_id: str) -> TaskState:
        """Raises: RequestRejected (2001: not found), LookupFailed and what `data_of` raises."""
        answer = self._ask("GET", f"/v3/tasks/{task_id}")
        state = wire.task_state(answer) if isinstance(answer, dict) else None
        if state is None:
            raise LookupFailed("Tripo answered without the task; it is asked again.")
        return state

    def balance(self) -> Balance:
        """Raises: LookupFailed and what `data_of` raises."""
        answer = self._ask("GET", "/v3/account/balance")
        found = wire.balance(answer) if isinstance(answer, dict) else None
        if found is None:
            raise LookupFailed("Tripo answered without a balance; it is asked again.")
        return found

    def usage(self, *, limit: int = 50, offset: int = 0) -> list[UsageRow]:
        """Newest first; `limit` at most 200. Raises: LookupFailed and what `data_of` raises."""
        rows = wire.usage_rows(self._ask("GET", "/v3/account/usage", params={"limit": limit, "offset": offset}))
        if rows is None:
            raise LookupFailed("Tripo answered without its list of usage; it is asked again.")
        return rows

    def download(self, url: str, *, max_bytes: int = MAX_MODEL_BYTES) -> bytes:
        """A finished model from its signed address, without our key. Raises: ModelUnavailable, ModelTooLarge."""
        ends_s = time.monotonic() + DOWNLOAD_TOTAL_S
        try:
            for _ in range(MOST_REDIRECTS + 1):
                with (
                    bounded(seconds=DOWNLOAD_TOTAL_S, most_bytes=max_bytes + MAX_ANSWER_BYTES),
                    self._plain.stream("GET", url, timeout=DOWNLOAD) as response,
                ):
                    if response.has_redirect_location:
                        url = _followed(url, response.headers["Location"])
                        continue
                    if response.status_code != 200:
                        raise ModelUnavailable(
                            f"The model's address answered {response.status_code}; it is asked for anew."
                        )
                    return _whole_body(response, max_bytes=max_bytes, ends_s=ends_s)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            raise ModelUnavailable(
                "The transfer of the model broke; it is fetched again, which is free."
            ) from None  # the cause names the signed address
        raise ModelUnavailable("The model's address was redirected too often; it is asked for anew.")

    def close(self) -> None:
        self._http.close()
        self._plain.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        timeout: httpx.Timeout = QUICK,
        total_s: float = QUICK_TOTAL_S,
        **more: Any,
    ) -> dict[str, Any] | list[Any]:
        try:
            with bounded(seconds=total_s, most_bytes=MAX_ANSWER_BYTES):
                response = self._http.request(method, f"{self._base_url}{path}", timeout=timeout, **more)
        except (httpx.HTTPError, OSError, RuntimeError) as exc:  # RuntimeError: closed, because the server stops
            raise LookupFailed("Tripo could not be reached; it is tried again. Nothing was charged.") from exc
        data = data_of(response)
        self.told_at = _date_of(response) or self.told_at  # of Tripo's own answers alone, not of a gateway's page
        return data

    def _client(self, *, headers: dict[str, str] | None = None) -> httpx.Client:
        # no netrc from the environment changes where a key goes
        transport = self._transport or BoundedTransport()
        return httpx.Client(headers=headers, transport=transport, follow_redirects=False, trust_env=False)


def _date_of(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _followed(url: str, location: str) -> str:
    """Where a redirect leads; never from https to http."""
    following = urljoin(url, location)
    if urlsplit(following).scheme != urlsplit(url).scheme:
        raise ModelUnavailable("The model's address leads to another kind of connection; it was not followed.")
    return following


def _whole_body(response: httpx.Response, *, max_bytes: int, ends_s: float) -> bytes:
    declared = response.headers.get("Content-Length")
    if declared is not None and int(declared) > max_bytes:
        raise _too_large(max_bytes)  # before it is downloaded
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if time.monotonic() > ends_s:
            raise ModelUnavailable("The model came too slowly; it is fetched again, which is free.")
    if declared is not None and "Content-Encoding" not in response.headers and int(declared) != len(body):
        raise ModelUnavailable("The model was cut short on its way; it is fetched again, which is free.")
    return bytes(body)


def _too_large(max_bytes: int) -> ModelTooLarge:
    return ModelTooLarge(
        f"The model was made, but it is larger than {max_bytes // 2**20} MB, more than can be kept here. "
        "It is at Tripo: ask there for it before you make it again, which costs again."
    )
