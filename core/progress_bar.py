"""How far a command on the terminal is."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


class Bar:
    """A progress bar on the terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def begin(self, what: str, total: int) -> None:
        self.close()
        self._bar = tqdm(total=total, desc=what.replace("generated_images", "jobs"), unit="", file=sys.stderr)

    def advance(self, count: int) -> None:
        if self._bar is not None:
            self._bar.update(count)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
