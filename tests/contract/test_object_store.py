"""What every ObjectStore promises."""

from __future__ import annotations

import pytest

from core.domain.errors import ObjectMissing
from core.ports.object_store import ObjectStore


def test_what_was_put_can_be_read_back(objects: ObjectStore) -> None:
    objects.put("models/1/cup.glb", b"data", media_type="model/gltf-binary")

    assert objects.get("models/1/cup.glb") == b"data"
    assert objects.exists("models/1/cup.glb")


def test_a_second_put_replaces_the_first(objects: ObjectStore) -> None:
    objects.put("a/b", b"one", media_type="text/plain")
    objects.put("a/b", b"two", media_type="text/plain")

    assert objects.get("a/b") == b"two"


def test_letters_of_any_script_are_kept(objects: ObjectStore) -> None:
    objects.put("models/1/größe-犬.glb", b"x", media_type="model/gltf-binary")

    assert objects.get("models/1/größe-犬.glb") == b"x"


def test_a_missing_key_says_so(objects: ObjectStore) -> None:
    assert not objects.exists("nothing")
    assert objects.local_path("nothing") is None
    with pytest.raises(ObjectMissing, match="nothing"):
        objects.get("nothing")


def test_delete_removes_and_a_missing_key_is_no_error(objects: ObjectStore) -> None:
    objects.put("a", b"x", media_type="text/plain")
    objects.delete("a")
    objects.delete("a")

    assert not objects.exists("a")


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "", "a/\0"])
def test_keys_that_climb_out_are_refused(objects: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="Not a key"):
        objects.put(key, b"x", media_type="text/plain")
