"""A process of our own that is kept waiting for orders: one line of JSON and some bytes in, the same out."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]


class ChildDied(Exception):
    """The process ended before it had answered, or had to be ended.

    Args:
        code: how it ended, as a shell has it: 128 + the signal; None while nobody knows.
        is_late: it took longer than it was given.
    """

    def __init__(self, reason: str, *, code: int | None = None, is_late: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.is_late = is_late


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    message: dict[str, Any]
    data: bytes = field(repr=False)


class WarmChild:
    """One process in a session of its own; it ends when its standard input does, so not later than the server.

    Args:
        module: what it runs.
        environment: all that it gets to see of it.

    Raises: OSError, when it cannot be started.
    """

    def __init__(self, module: str, arguments: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (our own module; what people send is never in the command)
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders complain there of every odd file
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._is_ended = False

    @property
    def is_alive(self) -> bool:
        with self._lock:
            return not self._is_ended and self._process.poll() is None

    def ask(self, order: dict[str, Any], data: bytes, *, limit_s: float) -> Answer:
        """One order at a time. Raises: ChildDied; the process is ended then."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ChildDied("it has no pipes")
        late = threading.Event()
        timer = threading.Timer(limit_s, self._end_late, args=(late,))
        timer.daemon = True
        timer.start()
        try:
            stdin.write(json.dumps(order | {"size": len(data)}).encode() + b"\n")
            stdin.write(data)
            stdin.flush()
            answer = _answer(stdout)
        except (OSError, ValueError) as exc:  # a broken pipe, half an answer, or ended by `end` meanwhile
            answer = None
            reason = f"{type(exc).__name__}: {exc}"
        else:
            reason = "it said nothing more"
        finally:
            timer.cancel()
        if answer is None:
            code = self._ended(patience_s=0.0 if late.is_set() else 1.0)
            raise ChildDied(f"{reason} ({code})", code=code, is_late=late.is_set())
        return answer

    def end(self) -> None:
        """End it with its workers, at once."""
        self._kill()
        self._ended(patience_s=5.0)

    def _end_late(self, late: threading.Event) -> None:
        late.set()
        self._kill()

    def _kill(self) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _ended(self, *, patience_s: float) -> int | None:
        """How it ended, by itself if it does so soon; its pipes are closed."""
        try:
            code = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._kill()
            code = self._process.wait()
        with self._lock:
            if self._is_ended:
                return code
            self._is_ended = True
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # an order may lie there half written
                    pipe.close()
        return code


def _answer(stdout: IO[bytes]) -> Answer | None:
    """None, when it ends before it is whole."""
    line = stdout.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    size = message.pop("size")
    data = stdout.read(size)
    return Answer(message=message, data=data) if len(data) == size else None
