"""What programs are told when the job table must not be used."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests import pictures
from tests.damage import WAYS, filled
from tests.web.conftest import Site

pytestmark = pytest.mark.slow


def submit(site: Site) -> httpx.Response:
    picture = {"image": ("a.png", pictures.cat())}
    return site.client.post("/api/generate-3d", files=picture, data={"targetObject": "Cat"})


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_table_makes_health_unwell_and_refuses_submissions(way: str, make_site: Callable[..., Site]) -> None:
    site = make_site()
    file = site.services.settings.data_dir / "maquette.sqlite3"
    filled(file)
    assert submit(site).status_code == 202
    stored = len(list((site.services.settings.data_dir / "files").rglob("*.*")))
    WAYS[way](file)
    with pytest.raises(Exception, match="damaged"):
        site.services.jobs.check()  # as the scheduler does every minute

    health, submitted, read = site.client.get("/api/health"), submit(site), site.client.get("/api/generation-status/1")

    assert (health.status_code, submitted.status_code, read.status_code) == (503, 503, 503)
    assert health.json()["store"]["ok"] is False
    for sentence in (health.json()["store"]["problem"], submitted.json()["error"], read.json()["error"]):
        assert "damaged" in sentence
        assert "nothing new is charged" in sentence
        assert "backup" in sentence
    assert len(list((site.services.settings.data_dir / "files").rglob("*.*"))) == stored
