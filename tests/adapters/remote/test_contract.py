"""Files in a store keep the contract of files: any box, stepped reads, threads, edges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.remote.contents import KINDS
from objectserver import ObjectServer
from tiled_zarr.adapters.common.single import Single
from tiled_zarr.adapters.remote.open import found_at
from tiled_zarr.nodes import Node
from tiled_zarr.resources import Resources
from tiled_zarr.testing import Case, ReaderContract, Truth

SERVER = ObjectServer()
RESOURCES = Resources.of()


@pytest.fixture(scope="module", autouse=True)
def _serving() -> Iterator[None]:
    with SERVER:
        yield
    RESOURCES.close()


def case(name: str) -> Case:
    def made(_: Path) -> tuple[Node, Truth]:
        write, truth = KINDS[name]
        if f"lab/{name}" not in SERVER.objects:
            SERVER.objects[f"lab/{name}"] = write()
        found = found_at(f"s3://lab/{name}", RESOURCES, store={"endpoint": SERVER.url, "region": "us-east-1", "anonymous": True})
        return found.node() if isinstance(found, Single) else found, truth

    return made


CASES = {name: case(name) for name in ["big.npy", "empty.npy", "tiled.tif", "pages.tif", "archive.npz"]}


class TestFilesInAStore(ReaderContract, cases=CASES):
    """A file of each way to be read."""
