"""zarr-python reads a text without axes in both formats, from every adapter that can meet one."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from tiled_zarr.adapters import adapt, open_file
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Group, Node
from tiled_zarr.stores import KeySpaceStore, value

TEXT = "naïve 日本"
CHUNK = {v2: "text/0", v3: "text/c"}
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")


def of_numpy(_: Path) -> Node:
    return adapt({"text": np.array(TEXT, object)})


def of_variable_strings(_: Path) -> Node:
    return adapt({"text": np.array(TEXT, np.dtypes.StringDType())})


def of_xarray(_: Path) -> Node:
    return adapt(xr.Dataset({"text": ((), np.array(TEXT, object))}))


def of_hdf5(folder: Path) -> Node:
    with h5py.File(folder / "nexus.h5", "w") as file:
        file["text"] = TEXT
    return open_file(folder / "nexus.h5")


def of_zarr(version: int) -> Callable[[Path], Node]:
    def written(folder: Path) -> Node:
        root = zarr.open_group(folder / "store.zarr", mode="w", zarr_format=version)
        root.create_array("text", shape=(), dtype=zarr.dtype.VariableLengthUTF8())[()] = TEXT
        return open_file(folder / "store.zarr")

    return written


SOURCES = {
    "numpy": of_numpy,
    "variable_strings": of_variable_strings,
    "xarray": of_xarray,
    "hdf5": of_hdf5,
    "zarr_v2": of_zarr(2),
    "zarr_v3": of_zarr(3),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
@pytest.mark.parametrize("format_", CHUNK, ids=["v2", "v3"])
def test_a_text_without_axes(source: Callable[[Path], Node], format_: ModuleType, tmp_path: Path) -> None:
    root = source(tmp_path)
    assert isinstance(root, Group)
    # our encoder runs, even if a source has its chunks stored
    store = KeySpaceStore(KeySpace(root, format_, Config(codec="zstd:1")))
    read = zarr.open_group(store, mode="r", zarr_format=2 if format_ is v2 else 3)["text"]
    assert (read.shape, str(np.asarray(read[()]))) == ((), TEXT)
    assert value(store.keyspace, CHUNK[format_])
