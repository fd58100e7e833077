"""The source archive has all that a wheel is made of, with the viewer's bundle, and no more."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest
from build_backend import viewer

from installing.conftest import hooked
from snippets import ROOT

pytestmark = pytest.mark.slow

BUNDLE = {f"python/tiled_zarr/http/static/viewer/{name}" for name in viewer.FILES}
AT_THE_TOP = {"Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "pyproject.toml"}
MADE = {"PKG-INFO", "third-party/npm.txt"}


def sources() -> set[str]:
    """The files of this checkout from which a wheel is made."""
    folders = ["python/tiled_zarr", "rust/core", "rust/py", "build_backend"]
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts and path.suffix != ".so"}


def test_it_has_what_a_wheel_needs_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    assert sources() >= BUNDLE
    assert held == sources() | AT_THE_TOP | MADE


def test_it_is_the_same_again(archive: Path, tmp_path: Path, tools: dict[str, str]) -> None:
    again = tmp_path / hooked("build_sdist", tmp_path, tools)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(archive.read_bytes()).digest()
