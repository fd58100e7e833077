"""A server of objects, and helpers that read them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.hdf5.far import Far
from tiled_zarr.resources import Resources


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    """One set of helpers for all tests."""
    made = Resources.of()
    yield made
    made.close()


@pytest.fixture
def far() -> Iterator[Far]:
    with Far() as made:
        yield made
