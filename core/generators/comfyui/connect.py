"""Settings become a ComfyUI server: connected as long as its address is set."""

from __future__ import annotations

from collections.abc import Callable

from core.generators.comfyui.declaration import NAME, TEMPLATE
from core.generators.comfyui.files import load_workflow
from core.generators.comfyui.generator import ComfyGenerator
from core.ports.connection import Connection
from core.settings import Settings

KNOWN = TEMPLATE


def connect(settings: Settings, *, on_ended: Callable[[str], None]) -> Connection | None:
    """None without an address. Raises: SettingsInvalid, when the workflow cannot be used."""
    if settings.comfyui_url is None:
        return None
    generator = ComfyGenerator(
        settings.comfyui_url,
        headers=settings.proxy_headers,
        workflow=load_workflow(settings.comfyui_workflow),
        on_ended=on_ended,
    )
    return Connection(generator=generator, limits={NAME: settings.concurrency_comfyui})
