"""One piece of work on one model: `python -m core.sandbox.model_child`, in a folder of its own.

It reads `order.json` and `model.glb` in its working folder and writes `answer.json` and `out`. Its memory and its
processor time are limited before anything of the model is read, and it cannot reach the network's or other files by
anything a model says: the readers are given bytes alone.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

MEMORY_BYTES = 3 * 1024**3  # address space; the largest models need about half
PROCESSOR_S = 55
THREADS = 2
NICE = 10


def main() -> None:
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.putenv(f"{library}_NUM_THREADS", str(THREADS))  # read when numpy is loaded, below
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = Path(sys.argv[1])
    order = json.loads((folder / "order.json").read_text())
    answer = _answer(folder, order)
    (folder / "answer.json").write_text(json.dumps(answer))


def _answer(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    from core.domain.errors import ExportFailed, ModelInvalid

    try:
        return _work(folder, order)
    except MemoryError:
        return {"invalid": "The model needs more memory to be looked at than is allowed here."}
    except ModelInvalid as exc:
        return {"invalid": exc.message}
    except ExportFailed as exc:
        return {"failed": exc.message}
    except Exception:  # noqa: BLE001  (the edge of a process: every fault is an answer, and its trace goes to the log)
        traceback.print_exc()
        return {"invalid": "The geometry inside the model file cannot be worked with here."}


def _work(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    from PIL import Image

    from core.domain.export import Compression, ExportOrder, Format
    from core.mesh.formats import exported
    from core.mesh.render import thumbnail, turntable
    from core.mesh.shape import measure
    from core.mesh.surface import MOST_TEXTURE_PX, read_surface

    Image.MAX_IMAGE_PIXELS = MOST_TEXTURE_PX**2  # twice that is refused before it is decoded
    data = (folder / "model.glb").read_bytes()
    match order["do"]:
        case "look":
            surface = read_surface(data)
            (folder / "out").write_bytes(thumbnail(surface))
            return {"shape": asdict(measure(surface.vertices, surface.faces))}
        case "turntable":
            (folder / "out").write_bytes(turntable(read_surface(data)))
            return {}
        case _:
            asked = order["export"]
            wanted = asked | {"format": Format(asked["format"]), "compression": Compression(asked["compression"])}
            written, facts = exported(data, ExportOrder(**wanted), name=order["name"])
            (folder / "out").write_bytes(written)
            return {"facts": asdict(facts)}


if __name__ == "__main__":
    main()
