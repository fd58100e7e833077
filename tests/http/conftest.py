"""A small tree with one node of every kind, and applications that serve it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tiled_zarr import Array, Group, Sparse
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings

SMALL = np.arange(100, dtype="<i4").reshape(10, 10)
LARGE = np.arange(300 * 300, dtype="<u2").reshape(300, 300)


def array(data: np.ndarray[Any, Any], *, revision: str | None = "r1", blocking: bool = False) -> Array:
    return Array(shape=data.shape, dtype=data.dtype, read=lambda region: data[region], revision=lambda: revision, blocking=blocking)


@pytest.fixture
def root() -> Group:
    coords = np.array([[1, 2], [3, 4]])
    entries = (coords, np.array([5.0, 6.0]))
    names = {"plain": array(SMALL), "a:b &<i>": array(SMALL), "naïve": array(SMALL), "a/b": array(SMALL)}
    return Group(
        children={
            "small": array(SMALL),
            "large": array(LARGE),
            "computed": array(SMALL, blocking=True),
            "live": array(SMALL, revision=None),
            "scalar": array(np.float64(3.5).reshape(())),
            "sparse": Sparse(shape=(5, 5), dtype=np.dtype("<f8"), entries=lambda: entries, revision=lambda: "r1"),
            "names": Group(children=names),
            "slow": Group(children={"deep": array(SMALL)}, blocking=True),
        },
        attributes={"colour": "green"},
        unavailable=lambda: {"ragged": "rows differ in length"},
    )


@pytest.fixture
def make(root: Group) -> Callable[..., Any]:
    """Applications over the tree: public, unless settings say otherwise."""

    def made(tree: Group | None = None, **settings: Any) -> Any:
        return create_app(tree or root, Settings(**({"public": True} | settings)))

    return partial(made)


@pytest.fixture
def app(make: Callable[..., Any]) -> Any:
    return make()
