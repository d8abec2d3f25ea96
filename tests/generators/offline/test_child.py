"""The child process on its own: what it says, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.generators.offline.worker import ROOT
from core.mesh.glb import read_facts
from tests import pictures
from tests.generators.offline.shapes import body_of

pytestmark = pytest.mark.slow


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "core.generators.offline.child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def answers(child: subprocess.Popen[str], **order: object) -> list[dict[str, Any]]:
    """Everything the child says to one order; each line must be JSON."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps({"name": "x", "face_limit": 500, "texture": True} | order) + "\n")
    child.stdin.flush()
    heard = [json.loads(child.stdout.readline())]
    while "progress" in heard[-1]:
        heard.append(json.loads(child.stdout.readline()))
    return heard


def test_it_answers_each_order_with_progress_and_one_end_and_survives_a_bad_one(
    child: subprocess.Popen[str], tmp_path: Path
) -> None:
    good, bad, out = tmp_path / "good.png", tmp_path / "bad.png", tmp_path / "model.glb"
    good.write_bytes(pictures.with_alpha())
    bad.write_bytes(b"not a picture")

    first = answers(child, image=str(good), out=str(out))
    missing = answers(child, image=str(tmp_path / "nothing"), out=str(tmp_path / "no.glb"))
    damaged = answers(child, image=str(bad), out=str(tmp_path / "no.glb"))
    again = answers(child, image=str(good), out=str(out), face_limit=900)

    assert first[-1] == again[-1] == {"done": True}
    assert [answer["progress"] for answer in first[:-1]] == sorted(answer["progress"] for answer in first[:-1])
    assert list(missing[-1]) == list(damaged[-1]) == ["failed"]
    assert 500 < read_facts(out.read_bytes()).face_count <= 900
    assert not (tmp_path / "no.glb").exists()


def test_an_order_may_ask_for_a_style_a_height_and_a_picture_of_the_back(
    child: subprocess.Popen[str], tmp_path: Path
) -> None:
    picture, out = tmp_path / "good.png", tmp_path / "model.glb"
    picture.write_bytes(pictures.with_alpha())

    first = answers(child, image=str(picture), out=str(out), style="coin", height_m=0.03, back=str(picture))
    unknown = answers(child, image=str(picture), out=str(tmp_path / "no.glb"), style="cube")

    assert first[-1] == {"done": True}
    assert body_of(out.read_bytes()).extents[1] == pytest.approx(0.03, rel=1e-5)
    assert "cube" in unknown[-1]["failed"]


def test_it_ends_when_nobody_can_give_it_orders_any_more(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.close()

    assert child.wait(timeout=10) == 0


def test_it_loads_none_of_the_servers_libraries() -> None:
    script = (
        "import sys, core.generators.offline.child, core.generators.offline.engine\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)

    assert set(done.stdout.split()).isdisjoint({"streamlit", "fastapi", "starlette", "httpx", "supabase", "pandas"})
