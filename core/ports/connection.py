"""A generator that is connected, with what is known of it beside what the port asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.domain.job import Category
from core.ports.account_store import Delivery
from core.ports.generator import Generator


class Webhook(Protocol):
    """How calls of a generator to us are checked and read. Its declaration says what they are called."""

    def is_signed(self, header: str, body: bytes, *, now_s: float) -> bool:
        """Whether the header that the declaration names fits the raw bytes, and is fresh."""
        ...

    def delivery_of(self, body: bytes) -> Delivery | None:
        """What a signed body says; None when it is no delivery. Its news are never believed, only asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a generator's folder makes of the settings.

    Attributes:
        limits: how many tasks of each of its categories may be open at once.
        webhook: None where it does not call us, or the operator has not set its secret.
    """

    generator: Generator
    limits: Mapping[Category, int]
    webhook: Webhook | None = None
