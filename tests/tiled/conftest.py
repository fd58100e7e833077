"""A server for each way of serving Tiled's adapters, made when a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zarr
from fsspec.implementations.http import HTTPFileSystem
from tests.tiled import ported_tree
from tests.tiled.serving import let_go
from tests.tiled.ways import KEY, WAYS, Opening
from zarr.core.sync import sync
from zarr.storage import FsspecStore

collect_ignore = ["live_front.py"]
"""It runs in a process of its own."""
LEFT_OPEN = (r"ignore:unclosed file .*\.tif:ResourceWarning", "ignore:<aiosqlite.core.Connection object:ResourceWarning")
"""Tiled keeps TIFF files open in a cache, which drops them without closing them. If its server ends
soon after the start, it cancels a query of its own and leaves that connection open."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(*LEFT_OPEN))


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """Collects what Tiled has left open before pytest does so without these filters."""
    yield
    let_go()


@pytest.fixture(scope="session", params=sorted(WAYS))
def ported(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server of the ported tree, in each way."""
    with WAYS[request.param](ported_tree.tree()) as url:
        yield url


@pytest.fixture(scope="session")
def opening() -> Iterator[Opening]:
    """Opens an address with zarr-python, which sends the key in a header."""
    headers = {"Authorization": f"Apikey {KEY}"}
    files = HTTPFileSystem(asynchronous=True, client_kwargs={"headers": headers}, skip_instance_cache=True)
    yield lambda url: zarr.open(FsspecStore(files, path=url, read_only=True), mode="r")
    if session := files._session:
        sync(session.close())
