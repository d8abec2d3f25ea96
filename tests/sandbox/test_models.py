"""The child processes: what they give, and that nothing they are given can do harm."""

from __future__ import annotations

import concurrent.futures
import http.server
import io
import threading
from collections.abc import Iterator

import psutil
import pytest
from PIL import Image

from core.domain.errors import ModelInvalid, SandboxFailed
from core.domain.export import Compression, ExportOrder, Format
from core.mesh.header import read_header
from core.sandbox.models import ModelChildren
from core.settings import harmless_environment
from tests.mesh.hostile import hostile, of_a_host
from tests.mesh.models import ball, glb_of, textured

WHOLE = glb_of(textured(ball(3)))


@pytest.fixture
def sandbox() -> Iterator[ModelChildren]:
    made = ModelChildren(environment=harmless_environment())
    yield made
    made.close()


@pytest.mark.slow
def test_a_look_gives_figures_and_a_picture(sandbox: ModelChildren) -> None:
    looked = sandbox.look(WHOLE)

    assert looked.shape is not None
    assert looked.shape.is_watertight
    assert Image.open(io.BytesIO(looked.thumbnail)).size == (512, 512)
    written, facts = sandbox.export(WHOLE, ExportOrder(format=Format.STL, faces=500), name="ball")
    assert facts.face_count <= 500
    assert len(written) == facts.size_bytes


@pytest.mark.slow
@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("faces", [None, 400])
def test_a_file_is_packed_as_it_was_asked_for(
    sandbox: ModelChildren, compression: Compression, faces: int | None
) -> None:
    order = ExportOrder(format=Format.GLB, compression=compression, faces=faces)
    written, _ = sandbox.export(WHOLE, order, name="ball")

    packed = [name for name in read_header(written).extensions if "compression" in name]
    expected = {Compression.DRACO: ["KHR_draco_mesh_compression"], Compression.MESHOPT: ["EXT_meshopt_compression"]}
    assert packed == expected.get(compression, [])


@pytest.mark.slow
def test_more_than_a_few_at_once_are_told_to_come_again() -> None:
    sandbox = ModelChildren(environment=harmless_environment(), most_waiting=2)

    def look(_: int) -> str:
        try:
            sandbox.look(WHOLE)
        except SandboxFailed as exc:
            return exc.message
        return ""

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        said = list(pool.map(look, range(5)))
    sandbox.close()
    assert said.count("Many models are being worked on at this moment. Try again in a minute.") >= 1
    assert said.count("") >= 1


@pytest.mark.slow
def test_a_child_that_takes_too_long_is_ended(sandbox: ModelChildren) -> None:
    quick = ModelChildren(environment=harmless_environment(), limit_s=0.05)
    with pytest.raises(SandboxFailed, match="more time or memory"):
        quick.look(WHOLE)
    assert [each for each in psutil.Process().children() if "sandbox" in " ".join(each.cmdline())] == []


def test_a_closed_sandbox_takes_nothing(sandbox: ModelChildren) -> None:
    sandbox.close()
    with pytest.raises(SandboxFailed, match="being stopped"):
        sandbox.look(WHOLE)


def test_no_key_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPO_API_KEY", "tsk_secret")
    monkeypatch.setenv("SUPABASE_KEY", "sb_secret_x")
    assert "secret" not in str(harmless_environment())


@pytest.mark.slow
def test_every_hostile_file_ends_in_a_sentence_or_a_picture(every: int) -> None:
    """In real children, two at a time; and no file makes anyone call a host."""
    calls: list[str] = []

    class Ear(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)

    server = http.server.HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = hostile() | of_a_host(f"http://127.0.0.1:{server.server_port}/secret")

    def ends(files: dict[str, bytes]) -> dict[str, str]:
        sandbox = ModelChildren(environment=harmless_environment())
        found = {}
        for name, data in files.items():
            try:
                found[name] = "drawn" if sandbox.look(data).thumbnail else "nothing"
            except (ModelInvalid, SandboxFailed) as exc:
                found[name] = exc.message
        return found

    names = list(files) if every == 1 else list(files)[::3]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        halves = pool.map(ends, ({name: files[name] for name in names[part::2]} for part in (0, 1)))
        found = {name: end for half in halves for name, end in half.items()}
    server.shutdown()
    server.server_close()

    assert len(found) == len(names) >= (60 if every == 1 else 20)
    assert [name for name, end in found.items() if end != "drawn" and not end.endswith(".")] == []
    assert calls == []
    late = [name for name, end in found.items() if "more time or memory" in end]
    assert late == [], "what is known to be bad is refused before it takes time or memory"
