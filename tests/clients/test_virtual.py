"""Repositories of icechunk and stores of VirtualiZarr, which need Python 3.12 and the newest zarr.

The package runs in their environment, from source: its native module is for any Python from 3.11.
"""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import pytest

from clients import envs, running

PACKAGE = "tiled-zarr"


@pytest.fixture(scope="module")
def python() -> Path:
    if envs.base_python("virtual") is None:
        pytest.skip("NOT TESTED: no Python 3.12 or newer")
    return envs.interpreter("virtual")


@pytest.fixture
def package(tmp_path: Path) -> dict[str, str]:
    """The environment in which a script finds the package and its entry points, and the tests."""
    described = tmp_path / "described"
    described.mkdir()
    found = metadata.distribution(PACKAGE).locate_file("").joinpath(f"{PACKAGE.replace('-', '_')}-{metadata.version(PACKAGE)}.dist-info")
    (described / Path(str(found)).name).symlink_to(str(found))
    return {**running.sources(), "PYTHONPATH": os.pathsep.join([running.SOURCES, str(described)])}


@pytest.mark.parametrize("check", ["sessions", "folders", "stores", "virtual_chunks", "manifests"])
def test_it_is_read_back_equal(python, package, tmp_path, check):
    running.run([python, running.HERE / "serve_virtual.py", tmp_path, check], env=package)
