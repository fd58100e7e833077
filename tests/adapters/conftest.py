"""What several adapters' tests need."""

import logging
import warnings
from collections.abc import Iterator

import pytest

from tiled_zarr.adapters.common import folders
from tiled_zarr.adapters.hdf5.functions import FUNCTIONS
from tiled_zarr.helpers.library import Library


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HDF5 helpers do is done in this process, so that a test can change it."""

    def call(_library, _path, _revision, name, arguments, _seconds):
        return FUNCTIONS[name](*arguments)

    monkeypatch.setattr(Library, "_call", call)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Broken files make libraries warn, and every failure is logged with its traceback."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of folders are trusted at once, as those that are two seconds old."""
    monkeypatch.setattr(folders, "COARSEST_CLOCK", -1)
