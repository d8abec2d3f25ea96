"""What tests of whole processes stand on: a server that fails leaves nothing behind; ports are not fought for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import serving

DEAF = "import signal as s, threading as t; s.signal(15, s.SIG_IGN); print('deaf', flush=True); t.Event().wait()"


def test_a_server_that_neither_starts_nor_ends_is_gone_when_its_block_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start_deaf(command: list[str], log: Path, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        with process.stdout as said:
            assert said.readline() == b"deaf\n"
        log.touch()
        return process

    monkeypatch.setattr(serving, "start", start_deaf)
    monkeypatch.setattr(serving, "START_S", 0.1)
    monkeypatch.setattr(serving, "STOP_S", 0.1)

    with pytest.raises(subprocess.TimeoutExpired), serving.serving(tmp_path / "data"):
        raise AssertionError("it was taken for healthy")
    assert [process.returncode for process in started] == [-9]


def test_ports_are_given_once_and_never_out_of_those_of_outgoing_connections() -> None:
    given = [serving.free_port() for _ in range(200)]

    first_of_the_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert len(set(given)) == 200
    assert max(given) < first_of_the_system
