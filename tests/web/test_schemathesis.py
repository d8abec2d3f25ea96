"""Whatever a tool makes of the API's description, the answers are those that it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT
from tests.web.described_site import serving

PATIENCE_S = 300  # a quarter of that on an idle machine
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.slow
def test_every_phase_of_schemathesis_finds_nothing(tmp_path: Path) -> None:
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run"]
    phases = ["--phases", "examples,coverage,fuzzing,stateful", "--no-color"]
    with serving(tmp_path / "data") as address:
        done = subprocess.run(
            [*program, f"{address}/api/openapi.json", *phases],
            cwd=tmp_path,  # it leaves a cache behind
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # it ran: a tool that finds nothing to do finds no fault either
    assert "25 selected / 25 total" in done.stdout
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅  {phase}" in done.stdout
