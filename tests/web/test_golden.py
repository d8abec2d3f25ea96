"""The contract's endpoint answers as it did before jobs had kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from core.fetch.fetcher import Fetched
from tests import pictures
from tests.web.conftest import CannedFetcher, Site
from tests.web.golden_requests import FREE, PAID, answers

RECORDED = json.loads(Path(__file__).with_name("golden").joinpath("generate_3d.json").read_text(encoding="utf-8"))
NOBODY = "http://127.0.0.1:9"  # listens there: nothing is sent while no scheduler runs


class TwoAddresses(CannedFetcher):
    def fetch(self, address: str) -> Fetched:
        if address == "https://example.com/back.png":
            return Fetched(data=pictures.portrait(), name="back.png")
        return super().fetch(address)


def test_every_answer_is_the_recorded_one(make_site: Callable[..., Site]) -> None:
    fetcher = TwoAddresses(max_bytes=10**7)
    sites = {FREE: make_site(fetcher), PAID: make_site(fetcher, tripo_api_key="tsk_x", tripo_base_url=NOBODY)}

    assert dict(answers(lambda maker: sites[maker].client)) == RECORDED
