"""The processes that decode pictures: what they give, and that nothing they are given can do harm."""

from __future__ import annotations

import concurrent.futures
import contextlib
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import psutil
import pytest
from PIL import Image

from core.domain.errors import PictureRefused, SandboxFailed
from core.imaging.picture import prepare, thumbnail
from core.sandbox.pictures import MEMORY_BYTES, MOST_WAITING, PictureChildren
from core.settings import harmless_environment
from tests import pictures
from tests.imaging.test_picture import OPAQUE, TRANSPARENT
from tests.pictures import encoded

pytestmark = pytest.mark.slow

LIMIT = 20 * 2**20
MODULE = "core.sandbox.picture_child"
PATIENCE_S = 20


@pytest.fixture
def make() -> Iterator[Callable[..., PictureChildren]]:
    made: list[PictureChildren] = []

    def make(**limits: float) -> PictureChildren:
        made.append(PictureChildren(environment=harmless_environment(), **limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert processes() == []


@pytest.fixture
def sandbox(make: Callable[..., PictureChildren]) -> PictureChildren:
    return make()


@cache
def heavy(kind: str = "PNG") -> bytes:
    """64 megapixels."""
    return encoded(Image.new("RGB", (8000, 8000), (90, 120, 60)), kind)


@cache
def slow() -> bytes:
    """Takes several seconds of a processor."""
    noise = np.random.default_rng(1).integers(0, 255, (400, 400, 4), dtype=np.uint8)
    return encoded(Image.fromarray(noise).resize((4000, 4000), Image.Resampling.BILINEAR), "PNG", compress_level=1)


def processes(of: psutil.Process | None = None) -> list[psutil.Process]:
    """Those that wait for pictures, and their workers."""
    found = []
    for each in (of or psutil.Process()).children(recursive=True):
        try:
            if MODULE in each.cmdline():
                found.append(each)
        except psutil.NoSuchProcess:
            continue
    return found


def waiting() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if each in processes()]


def workers(of: psutil.Process | None = None) -> list[psutil.Process]:
    found = processes(of)
    waiting = {each.pid for each in found}
    at_work = []
    for each in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.ppid() in waiting:
                at_work.append(each)
    return at_work


def test_the_results_are_those_of_the_decoder(sandbox: PictureChildren) -> None:
    for data in (pictures.portrait(), pictures.with_alpha()):
        picture = prepare(data, max_bytes=LIMIT)

        assert sandbox.prepare(data, max_bytes=LIMIT) == picture
        assert sandbox.thumbnail(picture.data, side_px=64) == thumbnail(picture.data, side_px=64)
        assert sandbox.preview(data, max_bytes=LIMIT, side_px=64) == thumbnail(picture.data, side_px=64)


def test_every_kind_of_picture_is_decoded_there_as_here(sandbox: PictureChildren) -> None:
    for make in (*OPAQUE.values(), *TRANSPARENT.values()):
        data = make()
        assert sandbox.prepare(data, max_bytes=LIMIT) == prepare(data, max_bytes=LIMIT)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7\n", pictures.portrait()[:20_000], b"x" * (LIMIT + 1)])
def test_a_refusal_keeps_its_sentence_and_its_code(sandbox: PictureChildren, data: bytes) -> None:
    with pytest.raises(PictureRefused) as expected:
        prepare(data, max_bytes=LIMIT)
    with pytest.raises(PictureRefused) as refused:
        sandbox.prepare(data, max_bytes=LIMIT)

    assert (refused.value.message, refused.value.code) == (expected.value.message, expected.value.code)


def test_a_stored_picture_that_was_damaged_is_refused(sandbox: PictureChildren) -> None:
    with pytest.raises(PictureRefused, match="damaged"):
        sandbox.thumbnail(pictures.portrait()[:9000], side_px=64)


def test_one_process_serves_many_pictures_and_sees_none_itself(sandbox: PictureChildren) -> None:
    sandbox.prepare(pictures.portrait(), max_bytes=LIMIT)
    before = waiting()
    used = before[0].memory_info().rss
    for _ in range(3):
        sandbox.prepare(pictures.phone_photo(), max_bytes=LIMIT)  # takes 36 MB when it is decoded

    assert waiting() == before
    assert before[0].memory_info().rss - used < 10 * 2**20


def test_the_processes_have_limits_and_no_secrets(
    make: Callable[..., PictureChildren], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPO_API_KEY", "tsk_secret")
    make().prepare(pictures.portrait(), max_bytes=LIMIT)
    (process,) = waiting()

    assert "secret" not in str(process.environ())
    assert process.rlimit(psutil.RLIMIT_AS) == (MEMORY_BYTES, MEMORY_BYTES)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY, "and this process has none"


def test_too_little_memory_is_a_sentence_and_harms_no_other_picture(make: Callable[..., PictureChildren]) -> None:
    sandbox = make(memory_bytes=250 * 2**20)
    with pytest.raises(PictureRefused, match="memory") as refused:
        sandbox.prepare(heavy(), max_bytes=LIMIT)

    assert refused.value.code == "too_heavy"
    assert sandbox.prepare(pictures.portrait(), max_bytes=LIMIT).width_px == 512


def test_memory_that_does_not_hold_the_file_itself_is_a_sentence_too(make: Callable[..., PictureChildren]) -> None:
    sandbox = make(memory_bytes=250 * 2**20)
    with pytest.raises(PictureRefused, match="memory"):
        sandbox.prepare(b"\x89PNG" * (70 * 2**20), max_bytes=2**30)

    assert sandbox.prepare(pictures.portrait(), max_bytes=LIMIT).width_px == 512


@pytest.mark.slow
def test_too_much_processor_time_is_a_sentence_and_harms_no_other_picture(make: Callable[..., PictureChildren]) -> None:
    sandbox = make(processor_s=1)
    with pytest.raises(PictureRefused, match="more time or memory") as refused:
        sandbox.prepare(slow(), max_bytes=2**30)

    assert refused.value.code == "too_heavy"
    assert sandbox.prepare(pictures.portrait(), max_bytes=LIMIT).width_px == 512


def test_a_process_that_takes_too_long_is_ended_with_its_worker(make: Callable[..., PictureChildren]) -> None:
    with pytest.raises(SandboxFailed, match="very busy"):
        make(limit_s=0.02).prepare(pictures.phone_photo(), max_bytes=LIMIT)

    assert processes() == []


def test_a_process_that_somebody_ended_meanwhile_costs_no_picture(sandbox: PictureChildren) -> None:
    for _ in range(2):
        sandbox.prepare(pictures.portrait(), max_bytes=LIMIT)
        (process,) = waiting()
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)

    assert sandbox.prepare(pictures.portrait(), max_bytes=LIMIT).width_px == 512


def test_a_picture_that_ends_its_process_twice_is_refused(sandbox: PictureChildren) -> None:
    killed: set[int] = set()
    done = threading.Event()

    def kill() -> None:
        while not done.is_set():
            for each in workers():
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
                    killed.add(each.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        with pytest.raises(PictureRefused, match="more time or memory"):
            sandbox.prepare(heavy(), max_bytes=LIMIT)
    finally:
        done.set()
        thread.join()
    assert len(killed) == 2
    assert sandbox.prepare(pictures.portrait(), max_bytes=LIMIT).width_px == 512


@pytest.mark.slow
def test_more_than_a_few_at_once_are_told_to_come_again(sandbox: PictureChildren) -> None:
    def said(_: int) -> str:
        try:
            sandbox.prepare(pictures.phone_photo(), max_bytes=LIMIT)
        except SandboxFailed as exc:
            return exc.message
        return ""

    with concurrent.futures.ThreadPoolExecutor(MOST_WAITING + 3) as pool:
        answers = list(pool.map(said, range(MOST_WAITING + 3)))
    busy = answers.count("Many pictures are being worked on at this moment. Try again in a minute.")
    assert busy >= 1
    assert answers.count("") + busy == MOST_WAITING + 3


def test_a_closed_sandbox_takes_nothing_and_leaves_nothing(sandbox: PictureChildren) -> None:
    sandbox.prepare(pictures.portrait(), max_bytes=LIMIT)
    sandbox.close()

    assert processes() == []
    with pytest.raises(SandboxFailed, match="being stopped"):
        sandbox.prepare(pictures.portrait(), max_bytes=LIMIT)


def test_what_is_under_way_when_it_is_closed_ends_in_a_sentence(sandbox: PictureChildren) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(sandbox.prepare, heavy(), max_bytes=LIMIT)
        while not workers():
            assert not under_way.done()
        sandbox.close()

        with pytest.raises(SandboxFailed, match="being stopped"):
            under_way.result(PATIENCE_S)


@pytest.mark.slow
def test_the_processes_end_with_a_server_that_is_killed() -> None:
    server = subprocess.Popen([sys.executable, "-m", "tests.sandbox.busy"], stdin=subprocess.PIPE)
    assert server.stdin is not None
    server.stdin.write(slow())
    server.stdin.close()
    of_server = psutil.Process(server.pid)
    while not (at_work := workers(of_server)):
        assert server.poll() is None
    at_work[0].suspend()  # so that it would never end by itself
    watched = processes(of_server)
    assert len(watched) == 2
    server.kill()
    server.wait()

    assert psutil.wait_procs(watched, timeout=PATIENCE_S)[1] == []
