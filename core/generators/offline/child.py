"""The process that does the heavy work: `python -m core.generators.offline.child`.

It reads one JSON object a line from standard input (`image`, `out`, `name`, `face_limit`, `texture`, and if need be
`style`, `height_m`, and `back`, the path of a second picture) and answers with lines on standard output:
`{"progress": 50}`, then `{"done": true}` or `{"failed": "<reason>"}`. It is kept warm between tasks, has little
priority and bounded memory, and ends when its parent does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.generators.offline.tasks import WORK_LOCK, write_durably

MEMORY_BYTES = 3 * 1024**3  # address space; the engine itself needs about 500 MB
THREADS = 2  # for each library; some reserve memory for every core, and large machines would run into the limit
NICE = 10  # the pages and the API come first


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints goes to the log, not into the answers
    os.nice(NICE)
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.putenv(f"{library}_NUM_THREADS", str(THREADS))  # read when the library is loaded
    with contextlib.suppress(ValueError, OSError):  # some systems cannot limit it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()

    def tell(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in sys.stdin:
        order = json.loads(line)
        try:
            _work(order, tell)
        except MemoryError:
            tell(failed="the picture needs more memory than the engine may use")
        except Exception as exc:  # noqa: BLE001  (the edge of a process: every fault is an answer)
            tell(failed=f"{type(exc).__name__}: {exc}")
        else:
            tell(done=True)


def _work(order: dict[str, Any], tell: Callable[..., None]) -> None:
    import cv2  # a second of imports, paid once and not while idle

    from core.generators.offline.engine import make_model

    cv2.setNumThreads(THREADS)
    out = Path(order["out"])
    with (out.parent / WORK_LOCK).open("w") as lock:
        # held by the one who works: a child whose parent was killed lives on for up to a second
        fcntl.flock(lock, fcntl.LOCK_EX)
        model = make_model(
            Path(order["image"]).read_bytes(),
            name=order["name"],
            face_limit=order["face_limit"],
            texture=order["texture"],
            style=order.get("style", "auto"),
            height_m=order.get("height_m"),
            back=Path(order["back"]).read_bytes() if order.get("back") else None,
            report=lambda percent: tell(progress=percent),
        )
        write_durably(out, model)


def _end_with_parent(parent: int) -> None:
    """A killed parent cannot end its child, so the child watches."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
