"""What many look at is read once for all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.domain.errors import StoreUnavailable
from core.services.shared import Shared


def test_it_is_read_once_while_it_is_fresh() -> None:
    now, reads = [0.0], [0]

    def read() -> int:
        reads[0] += 1
        return reads[0]

    shared = Shared(read, fresh_s=10, clock_s=lambda: now[0])
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: shared.get(), range(50))) == [1] * 50
    now[0] = 10.0
    assert shared.get() == 1
    now[0] = 10.1
    assert (shared.get(), reads[0]) == (2, 2)


def test_a_reading_that_failed_is_not_kept() -> None:
    answers: list[object] = [StoreUnavailable("away"), "there"]

    def read() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared = Shared(read, fresh_s=10)
    with pytest.raises(StoreUnavailable):
        shared.get()
    assert shared.get() == "there"
