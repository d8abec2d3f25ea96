"""The Generator port on Tripo."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from core.domain.errors import ModelInvalid, ModelUnavailable
from core.domain.generation import Balance, FetchedModel, GenerationRequest, TaskLookup, TaskState, UsageRow
from core.domain.job import Category
from core.domain.request import JobRequest, StoredImage
from core.generators.tripo import prices
from core.generators.tripo.client import MOST_IDS, TripoClient
from core.generators.tripo.declaration import DECLARATION

log = logging.getLogger(__name__)
MAX_PREVIEW_BYTES = 8 * 2**20


class TripoGenerator:
    """Makes models with Tripo's paid service."""

    declaration = DECLARATION

    def __init__(self, client: TripoClient) -> None:
        self._client = client

    def upload(self, image: StoredImage, data: bytes) -> str:
        suffix = "png" if image.media_type == "image/png" else "jpg"
        # a name of ours: what people call their files is none of Tripo's business
        return self._client.upload(data, name=f"image.{suffix}", media_type=image.media_type)

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        return self._client.create(request, check_send_window=check_send_window)

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        found: dict[str, TaskState] = {}
        missed: set[str] = set()
        for start in range(0, len(task_ids), MOST_IDS):
            answer = self._client.list_tasks(task_ids[start : start + MOST_IDS])
            found |= answer.found
            missed |= answer.missed
        return TaskLookup(found=found, missed=frozenset(missed))

    def fetch_model(self, task: TaskState) -> FetchedModel:
        if task.model_url is None:
            raise ModelUnavailable("Tripo says the model is made but offers no file yet; it is asked again.")
        data = self._client.download(task.model_url)
        return FetchedModel(data=data, preview=self._preview(task.preview_url))

    def _preview(self, url: str | None) -> bytes | None:
        """A picture is nice to have: without it the model comes all the same."""
        if url is None:
            return None
        try:
            return self._client.download(url, max_bytes=MAX_PREVIEW_BYTES)
        except (ModelUnavailable, ModelInvalid) as exc:
            log.info("task's own picture could not be fetched: %s", exc.message)
            return None

    @property
    def account(self) -> str:
        return self._client.account

    @property
    def told_at(self) -> datetime | None:
        return self._client.told_at

    def estimate(self, request: JobRequest) -> Decimal | None:
        return prices.estimate(request)

    def category(self, request: JobRequest) -> Category:
        return prices.category(request)

    def check(self, request: JobRequest) -> None:
        prices.check(request)

    def check_account(self) -> None:
        self._client.balance()

    def balance(self) -> Balance:
        return self._client.balance()

    def usage(self, *, limit: int, offset: int) -> list[UsageRow]:
        return self._client.usage(limit=limit, offset=offset)

    def close(self) -> None:
        self._client.close()
