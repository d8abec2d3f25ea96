"""Large pictures through the real server: their memory is given back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.memory import measured


@pytest.mark.slow
def test_large_pictures_leave_nothing_in_the_servers_memory(tmp_path: Path) -> None:
    """Twenty here, two hundred in `make bench`. Decoded in the server, twelve left three gigabytes."""
    found = measured(tmp_path, count=20)

    assert found.after_mb < found.before_mb + 100
    assert found.peak_mb < found.before_mb + 400, "what is uploaded, but never what it decodes to"
