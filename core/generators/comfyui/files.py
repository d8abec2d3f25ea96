"""Where workflows come from: templates of ours, or a file that the operator exported."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from core.domain.errors import SettingsInvalid
from core.generators.comfyui.workflow import EXPORT, Workflow, parse

TEMPLATES = Path(__file__).parent / "templates"
MOST_BYTES = 2_000_000  # graphs with hundreds of nodes are 200 kB


def template_names() -> tuple[str, ...]:
    return tuple(sorted(path.name.removesuffix(".about.json") for path in TEMPLATES.glob("*.about.json")))


def load_workflow(name_or_path: str) -> Workflow:
    """A template by its name, or a file of ComfyUI's *Export (API)*. Raises: SettingsInvalid, with what to do."""
    if name_or_path in template_names():
        about = _read(TEMPLATES / f"{name_or_path}.about.json", name_or_path)
        return parse(_read(TEMPLATES / f"{name_or_path}.json", name_or_path), name=name_or_path, about=about)
    path = Path(name_or_path)
    if not path.is_file():
        known = " or ".join(template_names())
        raise SettingsInvalid(
            f"COMFYUI_WORKFLOW is {name_or_path}, which is no file. Name a file, or one of ours: {known}."
        )
    return parse(_read(path, path.name), name=path.name)


def _read(path: Path, name: str) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise SettingsInvalid(f"The workflow {name} is larger than {MOST_BYTES // 10**6} MB. {EXPORT}")
        return copy.deepcopy(json.loads(data))  # as each job does: what is nested too deeply is found here
    except OSError as exc:
        raise SettingsInvalid(f"The workflow {name} cannot be read: {exc.strerror}.") from exc
    except (ValueError, RecursionError) as exc:
        raise SettingsInvalid(f"The workflow {name} is not readable JSON. {EXPORT}") from exc
