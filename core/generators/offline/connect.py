"""Settings become the built-in engine, which is always there: its jobs go on when another is connected later."""

from __future__ import annotations

from collections.abc import Callable

from core.generators.offline.declaration import DECLARATION, NAME
from core.generators.offline.generator import OfflineGenerator
from core.ports.connection import Connection
from core.settings import Settings, harmless_environment

KNOWN = DECLARATION
AT_ONCE = 2  # one at work and one ready: no pause between two


def connect(settings: Settings, *, on_ended: Callable[[str], None]) -> Connection | None:
    generator = OfflineGenerator(settings.data_dir / NAME, environment=harmless_environment())
    return Connection(generator=generator, limits={NAME: AT_ONCE})
