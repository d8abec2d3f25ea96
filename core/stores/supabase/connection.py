"""One Supabase project over the official client, with its errors in our words."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from postgrest.exceptions import APIError
from storage3.exceptions import StorageApiError
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from core.domain.errors import StoreUnavailable
from core.stores.supabase.breaker import Breaker

log = logging.getLogger(__name__)
SQL_FILE = "database_schema_update.sql"
UPDATE_NEEDED = (
    "The Supabase database lacks Maquette's tables or an update of them. Open the project's SQL editor, paste "
    f"the whole file {SQL_FILE}, run it, and this page goes on by itself."
)
AWAY = (
    "The Supabase project cannot be reached now. Check SUPABASE_URL, and at status.supabase.com whether the service is "
    "up; it is tried again."
)
NO_PROJECT = (
    "What answers at SUPABASE_URL is not a Supabase project. Set it to the project's address alone, as the project's "
    "settings show it (https://….supabase.co, with nothing after it), and start again."
)
TRIES = 3  # every call may be repeated: a write that was done already is recognised
PAUSE_S = 0.2
# what PostgREST and Postgres say when a table, column or function is not there
UPDATE_MISSING = frozenset({"PGRST202", "PGRST203", "PGRST204", "PGRST205", "42883", "42P01", "42703", "3F000"})
KEY_REFUSED = frozenset({"PGRST301", "PGRST302", "PGRST303", "42501", "401", "403"})
# no path of PostgREST's; or an answer in another form than its own, which the client gives the status as its code
ELSEWHERE = frozenset({"PGRST117", "PGRST125", "200", "404", "405", "501"})
UNIQUE_VIOLATION = "23505"  # the caller knows what that means. Source: PostgreSQL, error codes
NOT_NOW = frozenset({408, 429})  # may come as a page of a gateway before a real project
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Attributes: asks_silence_again: whether a call is repeated that got no answer in time."""

    timeout: httpx.Timeout
    tries: int
    asks_silence_again: bool


PATIENT = Patience(timeout=httpx.Timeout(20.0, connect=5.0), tries=TRIES, asks_silence_again=True)
# a connection that was closed meanwhile shows at once and is made anew; silence is waited for once
QUICK = Patience(timeout=httpx.Timeout(2.5, connect=2.0), tries=2, asks_silence_again=False)


