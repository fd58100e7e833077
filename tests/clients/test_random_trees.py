"""Random trees, and random arrays that zarr-python makes.

They are read through a running server whose tree is exchanged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import uvicorn
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.testing.strategies import arrays as zarr_arrays

import live
from clients import compare
from strategies import array_node, chunked
from tiled_zarr import Array, Group
from tiled_zarr.adapters.zarr import open_zarr
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. +=~äß日"
"""Characters of names that zarr-python can request.

fsspec escapes no %, ? or #, and gives a backslash or brackets a meaning of its own.
"""
names = st.text(st.sampled_from(LETTERS), min_size=1, max_size=5)


def groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Group]:
    return st.dictionaries(names, inner, max_size=4).map(lambda children: Group(children=children))


trees = groups(st.recursive(chunked().map(lambda cut: array_node(*cut)), groups, max_leaves=6))


class Exchanged:
    """An ASGI application in whose place another can be put."""

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def serve(self, root: Group) -> None:
        self.app = create_app(root, Settings(public=True))


@contextmanager
def running(app: Exchanged) -> Iterator[str]:
    """The URL of a server in a thread."""
    port = live.free_port()
    server = uvicorn.Server(uvicorn.Config(app, host=live.HOST, port=port, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{live.HOST}:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def exchanged() -> Iterator[tuple[Exchanged, str]]:
    app = Exchanged()
    with running(app) as url:
        yield app, url


@pytest.mark.parametrize("version", [2, 3])
@FEW
@given(tree=trees)
def test_random_trees(exchanged: tuple[Exchanged, str], version: int, tree: Group) -> None:
    app, url = exchanged
    app.serve(tree)
    root = zarr.open_group(f"{url}/zarr/v{version}", mode="r", zarr_format=version)
    with TemporaryDirectory() as folder:
        report = compare.visit(tree, compare.Truth(tree, Path(folder)), lambda *node: compare.check_zarr(root, *node))
    assert {path: entry["error"] for path, entry in report.items() if not entry["ok"]} == {}


@pytest.mark.parametrize("version", [2, 3])
@FEW
@given(data=st.data())
def test_arrays_of_zarr_s_own_making(exchanged: tuple[Exchanged, str], version: int, data: st.DataObject) -> None:
    """Of either format in a folder, read through the adapter and served in both."""
    app, url = exchanged
    with TemporaryDirectory(suffix=".zarr") as folder:
        source = data.draw(zarr_arrays(stores=st.just(Path(folder)), paths=st.just("/"), attrs=st.none()))
        node = open_zarr(Path(folder, source.path))
        assert isinstance(node, Array)
        app.serve(Group(children={"served": node}))
        served = zarr.open_array(f"{url}/zarr/v{version}/served", mode="r", zarr_format=version)
        assert served.shape == source.shape
        # JSON has one NaN; the bits of the one in `source` may differ
        stored = zarr.open_array(Path(folder, source.path), mode="r")
        compare.require_equal(little(np.asarray(stored[...])), np.asarray(served[...]))


def little(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return block.astype(block.dtype.newbyteorder("<"))
