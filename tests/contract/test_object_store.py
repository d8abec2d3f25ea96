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
    objects.put("models/a/b.glb", b"one", media_type="model/gltf-binary")
    objects.put("models/a/b.glb", b"two", media_type="model/gltf-binary")

    assert objects.get("models/a/b.glb") == b"two"


def test_letters_of_any_script_are_kept(objects: ObjectStore) -> None:
    objects.put("models/1/größe-犬.glb", b"x", media_type="model/gltf-binary")

    assert objects.get("models/1/größe-犬.glb") == b"x"


def test_a_missing_key_says_so(objects: ObjectStore) -> None:
    assert not objects.exists("models/nothing.glb")
    assert objects.local_path("models/nothing.glb") is None
    with pytest.raises(ObjectMissing, match="nothing"):
        objects.get("models/nothing.glb")


def test_delete_removes_and_a_missing_key_is_no_error(objects: ObjectStore) -> None:
    objects.put("images/a.jpg", b"x", media_type="image/jpeg")
    objects.delete("images/a.jpg")
    objects.delete("images/a.jpg")

    assert not objects.exists("images/a.jpg")


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "", "a/\0"])
def test_keys_that_climb_out_are_refused(objects: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="Not a key"):
        objects.put(key, b"x", media_type="text/plain")
