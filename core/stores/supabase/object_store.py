"""The ObjectStore port on Supabase Storage: private buckets, every file checked after it was stored."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import quote, unquote

from storage3.exceptions import StorageApiError
from storage3.types import FileOptions
from supabase import Client

from core.domain.errors import ObjectMissing, StorageFull, StoreUnavailable
from core.stores.folders import PART, make_room
from core.stores.supabase.connection import SQL_FILE, Connection, storage_status

log = logging.getLogger(__name__)
BUCKETS = {"images": "maquette-images", "models": "maquette-models"}
# Storage takes few letters in a name: others become =C3=B6. The name people read is in the job.
PLAIN = re.compile(r"[A-Za-z0-9._/-]")
LISTED_AT_ONCE = 1000
Result = TypeVar("Result")


class SupabaseObjectStore:
    """Keeps what was fetched once in a folder of this machine too, so that files are served from there.

    Args:
        cache: a folder of this project's alone; may be emptied at any time; None to ask the project each time.
        cache_bytes: how much of it is kept; the oldest go first.
        installation: which job table the files belong to: in an emptied one other files have the same keys.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        cache: Path | None,
        cache_bytes: int = 2 * 2**30,
        installation: Callable[[], str] = lambda: "",
    ) -> None:
        self._connection = connection
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._installation = installation

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        bucket, path = _place(key)
        options = FileOptions({"content-type": media_type, "upsert": "true"})
        self._tried(key, lambda client: client.storage.from_(bucket).upload(path, data, options), size_bytes=len(data))
        stored = self._download(key)
        if hashlib.sha256(stored).digest() != hashlib.sha256(data).digest():
            raise StoreUnavailable(
                f"Supabase Storage gave back other bytes for {key} than it was given ({len(stored)} for {len(data)}); "
                "it is stored again."
            )
        self._keep(key, data)

    def get(self, key: str) -> bytes:
        kept = self._kept(key)
        if kept is not None and kept.is_file():
            return kept.read_bytes()
        data = self._download(key)
        self._keep(key, data)
        return data

    def exists(self, key: str) -> bool:
        try:
            self._download(key)
        except ObjectMissing:
            return False
        return True

    def local_path(self, key: str) -> Path | None:
        """A copy on this machine, fetched when it is not there yet. Raises: StoreUnavailable."""
        kept = self._kept(key)
        if kept is None:
            return None
        if not kept.is_file():
            try:
                self._keep(key, self._download(key))
            except ObjectMissing:
                return None
        return kept if kept.is_file() else None

    def sizes(self) -> Mapping[str, int]:
        """Bytes of every file in both buckets, by its key."""
        found: dict[str, int] = {}
        after = ""
        while batch := self._connection.call("stored_files", p_after=after, p_limit=LISTED_AT_ONCE):
            after = f"{batch[-1]['bucket']}/{batch[-1]['name']}"
            found |= {_key_of(each["bucket"], each["name"]): int(each["size"] or 0) for each in batch}
        return found

    def drop_copy(self, key: str) -> None:
        kept = self._kept(key)
        if kept is not None:
            with suppress(OSError):
                kept.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        bucket, path = _place(key)
        kept = self._kept(key)
        if kept is not None:
            kept.unlink(missing_ok=True)
        self._tried(key, lambda client: client.storage.from_(bucket).remove([path]))

    def _download(self, key: str) -> bytes:
        bucket, path = _place(key)
        return bytes(self._tried(key, lambda client: client.storage.from_(bucket).download(path)))

    def _tried(self, key: str, act: Callable[[Client], Result], *, size_bytes: int | None = None) -> Result:
        try:
            return self._connection.tried(act)
        except StorageApiError as exc:
            status = storage_status(exc)
            said = str(exc.message).lower()
            if status == 404 or "not found" in said or "not_found" in said:
                if "bucket" in said:
                    raise StoreUnavailable(
                        f"The Supabase project lacks Maquette's buckets. Open its SQL editor, paste the whole file "
                        f"{SQL_FILE} and run it; work goes on by itself."
                    ) from exc
                raise ObjectMissing(f"The stored file {key} is not there any more.") from exc
            if status == 413 or "maximum allowed size" in said:
                raise StorageFull(_too_large(key, size_bytes)) from exc
            if status == 507 or "quota" in said or "exceeded" in said:
                raise StorageFull(
                    "Supabase Storage does not take the file: the project's quota is reached. Make room, or raise the "
                    "quota in the project's settings; work goes on by itself."
                ) from exc
            if status in (401, 403):
                raise StoreUnavailable(
                    "Supabase Storage does not accept SUPABASE_KEY. It must be the project's secret key."
                ) from exc
            raise StoreUnavailable(f"Supabase Storage answered {exc.status}; it is tried again.") from exc

    # -- copies on this machine

    def _kept(self, key: str) -> Path | None:
        if self._cache is None:
            return None
        return self._cache / hashlib.sha256(f"{self._installation()} {key}".encode()).hexdigest()

    def _keep(self, key: str, data: bytes) -> None:
        """A copy is a convenience: where the disk is full there is none."""
        kept = self._kept(key)
        if kept is None:
            return
        aside = kept.with_name(f".{uuid.uuid4().hex}{PART}")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(data)
            aside.replace(kept)
            make_room(kept.parent, most_bytes=self._cache_bytes, newest=kept)
        except OSError as exc:
            log.warning("no copy of %s could be kept: %s", key, exc)
            aside.unlink(missing_ok=True)


def _too_large(key: str, size_bytes: int | None) -> str:
    size = "" if size_bytes is None else f" of {size_bytes / 2**20:.1f} MB"
    return (
        f"Supabase Storage does not take the file{size}: the size limit of the bucket {_place(key)[0]}, or that of the "
        "whole project, is lower. Raise the limit in the project's Storage settings; work goes on by itself."
    )


def _place(key: str) -> tuple[str, str]:
    """The bucket and the path in it. Raises: ValueError for a key that is none of ours."""
    folder, _, path = key.partition("/")
    parts = PurePosixPath(key).parts
    if folder not in BUCKETS or not path or ".." in parts or "\\" in key or "\0" in key or key.startswith("/"):
        raise ValueError(f"Not a key of the object store: {key!r}.")
    return BUCKETS[folder], "".join(
        sign if PLAIN.match(sign) else quote(sign, safe="").replace("%", "=") for sign in path
    )


def _key_of(bucket: str, path: str) -> str:
    """The other way: what `_place` makes of the key is this bucket and path."""
    folder = next(each for each, name in BUCKETS.items() if name == bucket)
    return f"{folder}/{unquote(path.replace('=', '%'))}"
