"""Clients that trust listings: they list and copy all that we serve, and nothing else.

A walk costs no more requests than before listings named documents and chunks.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clients import compare, envs, read_listing, running
from live import Live, live

WALK = """
import sys, warnings, zarr
from zarr.storage import FsspecStore
warnings.filterwarnings("ignore")
url, how, version = sys.argv[1:]
if how == "open":
    zarr.open(url, mode="r")
elif how == "open_group":
    zarr.open_group(url, mode="r", zarr_format=int(version))
else:
    root = zarr.open_group(FsspecStore.from_url(url, read_only=True), mode="r", zarr_format=int(version), use_consolidated=False)
    assert len(root.members(max_depth=None)) == 70
"""
WALKS = {("open_group", 2): 3, ("open_group", 3): 1, ("open", 2): 7, ("open", 3): 7, ("members", 2): 223, ("members", 3): 20}
"""Requests of zarr-python 3 for the demo's 70 nodes, before listings named documents and chunks."""


@pytest.fixture(scope="module", params=[None, "s3cret+key"], ids=["public", "key in the path"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server, with the key if it has one."""
    key: str | None = request.param
    access = {"TILED_ZARR_API_KEY": key} if key else {"TILED_ZARR_PUBLIC": "1"}
    with live(env={"TILED_ZARR_TREE": "clients.listed:tree", "PYTHONPATH": running.SOURCES, **access}) as started:
        yield compare.keyed(started.url, key)


def checked(python: str | Path, address: str, checks: tuple[read_listing.Check, ...]) -> dict[str, str]:
    """What went wrong in an environment, by check."""
    printed = running.run([python, running.HERE / "read_listing.py", address, *(check.__name__ for check in checks)], env=running.sources())
    found: dict[str, str] = json.loads(printed.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def of_fsspec(address: str) -> dict[str, str]:
    return checked(sys.executable, address, read_listing.FSSPEC)


@pytest.fixture(scope="module")
def of_newer(address: str) -> dict[str, str]:
    if envs.base_python("listing") is None:
        pytest.skip(
            f"GDAL, obstore, VirtualiZarr and kerchunk are NOT TESTED: no Python {envs.OLDEST_PYTHON['listing']} or newer is installed"
        )
    return checked(envs.interpreter("listing"), address, read_listing.NEWER)


@pytest.mark.parametrize("check", [check.__name__ for check in read_listing.FSSPEC])
def test_fsspec_and_zarr_python(of_fsspec: dict[str, str], check: str) -> None:
    assert check not in of_fsspec, of_fsspec[check]


@pytest.mark.parametrize("check", [check.__name__ for check in read_listing.NEWER])
def test_clients_on_a_newer_python(of_newer: dict[str, str], check: str) -> None:
    assert check not in of_newer, of_newer[check]


@pytest.fixture(scope="module")
def demo() -> Iterator[Live]:
    with live(env={"TILED_ZARR_PUBLIC": "1"}) as started:
        yield started


def requests(server: Live) -> int:
    """How many requests a server has answered, besides those for its metrics."""
    metrics = httpx.get(f"{server.url}/metrics").text
    return sum(int(number) for number in re.findall(r"^tiled_zarr_requests_total\{.*\} (\d+)$", metrics, re.MULTILINE))


@pytest.mark.parametrize(("how", "version"), WALKS, ids=str)
@pytest.mark.parametrize("environment", ["zarr3", "zarr-new"])
def test_a_walk_costs_no_more_requests_than_before(demo: Live, environment: str, how: str, version: int) -> None:
    if envs.base_python(environment) is None:
        pytest.skip(f"zarr newest is NOT TESTED: no Python {envs.OLDEST_PYTHON[environment]} or newer is installed")
    before = requests(demo)
    running.run([envs.interpreter(environment), "-c", WALK, f"{demo.url}/zarr/v{version}", how, str(version)], env=running.sources())
    assert requests(demo) - before - 1 == WALKS[how, version]
