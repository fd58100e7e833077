"""Every kind of object: read back over a server in both formats, and its neighbours unharmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import zarr

import tiled_zarr
from adapters.objects.every_object import COMPRESSED, IMAGE, OBJECTS, RAW, Make, Opened
from tiled_zarr import Group, Node
from tiled_zarr.testing import Case, Contract, Served, Truth
from tiled_zarr.testing.files import check_errors
from tiled_zarr.testing.readback import DOCUMENTS, check_same, check_version, spelled

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.usefixtures("quiet"),
]


KEPT = Opened()


@pytest.fixture(autouse=True)
def opened() -> Iterator[Opened]:
    """Closes what a test opens with it."""
    yield KEPT
    KEPT.stack.close()


def case(make: Make) -> Case:
    def adapted(folder: Path) -> tuple[Node, Truth]:
        source, truth = make(folder, KEPT)
        return tiled_zarr.open(source), truth

    return adapted


ELSEWHERE = ("h5py", "h5netcdf", "zarr.Group", "TiffFile", "TiffPage", "polars", "dask", "numpy")
"""How the names of those begin whose contract is tested beside their adapters."""


class TestObjects(Contract, cases={name: case(make) for name, make in OBJECTS.items() if not name.startswith(ELSEWHERE)}): ...


@pytest.fixture(scope="module")
def server() -> Iterator[tiled_zarr.serving.Handle]:
    with tiled_zarr.serve({}, public=True) as handle:
        yield handle


@pytest.mark.parametrize("name", OBJECTS)
def test_zarr_python_reads_it_over_http(server, tmp_path: Path, opened: Opened, name: str) -> None:
    source, truth = OBJECTS[name](tmp_path, opened)
    server["thing"] = source
    try:
        for version in DOCUMENTS:
            found = zarr.open(f"{server.url}/zarr/v{version}/thing", mode="r", zarr_format=version)
            check_same(found, spelled(truth, version))
    finally:
        del server["thing"]


def cut(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    """Overwrite the middle half of a file, in place."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(np.random.default_rng(9).bytes(size // 2))


HARMS: Mapping[str, Callable[[Path], None]] = {"cut": cut, "garbled": garble}


def harmed(make: Make, harm: Callable[[Path], None], folder: Path, opened: Opened) -> tuple[Node, Truth]:
    """The node of an object whose files are harmed afterwards; small ones with metadata are not."""
    source, truth = make(folder, opened)
    node = tiled_zarr.open(source)
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 2000]
    assert files
    for path in files:
        harm(path)
    return node, truth


CASES = [(name, harm) for name in COMPRESSED for harm in HARMS] + [(name, "cut") for name in RAW]


@pytest.mark.parametrize(("name", "harm"), CASES, ids=lambda part: part)
def test_damage_is_an_error_of_its_own_keys(tmp_path: Path, opened: Opened, name: str, harm: str) -> None:
    node, truth = harmed(OBJECTS[name], HARMS[harm], tmp_path, opened)
    with Served(Group({"thing": node, "good": tiled_zarr.open(IMAGE)})) as served:
        for version in DOCUMENTS:
            check_version(served, version, "good", IMAGE)
            check_errors(served, version, "thing", truth)
            assert served.get(f"/zarr/v{version}/{'.zgroup' if version == 2 else 'zarr.json'}").status == 200
