"""The processes that decode pictures: `python -m core.sandbox.picture_child <bytes of memory> <seconds>`.

The first one only waits: with the decoders loaded, it forks a worker for each order and never sees a picture itself.
So an order costs milliseconds, its memory goes back with its worker, and what a hostile picture breaks is gone.

An order is a line of JSON with its `size` in bytes, then the picture; the answer has the same form. A worker that ends
in another way ends the process that waits, with 128 + the signal as a shell has it, and the server starts a new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import traceback
from dataclasses import asdict
from typing import Any

from core.domain.errors import PictureRefused
from core.imaging.picture import prepare, thumbnail

NICE = 5  # pages come before pictures, pictures before models
CLOCK_SHARE = 3  # a worker may take this many times its processor time on the clock, should nobody look after it


def main() -> None:
    """Serve until standard input ends, which it does with the server."""
    memory_bytes, processor_s = int(sys.argv[1]), int(sys.argv[2])
    os.nice(NICE)
    with contextlib.suppress(ValueError, OSError):  # some systems cannot limit it
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while _is_asked():
        code = _in_a_worker(processor_s)
        if code != 0:
            os._exit(128 - code if code < 0 else code)


def _is_asked() -> bool:
    """Waits for an order. False: the server is gone."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), select.POLLIN)
    return any(events & select.POLLIN for _, events in poll.poll())


def _in_a_worker(processor_s: int) -> int:
    """How a worker ended that took one order; it is ended when the server is gone."""
    ended, held = os.pipe()  # the worker alone holds the writing end, so that its end is seen at the other
    worker = os.fork()
    if worker == 0:
        code = 1
        try:
            os.close(ended)
            resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s + 1))
            signal.alarm(CLOCK_SHARE * processor_s)
            _work()
            code = 0
        finally:
            os._exit(code)
    os.close(held)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(sys.stdin.fileno(), 0)  # only its hang-up: the bytes are the worker's
    if ended not in {descriptor for descriptor, _ in poll.poll()}:
        os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    os.close(ended)
    return os.waitstatus_to_exitcode(status)


def _work() -> None:
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as asked:
        order = json.loads(asked.readline())
        data = asked.read(order["size"])  # where this fails, the rest must not be taken for the next order
    message, out = _answer(order, data)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as said:
        said.write(json.dumps(message | {"size": len(out)}).encode() + b"\n")
        said.write(out)


def _answer(order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return _done(order, data)
    except PictureRefused as exc:
        return {"refused": exc.message, "code": exc.code}, b""
    except Exception:  # noqa: BLE001  (the edge of a process: every fault is an answer, and its trace goes to the log)
        return {"fault": traceback.format_exc()}, b""


def _done(order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    if order["do"] == "thumbnail":
        return {}, thumbnail(data, side_px=order["side_px"])
    picture = prepare(data, max_bytes=order["max_bytes"])
    if order["do"] == "preview":
        return {}, thumbnail(picture.data, side_px=order["side_px"])
    facts = asdict(picture)
    return facts, facts.pop("data")


if __name__ == "__main__":
    main()
