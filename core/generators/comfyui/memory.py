"""A job whose graphics card ran out of memory runs once more, after the server was asked to free it.

That it does is written into the job itself (`SECOND_RUN`), so that any server of ours knows it, also after a restart.
It is sent as a lost task is (core/services/elsewhere.py): by the one server that has the job, and never twice.
"""

from __future__ import annotations

import logging

from core.domain.errors import GenerationError
from core.generators.comfyui.client import ComfyClient

log = logging.getLogger(__name__)


def free_memory(client: ComfyClient) -> None:
    """Ask for it; a server that refuses unloads its models after such a fault by itself, too."""
    try:
        client.free()
    except GenerationError as exc:
        log.info("ComfyUI was not asked to free its memory: %s", exc.message)
