"""Any tree opens in xarray as a DataTree if each of its sources opens.

The names of axes are those that xarray finds in the sources themselves.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import xarray
from PIL import Image

from clients import running
from clients.axes_tree import EXPECTED, NESTED, UNNAMED, WEATHER
from clients.read_datatree import named_axes
from clients.test_every_node import skip_the_newest_where_its_python_is_missing
from live import live

CLIENTS = ("zarr newest", "zarr 3.1")
VERSIONS = ("v2", "v3")
pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently", "ignore::zarr.errors.ZarrUserWarning")


def picture(path: Path, *shape: int) -> None:
    path.parent.mkdir(exist_ok=True)
    values = np.arange(np.prod(shape), dtype="u1").reshape(shape)
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    else:
        tifffile.imwrite(path, values)


def netcdf(path: Path, source: xarray.Dataset | xarray.DataTree) -> None:
    plain = {"_FillValue": None}
    if isinstance(source, xarray.DataTree):
        encoding = {node.path: dict.fromkeys(node.to_dataset(inherit=False).variables, plain) for node in source.subtree}
        source.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    else:
        source.to_netcdf(path, engine="h5netcdf", encoding=dict.fromkeys(source.variables, plain))


def store(path: Path, source: xarray.Dataset, zarr_format: int) -> None:
    source.to_zarr(path, zarr_format=zarr_format, consolidated=False)


def scales(path: Path, outer: int, inner: int) -> None:
    """Groups with a dimension scale each, called alike: h5netcdf takes them for dimensions."""
    with h5py.File(path, "w") as file:
        for group, size in ((file, outer), (file.create_group("g"), inner)):
            group["y"] = np.arange(size, dtype="f8") + size
            group["y"].make_scale("y")
            group["a"] = np.zeros(size)
            group["a"].dims[0].attach_scale(group["y"])


def beside_pictures(folder: Path) -> None:
    picture(folder / "scan.tif", 64, 48)
    picture(folder / "camera.png", 32, 48)
    netcdf(folder / "weather.nc", WEATHER)
    netcdf(folder / "nested.nc", NESTED)


def with_stores(folder: Path) -> None:
    picture(folder / "scan.tif", 64, 48)
    store(folder / "two.zarr", WEATHER, 2)
    store(folder / "three.zarr", WEATHER, 3)


def above_pictures(folder: Path) -> None:
    picture(folder / "scan.tif", 64, 48)
    picture(folder / "deep" / "a.tif", 64, 40)
    picture(folder / "deep" / "b.tif", 16, 40)


def without_names(folder: Path) -> None:
    np.save(folder / "raw.npy", np.zeros((1, 5, 5)))
    netcdf(folder / "unnamed.nc", UNNAMED)


def in_themselves(folder: Path) -> None:
    picture(folder / "scan.tif", 64, 48)
    scales(folder / "clash.nc", 5, 6)


FOLDERS: dict[str, tuple[Callable[[Path], None], dict[str, dict[str, list[str]]]]] = {
    "beside pictures": (beside_pictures, {"/": {"scan": ["y_64", "x_48"], "camera": ["y_32", "x_48"]}}),
    "with stores": (with_stores, {"/": {"scan": ["y_64", "x"]}}),
    "above pictures": (above_pictures, {"/": {"scan": ["y", "x_48"]}, "/deep": {"a": ["y_64", "x"], "b": ["y_16", "x"]}}),
    "without names": (without_names, {"/": {"raw": ["dim_1", "dim_5", "dim_5_1"]}, "/unnamed": {"a": ["dim_0", "dim_5"]}}),
}
"""What makes a folder; by group, the axis names that join those of its sources or replace them."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("axes")
    for name, fill in {**{name: fill for name, (fill, _) in FOLDERS.items()}, "in themselves": in_themselves}.items():
        (root / name).mkdir()
        fill(root / name)
    return root


@pytest.fixture(scope="module", params=CLIENTS)
def on_disk(request: pytest.FixtureRequest, folders: Path) -> Iterator[dict[str, Any]]:
    skip_the_newest_where_its_python_is_missing(request.param)
    with live("directory", folders, "--public") as server:
        yield read(request.param, server.url, [*FOLDERS, "in themselves", "in themselves/clash"])


@pytest.fixture(scope="module", params=CLIENTS)
def in_memory(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    skip_the_newest_where_its_python_is_missing(request.param)
    with live("pyobject", "clients.axes_tree:tree", "--public", env={"PYTHONPATH": running.SOURCES}) as server:
        yield read(request.param, server.url, [*EXPECTED])


def read(client: str, url: str, groups: list[str]) -> dict[str, Any]:
    printed = running.in_environment(running.CLIENTS[client].environment, running.HERE / "read_datatree.py", url, *groups)
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", EXPECTED)
def test_trees_in_memory(in_memory: dict[str, Any], version: str, case: str) -> None:
    assert in_memory[f"{version} {case}"] == EXPECTED[case]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", FOLDERS)
def test_folders(on_disk: dict[str, Any], folders: Path, version: str, case: str) -> None:
    expected = {path: said for file in sources(folders / case) for path, said in found_in(file).items()} | FOLDERS[case][1]
    assert on_disk[f"{version} {case}"] == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_a_source_whose_own_groups_clash_fails_as_it_does_by_itself(on_disk: dict[str, Any], folders: Path, version: str) -> None:
    with pytest.raises(ValueError, match="group '/g' is not aligned with its parents"):
        found_in(folders / "in themselves" / "clash.nc")
    assert on_disk[f"{version} in themselves/clash"].startswith("group '/g' is not aligned with its parents")
    assert on_disk[f"{version} in themselves"].startswith("group '/clash/g' is not aligned with its parents")


def sources(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix in {".nc", ".zarr"})


def found_in(path: Path) -> dict[str, dict[str, list[str]]]:
    """What xarray finds in a source itself, below the source's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options: dict[str, Any] = {"consolidated": False} if path.suffix == ".zarr" else {}
        with xarray.open_datatree(path, engine="zarr" if path.suffix == ".zarr" else "h5netcdf", **options) as tree:
            return {f"/{path.stem}{below}".rstrip("/"): names for below, names in named_axes(tree).items()}
