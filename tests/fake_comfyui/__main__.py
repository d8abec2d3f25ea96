"""`python -m tests.fake_comfyui --port 8188`: the fake as a process of its own."""

from __future__ import annotations

import argparse

import uvicorn

from tests.fake_comfyui.server import FakeComfy

parser = argparse.ArgumentParser(description="A ComfyUI for tests.")
parser.add_argument("--port", type=int, default=8188)
parser.add_argument("--step-s", type=float, default=0.2, help="seconds that a step of a sampler takes")
arguments = parser.parse_args()
app = FakeComfy(step_s=arguments.step_s)
uvicorn.run(app, host="127.0.0.1", port=arguments.port, lifespan="off", ws="websockets-sansio")
