"""Pictures from people are decoded in child processes only; lint-imports holds the rest of the code to it as well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_shape import PAGES, ROOT, imported

DECODERS = ("PIL", "pillow_heif", "cv2", "core.imaging")
SERVER = f"""
import importlib, pkgutil, sys
import core.bootstrap, core.ui, core.web, core.worker
for package in (core.ui, core.web):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print(*sorted(name for name in sys.modules if name.startswith({DECODERS!r})))
"""


@pytest.mark.slow
def test_a_server_process_loads_no_decoder_of_pictures() -> None:
    done = subprocess.run([sys.executable, "-c", SERVER], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


@pytest.mark.parametrize("page", [ROOT / "app.py", *PAGES], ids=lambda path: path.name)
def test_no_page_decodes_a_picture(page: Path) -> None:
    assert [name for name in imported(page) if name.startswith(DECODERS)] == []
