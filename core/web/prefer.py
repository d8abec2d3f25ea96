"""The request header Prefer. Source: RFC 7240."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.request import parse_http_list

MOST_WAIT_S = 600
SECONDS = re.compile(r"[0-9]{1,9}")


def wait_s(headers: Iterable[str]) -> int | None:
    """Seconds of the first `wait`, at most 600; None when there is none.

    A preference that cannot be understood is ignored, as the RFC asks for: the answer then comes at once.
    """
    for preference in parse_http_list(",".join(headers)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            plain = value.strip().removeprefix('"').removesuffix('"')
            return min(int(plain), MOST_WAIT_S) if SECONDS.fullmatch(plain) else None
    return None
