"""Where files lie: pictures and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Keeps whole files under keys such as `models/17-3f2a/golden-retriever.glb`.

    Guarantees: a key is either absent or holds a complete file; a finished `put` survives a power cut; keys that
    climb out of the store (`..`, absolute, back-slashes) are refused with ValueError.
    """

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Store, replacing what was there. Raises: StorageFull, StoreUnavailable."""
        ...

    def get(self, key: str) -> bytes:
        """The whole file. Raises: ObjectMissing, StoreUnavailable."""
        ...

    def exists(self, key: str) -> bool:
        """Whether `get` would find it. Raises: StoreUnavailable."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The file on this machine's disk, when there is one, so that it can be streamed; else None."""
        ...

    def drop_copy(self, key: str) -> None:
        """Forget a copy on this machine of what lies elsewhere; the file itself stays. Never raises."""
        ...

    def delete(self, key: str) -> None:
        """Remove; a missing key is no error. Raises: StoreUnavailable."""
        ...


class Spool(ObjectStore, Protocol):
    """A place on this machine's own disk for files on their way to a store that may be away."""

    def keys(self) -> Sequence[str]:
        """What lies there now."""
        ...


class ListedStore(ObjectStore, Protocol):
    """A store that can tell all it has, for a look at the whole of it."""

    def sizes(self) -> Mapping[str, int]:
        """Bytes of every file by its key, without reading any. Raises: StoreUnavailable."""
        ...
