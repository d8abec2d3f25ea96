"""Settings become Tripo: connected as long as there is a key."""

from __future__ import annotations

from collections.abc import Callable

from core.generators.tripo.client import TripoClient
from core.generators.tripo.declaration import DECLARATION
from core.generators.tripo.generator import TripoGenerator
from core.generators.tripo.prices import CONVERT, P_SERIES, STANDARD
from core.generators.tripo.webhooks import TripoWebhook
from core.ports.connection import Connection
from core.settings import Settings

KNOWN = DECLARATION


def connect(settings: Settings, *, on_ended: Callable[[str], None]) -> Connection | None:
    """None without a key. With another default, paid tasks still under way are brought home all the same."""
    if settings.tripo_api_key is None:
        return None
    secret = settings.tripo_webhook_secret
    return Connection(
        generator=TripoGenerator(TripoClient(settings.tripo_base_url, settings.tripo_api_key.get_secret_value())),
        limits={
            STANDARD: settings.concurrency_standard,
            P_SERIES: settings.concurrency_p,
            CONVERT: settings.concurrency_convert,
        },
        webhook=None if secret is None else TripoWebhook(secret.get_secret_value()),
    )
