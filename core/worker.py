"""`python -m core.worker`: the background work alone, without pages. Any number of them may share one Supabase."""

from __future__ import annotations

import logging
import os
import signal
import threading
from types import FrameType

from core import __version__
from core.bootstrap import get_services
from core.web.server import check_start

log = logging.getLogger("core.worker")


def main() -> None:
    """Work until SIGTERM or Ctrl-C; then end what is under way within seconds."""
    check_start()
    asked_to_end = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        asked_to_end.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    services = get_services()
    services.scheduler.start()
    log.info("Maquette %s: a worker for %s", __version__, services.overview.engine)
    asked_to_end.wait()
    if not services.stop():
        log.warning("A call was still waiting for its answer; whoever works next goes on from what is written.")
        logging.shutdown()
        os._exit(0)  # its thread would hold the process for as long as the vendor pleases


if __name__ == "__main__":
    main()
