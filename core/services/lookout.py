"""A process that only shows the work (SCHEDULER=off) asks by itself whether jobs can be given to each generator.

Elsewhere the sweep asks. What is lacking is known to the process alone that asked, and pages and the API tell it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from core.domain.errors import MaquetteError
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
LOOK_EVERY_S = 60.0


class Lookout:
    """Asks on a thread of its own, at once and then every minute. The question is free, and no job is touched.

    A generator that is paid is not asked: what is known of its account lies in the job table, and a process that does
    no work sends nothing to a vendor.
    """

    def __init__(self, generators: Sequence[Throttle], *, every_s: float = LOOK_EVERY_S) -> None:
        self._generators = tuple(each for each in generators if not each.is_paid)
        self._every_s = every_s
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no further look; one under way ends with its connection."""
        self._has_ended.set()

    def look(self) -> None:
        for generator in self._generators:
            try:
                generator.check_account()
            except MaquetteError as exc:
                log.info("%s does not take jobs: %s", generator.label, exc.message)

    def _run(self) -> None:
        while not self._has_ended.is_set():
            self.look()
            self._has_ended.wait(self._every_s)
