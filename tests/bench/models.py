"""Looking at models and writing other files: seconds and peak memory of one process each, beside trimesh alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

SIZES = (10_000, 100_000, 500_000, 1_500_000)
TEXTURE_PX = 2048


def ring(faces: int) -> bytes:
    """A closed, textured, bumpy ring with a texture seam both ways around."""
    side = int(np.sqrt(faces / 2)) + 1
    u, v = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    around, across = u * 2 * np.pi, v * 2 * np.pi
    radius = 1 + 0.3 * np.cos(across) + 0.02 * np.sin(9 * around) * np.sin(7 * across)
    points = np.stack([radius * np.cos(around), 0.3 * np.sin(across), radius * np.sin(around)], axis=-1).reshape(-1, 3)
    number = np.arange(side * side).reshape(side, side)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    corners = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((TEXTURE_PX, TEXTURE_PX), Image.Resampling.BICUBIC)
    look = trimesh.visual.TextureVisuals(
        uv=np.stack([u.ravel(), v.ravel()], axis=1), material=PBRMaterial(baseColorTexture=picture)
    )
    mesh = trimesh.Trimesh(points, corners, visual=look, process=False)
    return bytes(mesh.export(file_type="glb", include_normals=True))


# -- one piece of work, in a process of its own


def _ours(kind: str, data: bytes) -> Callable[[], object]:
    from core.domain.export import Compression, ExportOrder, Format
    from core.mesh.formats import exported
    from core.mesh.render import thumbnail
    from core.mesh.shape import measure
    from core.mesh.surface import read_surface

    if kind == "measure":
        surface = read_surface(data)
        return lambda: measure(surface.vertices, surface.faces)
    if kind == "thumbnail":
        surface = read_surface(data)
        return lambda: thumbnail(surface)
    if kind == "measure and thumbnail":

        def both() -> None:
            surface = read_surface(data)
            thumbnail(surface)
            measure(surface.vertices, surface.faces)

        return both
    if kind == "glb, 50,000 faces":
        return lambda: exported(data, ExportOrder(format=Format.GLB, faces=50_000), name="ring")
    if kind == "glb, draco":
        return lambda: exported(data, ExportOrder(format=Format.GLB, compression=Compression.DRACO), name="ring")
    return lambda: exported(data, ExportOrder(format=Format(kind)), name="ring")


def _plainly(kind: str, data: bytes) -> Callable[[], object]:
    """What one would write with trimesh alone."""
    import io

    def load() -> trimesh.Trimesh:
        return trimesh.load_scene(io.BytesIO(data), file_type="glb").to_mesh()

    if kind == "measure and thumbnail":

        def figures() -> None:
            mesh = load()
            mesh.merge_vertices(merge_tex=True, merge_norm=True)
            _ = (mesh.is_watertight, mesh.is_winding_consistent, mesh.volume, mesh.area, mesh.body_count)
            _ = (mesh.nondegenerate_faces(), mesh.unique_faces())

        return figures
    return lambda: load().export(file_type=kind)


def work(side: str, kind: str, file: str) -> None:
    act = (_ours if side == "ours" else _plainly)(kind, Path(file).read_bytes())
    started_s = time.monotonic()
    act()
    taken_s = time.monotonic() - started_s
    print(f"{taken_s:.3f} {_peak_mb():.0f}")


def _peak_mb() -> float:
    """Of this process alone: getrusage also counts what its parent had before it was started."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


# -- the tables


def _run(side: str, kind: str, file: Path) -> str:
    command = [sys.executable, "-m", "tests.bench.models", side, kind, str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        return "over 180 s"
    if done.returncode:
        return "failed"
    seconds, megabytes = done.stdout.split()
    return f"{float(seconds):.2f} s {megabytes:>5} MB"


def models() -> None:
    """Bars: at 1.5 million faces 4 s and 1.3 GB for all figures, 1.5 s for a thumbnail, 5 ms for the header."""
    from core.mesh.header import read_header

    ours = ("measure and thumbnail", "thumbnail", "stl", "ply", "3mf", "obj", "usdz", "glb, 50,000 faces", "glb, draco")
    plain = ("measure and thumbnail", "stl", "ply", "obj")
    with tempfile.TemporaryDirectory() as folder:
        files = {faces: Path(folder) / f"{faces}.glb" for faces in SIZES}
        for faces, file in files.items():
            file.write_bytes(ring(faces))
        print("\nModels: seconds of the work (without starting Python) and peak memory of its process")
        print(f"  {'faces':34}" + "".join(f"{faces:>20,}" for faces in SIZES))
        row = []
        for file in files.values():
            data = file.read_bytes()
            read_header(data)
            started_s = time.monotonic()
            for _ in range(20):
                read_header(data)
            row.append(f"{(time.monotonic() - started_s) / 20 * 1000:.2f} ms")
        print(f"  {'header (in the server)':34}" + "".join(f"{told:>20}" for told in row))
        for kind in ours:
            print(f"  {kind:34}" + "".join(f"{_run('ours', kind, file):>20}" for file in files.values()), flush=True)
        for kind in plain:
            name = f"trimesh plainly: {'figures only' if kind.startswith('measure') else kind}"
            print(f"  {name:34}" + "".join(f"{_run('plain', kind, file):>20}" for file in files.values()), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        work(*sys.argv[1:])
    else:
        models()
