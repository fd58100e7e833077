"""Servers, and pages on other origins that may read them.

Each server ends with its test module: after a request for a large image, it computes exact
overviews in the background for a long time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import hosts
from browser.hosts import Host
from live import Live, live
from tiled_zarr.http.site.snippets import NEUROGLANCER, VIZARR, Link

KEY = "a+key&for=tests"
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Host]:
    """Another origin, with pages that show images."""
    with hosts.serve() as host:
        yield host


@pytest.fixture(scope="module")
def demo(elsewhere: Host) -> Iterator[Live]:
    """The demo tree, readable for pages elsewhere."""
    with live(env={"TILED_ZARR_ALLOW_ORIGINS": allowed(elsewhere.origin)}) as server:
        yield server


@pytest.fixture(scope="module")
def gallery(elsewhere: Host) -> Iterator[Live]:
    """An image of every kind, readable for pages elsewhere."""
    with live(env=environment(elsewhere.origin) | {"TILED_ZARR_PUBLIC": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def locked(elsewhere: Host) -> Iterator[Live]:
    """The same behind a key."""
    with live(env=environment(elsewhere.origin) | {"TILED_ZARR_API_KEY": KEY}) as server:
        yield server


@pytest.fixture(scope="module")
def frames() -> Iterator[Live]:
    """Tables of every kind."""
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.tables:tree", "TILED_ZARR_PUBLIC": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def locked_frames() -> Iterator[Live]:
    """The same behind a key."""
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.tables:tree", "TILED_ZARR_API_KEY": KEY}) as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """Images of every type, for the tests of what users of the viewer do."""
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.kinds:tree", "TILED_ZARR_PUBLIC": "1"}) as running:
        yield running


def environment(origin: str) -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {"TILED_ZARR_TREE": "browser.gallery:tree", "TILED_ZARR_ALLOW_ORIGINS": allowed(origin), "PYTHONPATH": path}


def allowed(origin: str) -> str:
    """An origin and those of vizarr and neuroglancer, to which pages link only if they are allowed."""
    return ",".join([origin, *(Link("", address).origin for address in (VIZARR, NEUROGLANCER))])