class Connection:
    """Made without a call: whether the project answers shows with the first one, and every time anew.

    Args:
        url: the project's address.
        key: its secret key; the server's alone.
        transport: a test's own; None for the network.
        patience: of every call.
        breaker: says whether to ask at all; None asks always.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        patience: Patience = PATIENT,
        breaker: Breaker | None = None,
    ) -> None:
        self._url, self._key, self._transport = url, key, transport
        self._patience, self._breaker = patience, breaker
        self._quick: list[Connection] = []
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._http: httpx.Client | None = None

    @property
    def project(self) -> str:
        """A fingerprint of the project's address; tells nothing of the key."""
        return project_of(self._url)

    def __repr__(self) -> str:
        return f"Connection({self._url!r})"

    def quick(self) -> Connection:
        """One for reads that a person or a health check waits for, with a breaker of its own; closed with this one."""
        made = Connection(self._url, self._key, transport=self._transport, patience=QUICK, breaker=Breaker())
        self._quick.append(made)
        return made

    def call(self, function: str, **parameters: Any) -> Any:
        """A function of the database, repeated when its answer was lost.

        Raises: StoreUnavailable; APIError for a value that must be unique and is not.
        """
        return self.tried(lambda client: client.rpc(f"maquette_{function}", parameters).execute().data)

    def tried(self, act: Callable[[Client], Result]) -> Result:
        """Run it, and again when the connection broke. Raises: as `call`."""
        if self._breaker is not None and not self._breaker.lets_pass():
            raise StoreUnavailable(AWAY)
        for left in reversed(range(self._patience.tries)):
            try:
                result = act(self._connected())
            except httpx.HTTPError as exc:
                is_silent = isinstance(exc, httpx.TimeoutException)
                if not left or (is_silent and not self._patience.asks_silence_again):
                    if self._breaker is not None:
                        self._breaker.failed()
                    raise StoreUnavailable(AWAY) from exc
            except APIError as exc:
                self._answered()
                raise_known(exc)
                if exc.code == UNIQUE_VIOLATION:
                    raise
                if not left or not _passes(exc):
                    log.warning("the Supabase database answered with an error: %s %s", exc.code, exc.message)
                    raise StoreUnavailable(
                        "The Supabase database answered with an error, which is in the server's log; it is tried again."
                    ) from exc
            except (StorageApiError, StoreUnavailable):
                self._answered()  # with something that the caller knows, or that is no project
                raise
            else:
                self._answered()
                return result
            threading.Event().wait(PAUSE_S)
        raise AssertionError("unreachable")

    def _answered(self) -> None:
        if self._breaker is not None:
            self._breaker.worked()

    def close(self) -> None:
        for each in self._quick:
            each.close()
        with self._lock:
            if self._http is not None:
                self._http.close()
            self._client, self._http = None, None

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                # HTTP/1.1: httpcore's synchronous HTTP/2 is not safe between threads
                self._http = httpx.Client(
                    http2=False,
                    timeout=self._patience.timeout,
                    follow_redirects=True,
                    transport=self._transport,
                    event_hooks={"response": [_check_speaks]},
                )
                options = SyncClientOptions(
                    httpx_client=self._http,
                    postgrest_client_retry=False,
                    auto_refresh_token=False,
                    persist_session=False,
                )
                try:
                    self._client = create_client(self._url, self._key, options)
                except Exception as exc:
                    raise StoreUnavailable(
                        "SUPABASE_URL or SUPABASE_KEY does not have the form of a Supabase project's. Copy both again "
                        "from the project's settings, under API keys."
                    ) from exc
            return self._client


def project_of(url: str) -> str:
    """The same for the same project, however its address is written."""
    return hashlib.sha256(url.strip().rstrip("/").lower().encode()).hexdigest()[:12]


def _check_speaks(response: httpx.Response) -> None:
    """Raises: StoreUnavailable for the page of a site that is no project. A gateway's page while one is away passes."""
    is_page = response.headers.get("content-type", "").startswith("text/html")
    is_of_gateway = response.status_code in NOT_NOW or (response.status_code >= 500 and response.status_code != 501)
    if is_page and not is_of_gateway:
        raise StoreUnavailable(NO_PROJECT)


def raise_known(exc: APIError) -> None:
    """Raises: StoreUnavailable, with what to do, for what an operator can mend."""
    code, said = str(exc.code or ""), str(exc.message or "").lower()
    if code in ELSEWHERE or "no route matched" in said or (not code and not said):
        raise StoreUnavailable(NO_PROJECT) from exc
    if code in UPDATE_MISSING or "could not find the function" in said:
        raise StoreUnavailable(UPDATE_NEEDED) from exc
    if code in KEY_REFUSED or "invalid api key" in said or "jwt" in said:
        raise StoreUnavailable(
            "Supabase does not accept SUPABASE_KEY. It must be the project's secret key (sb_secret_… or service_role), "
            "not the publishable one. Copy it from the project's settings, under API keys, and start again."
        ) from exc


def _passes(exc: APIError) -> bool:
    """Whether the same call may work in a moment: the database restarts, or a gateway answered in its place."""
    code = str(exc.code or "")
    is_status = code.isdecimal() and len(code) == 3 and int(code) >= 500
    return is_status or code.startswith(("57P", "08", "53", "40", "PGRST00", "SUP"))


def storage_status(exc: StorageApiError) -> int:
    """The HTTP status of an answer of Storage; 0 when it has none."""
    return int(exc.status) if str(exc.status).isdecimal() else 0
