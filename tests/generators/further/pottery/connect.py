"""Settings become the pottery, which needs none but the data folder."""

from __future__ import annotations

from collections.abc import Callable

from core.generators.pottery.declaration import DECLARATION, NAME
from core.generators.pottery.generator import Pottery

from core.ports.connection import Connection
from core.settings import Settings

KNOWN = DECLARATION


def connect(settings: Settings, *, on_ended: Callable[[str], None]) -> Connection | None:
    return Connection(generator=Pottery(settings.data_dir / NAME), limits={NAME: 2})
