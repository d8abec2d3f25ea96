"""Texts of others on the pages: names, file names, a service's sentences. No address in them becomes a link."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.bootstrap import Services
from core.domain.claims import Failure
from core.domain.errors import StoreUnavailable
from core.domain.generation import OrphanedTask, Source
from core.domain.job import Job
from core.ui import labels
from tests.builders import EVERY_SLOT, intent, new_job, stored_image, stored_model
from tests.ui.test_pages import MAIN, jobs_page
from tests.ui.test_paid_pages import services  # noqa: F401

ADDRESSES = (
    "https://evil.example/a?b=c",
    "HTTP://EVIL.EXAMPLE",
    "http://evil.example.",
    "www.evil.example",
    "WWW.evil.example/x",
    "me@evil.example",
    "mailto:me@evil.example",
    "xmpp:me@evil.example",
    "ftp://evil.example",
    "[evil](https://evil.example)",
    "<https://evil.example>",
    "![evil](https://evil.example/a.png)",
    "\\https://evil.example",
    "_www.evil.example_",
    "(me+you@evil.example)",
)
ALL = " ".join(ADDRESSES)
# What GitHub-flavoured Markdown makes links of, in text whose escapes are already gone: they do not protect.
# Source: GFM 6.9; mdast-util-gfm-autolink-literal
LINKED = re.compile(r"https?://[-.\w]|www\.|[-.\w+]@[-\w]+\.|(?<!\\)\]\(|(?<!\\)<\w", re.IGNORECASE)
KINDS = (
    *("title", "header", "subheader", "markdown", "caption", "error", "warning", "success", "info", "toast", "metric"),
    *("button", "radio", "checkbox", "selectbox", "text_input", "multiselect", "expander", "status"),
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_in_a_literal_text_is_a_link_and_it_reads_as_before(address: str) -> None:
    shown = labels.literal(address)

    assert linked(shown) == []
    assert re.sub(r"\\(.)", r"\1", shown).replace("\u2060", "") == address


def test_what_is_no_address_is_left_as_it_was() -> None:
    for text in ("A cup, 3 cm", "Katze & Hund", "half/half", "كوب"):
        assert "\u2060" not in labels.literal(text)


def linked(shown: str) -> list[str]:
    return LINKED.findall(re.sub(r"\\([:/.@_+-])", r"\1", shown))


def markdown_of(app: AppTest) -> Iterator[str]:
    """Every text of the page that is shown as Markdown."""
    for kind in KINDS:
        for element in app.get(kind):
            proto = element.proto
            for name in ("body", "label", "help", "caption", "captions", "options"):
                found = getattr(proto, name, "")
                is_plain = kind in ("selectbox", "multiselect") and name == "options"
                if isinstance(found, str):
                    yield found
                elif found and not is_plain and not callable(found):
                    yield from (str(each) for each in found)
    for images in app.get("imgs"):
        yield from (image.caption for image in images.proto.imgs)


def failed(jobs: Any) -> int:
    added = jobs.add(new_job(target_object=ALL[:200], image=stored_image(name=ALL)))
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.fail(claimed.claim, Failure(code="2008", message=ALL))
    return int(added.job.id)


def waiting(jobs: Any) -> int:
    job = jobs.add(new_job(target_object=ALL[:200])).job
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.mark_blocked(claimed.claim, Failure(code="2010", message=ALL))
    return int(job.id)


def finished(jobs: Any) -> int:
    job = jobs.add(new_job(target_object=ALL[:200])).job
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.mark_submitting(claimed.claim, intent())
    jobs.bind_task(claimed.claim, "www.evil.example", poll_in_s=0)
    jobs.mark_saving(claimed.claim, credits_used=None)
    saving = jobs.claim_saving(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    jobs.complete(saving.claim, stored_model())
    return int(job.id)


def undecided(jobs: Any) -> int:
    job = jobs.add(new_job(target_object=ALL[:200])).job
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.mark_submitting(claimed.claim, intent())
    jobs.mark_uncertain(claimed.claim, note=ALL)
    looked_for = jobs.claim_uncertain(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    seen = [
        OrphanedTask(task_id=name, account="a", status=ALL, source=Source.USAGE, evidence=ALL)
        for name in ("https://evil.example/1", "www.evil.example")
    ]
    jobs.mark_attention(looked_for.claim, seen, note=ALL)
    return int(job.id)


@pytest.mark.parametrize("make", [failed, waiting, finished, undecided])
def test_no_page_of_a_job_makes_links_of_foreign_text(services: Services, make: Callable[[Any], int]) -> None:  # noqa: F811
    app = jobs_page(make(services.jobs))
    texts = list(markdown_of(app))

    assert not app.exception
    assert any("evil" in text for text in texts)
    assert [text for text in texts if linked(text)] == []


def test_no_refusal_makes_links_of_foreign_text(
    services: Services,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: object, **more: object) -> Job:
        raise StoreUnavailable(ALL)

    monkeypatch.setattr(type(services.jobs), "find", away)
    monkeypatch.setattr(type(services.jobs), "get", away)
    for app in (jobs_page(), jobs_page(1), AppTest.from_file(MAIN, default_timeout=20).run()):
        texts = list(markdown_of(app))
        assert not app.exception
        assert [text for text in texts if linked(text)] == []
    assert any("evil" in text for text in markdown_of(jobs_page()))
