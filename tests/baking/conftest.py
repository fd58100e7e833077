"""A folder with one file, and a server over it and what is baked of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baking.stocked import app_of, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file; what is baked of it lies beside it."""
    folder = tmp_path_factory.mktemp("run") / "data"
    write_run(folder / "in" / "run.h5")
    return folder


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    """A folder with that file in `data`, of which nothing is baked yet."""
    (tmp_path / "data").symlink_to(run)
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Callable[..., Any]:
    return lambda **options: app_of(folder / "data", folder / "baked", **options)
