"""What a process remembers stays small."""

from __future__ import annotations

from core.services.bounded import RecentlyUsed


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    kept: RecentlyUsed[str, int] = RecentlyUsed(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)

    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    assert len(kept) == 2


def test_weights_are_counted_and_what_is_too_heavy_alone_is_not_kept() -> None:
    kept: RecentlyUsed[int, bytes] = RecentlyUsed(10, weight=len)
    for number in range(100):
        kept.put(number, b"xxx")
    assert len(kept) == 3
    kept.put(99, b"x" * 9)
    assert (len(kept), kept.get(99)) == (1, b"x" * 9)
    kept.put(100, b"x" * 11)

    assert len(kept) == 0
    assert 100 not in kept
