"""`python -m tests.bench.engine`: how long the built-in engine takes, and how much memory."""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests import pictures
from tests.serving import ROOT

ENGINE_RUNS = 5


def engine() -> None:
    """Bar: 1024 px under 2 s and 800 MB, in the warm child process."""
    print(f"\nBuilt-in engine, 50,000 faces, warm child process, median of {ENGINE_RUNS}:")
    for side_px in (512, 1024, 2048):
        seconds, peak_mb = _engine_run(side_px)
        print(f"  {side_px:5d} px   {statistics.median(seconds):5.2f} s   peak {peak_mb:4.0f} MB")
    print("  (bar: 1024 px under 2 s and 800 MB)")


def _engine_run(side_px: int) -> tuple[list[float], float]:
    """Seconds of each run after a warm-up, and the child's peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.jpg", Path(folder) / "out.glb"
        _photo(side_px).save(source, quality=92)
        child = subprocess.Popen(
            [sys.executable, "-m", "core.generators.offline.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        order = {"image": str(source), "out": str(out), "name": "x", "face_limit": 50_000, "texture": True}
        seconds = []
        for _ in range(1 + ENGINE_RUNS):
            started_s = time.perf_counter()
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
            while "progress" in (answer := json.loads(child.stdout.readline())):
                continue
            assert answer == {"done": True}, answer
            seconds.append(time.perf_counter() - started_s)
        status = Path(f"/proc/{child.pid}/status").read_text()
        peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        child.stdin.close()
        child.wait(10)
        child.stdout.close()
        return seconds[1:], peak_kb / 1024


def _photo(side_px: int) -> Image.Image:
    """A real portrait at this size."""
    with Image.open(io.BytesIO(pictures.portrait())) as photo:
        return photo.resize((side_px, side_px), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    engine()
