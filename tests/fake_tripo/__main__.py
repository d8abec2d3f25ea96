"""`python -m tests.fake_tripo --port 8600`: the fake as a process of its own."""

from __future__ import annotations

import argparse

import uvicorn

from tests.fake_tripo.server import FakeTripo

parser = argparse.ArgumentParser(description="A Tripo v3 for tests.")
parser.add_argument("--port", type=int, default=8600)
parser.add_argument("--task-s", type=float, default=5.0, help="seconds a task takes")
arguments = parser.parse_args()
uvicorn.run(FakeTripo(task_s=arguments.task_s), host="127.0.0.1", port=arguments.port, lifespan="off")
