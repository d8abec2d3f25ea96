"""A folder that is kept below a size, written to by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.stores.files.object_store import LocalObjectStore

SIZE, FILES = 1000, 160


def test_many_puts_at_once_all_work_and_the_folder_stays_small(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path, most_bytes=10 * SIZE)

    def put(number: int) -> None:
        store.put(f"{number % 7}/{number}.bin", bytes(SIZE), media_type="x")

    with ThreadPoolExecutor(16) as pool:
        results = [pool.submit(put, number) for number in range(FILES)]
    assert [result.exception() for result in results] == [None] * FILES
    put(FILES)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 10 * SIZE


def test_what_another_is_still_writing_is_left_to_it(tmp_path: Path) -> None:
    unfinished = tmp_path / "a" / ".1234.part"
    unfinished.parent.mkdir()
    unfinished.write_bytes(bytes(5 * SIZE))
    store = LocalObjectStore(tmp_path, most_bytes=2 * SIZE)
    for number in range(4):
        store.put(f"a/{number}.bin", bytes(SIZE), media_type="x")

    assert unfinished.is_file()
    assert (tmp_path / "a" / "3.bin").is_file()
