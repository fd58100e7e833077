"""Trees of Tiled's adapters, one for each of Tiled's tests of a kind of source.

https://github.com/bluesky/tiled/tree/main/tests: test_array, test_sparse, test_dataframe,
test_hdf5, test_tiff and test_xarray.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import h5py
import numpy as np
import pandas as pd
import sparse
import tifffile
import xarray
from tests.tiled import ported_tree
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.dataframe import DataFrameAdapter
from tiled.adapters.hdf5 import HDF5Adapter
from tiled.adapters.mapping import MapAdapter
from tiled.adapters.sparse import COOAdapter
from tiled.adapters.tiff import TiffAdapter, TiffSequenceAdapter
from tiled.adapters.xarray import DatasetAdapter
from tiled.structures.array import ArrayStructure, BuiltinDtype
from tiled.utils import ensure_uri

draw = np.random.default_rng(13)


def tree(folder: Path) -> MapAdapter:
    """All trees in one; `folder` is for their files."""
    return MapAdapter(
        {
            "array": arrays(),
            "sparse": sparse_arrays(),
            "dataframe": frames(),
            "hdf5": hdf5(folder),
            "tiff": tiff(folder),
            "xarray": datasets(),
        }
    )


def arrays() -> MapAdapter:
    grid = np.arange(1_200_000, dtype="u8").reshape(10, 300, 400)
    objects = np.full(10, {"a": 1}, object)
    return MapAdapter(
        {
            "ported": ported_tree.tree(),
            "chunked": ArrayAdapter.from_array(dask.array.from_array(grid, chunks=(1, 300, 200)), metadata={"unit": "counts"}),
            "named": ArrayAdapter.from_array(grid[0], dims=["y", "x"], metadata={"nested": {"list": [1, "two", None]}}),
            "objects": ArrayAdapter.from_array(objects),
        },
        metadata={"tree": "array"},
    )


def sparse_arrays() -> MapAdapter:
    """A matrix as one block, and as four whose coordinates are those of the whole."""
    dense = draw.random((6, 10))
    dense[dense < 0.5] = 0
    whole = sparse.COO(dense)
    blocks = {}
    for i in range(2):
        for j in range(2):
            part = whole[3 * i : 3 * i + 3, 5 * j : 5 * j + 5]
            blocks[i, j] = np.add(part.coords, [[3 * i], [5 * j]]), part.data
    return MapAdapter(
        {
            "whole": COOAdapter.from_coo(whole, dims=["x", "y"]),
            "blocks": COOAdapter.from_global_ref(blocks=blocks, shape=(6, 10), chunks=((3, 3), (5, 5)), dims=["x", "y"]),
        }
    )


def frames() -> MapAdapter:
    plain = pd.DataFrame({name: factor * np.ones(10) for factor, name in enumerate("xyz", start=1)})
    wide = pd.DataFrame({f"column_{i:03}": i * np.ones(5) for i in range(10)})
    mixed = pd.DataFrame({"A": np.array([1, 2, 3], "u8"), "B": np.array([1, 2, 3], "<f8"), "C": ["one", "two", "three"]})
    return MapAdapter(
        {
            "divided": DataFrameAdapter.from_pandas(plain, npartitions=3),
            "single": DataFrameAdapter.from_pandas(plain[:5], npartitions=1),
            "wide": DataFrameAdapter.from_pandas(wide, npartitions=1, metadata={"columns": 10}),
            "mixed": DataFrameAdapter.from_pandas(mixed, npartitions=1),
        }
    )


def hdf5(folder: Path) -> MapAdapter:
    """One file, a group of it, three files along a new axis, links within and between files."""
    uris = [ensure_uri(hdf5_file(folder, number)) for number in range(3)]
    return MapAdapter(
        {
            "file": HDF5Adapter.from_uris(uris[0]),
            "group": HDF5Adapter.from_uris(uris[0], dataset="a/b"),
            "files": HDF5Adapter.from_uris(*uris, dataset="a/chunked"),
            "scalars": HDF5Adapter.from_uris(uris[0], dataset="scalars"),
            "empty": HDF5Adapter.from_uris(uris[0], dataset="empty"),
        }
    )


def hdf5_file(folder: Path, number: int) -> Path:
    path = folder / f"{number}.h5"
    with h5py.File(path, "w") as file:
        file.attrs["number"] = number
        inner = file.create_group("a/b/c")
        inner.attrs["who"] = "me"
        inner["d"] = np.arange(9, dtype="i8").reshape(3, 3)
        inner["e"] = np.arange(12, dtype="i8").reshape(3, 4)
        inner["e"].attrs["unit"] = "mm"
        file["a/b/hard"] = inner["d"]
        file["a/b/soft"] = h5py.SoftLink("/a/b/c/d")
        file["a/b/far"] = h5py.ExternalLink("0.h5", "/a/b/c/e")
        chunked = file.create_group("a/chunked")
        chunked.create_dataset("three", data=np.arange(120).reshape(4, 5, 6) + 120 * number, chunks=(1, 2, 3))
        chunked.create_dataset("two", data=np.arange(10).reshape(10, 1) + 10 * number, chunks=(2, 1))
        chunked.create_dataset("one", data=np.arange(10) + 10 * number, chunks=(3,))
        for name, value in {"int": 42, "float": 3.14, "bool": True, "bytes": b"hello", "text": "hello"}.items():
            file[f"scalars/{name}"] = value
        file["empty/flat"] = np.empty(0)
        file["empty/box"] = np.zeros((5, 7))
        file["empty/list"] = []
        text = h5py.string_dtype()
        file.create_dataset("a/text", data=np.array(["alpha", "beta", "gämma"], object), dtype=text)
    return path


def tiff(folder: Path) -> MapAdapter:
    """A picture in colour, and twelve files as they are, and in three foreign shapes."""
    planes = draw.integers(0, 255, (12, 5, 7, 4), "u1")
    uris = []
    for number, plane in enumerate(planes):
        tifffile.imwrite(folder / f"plane{number:05}.tif", plane)
        uris.append(ensure_uri(folder / f"plane{number:05}.tif"))
    tifffile.imwrite(folder / "colour.tif", draw.integers(0, 255, (11, 17, 3), "u1"))
    return MapAdapter(
        {
            "colour": TiffAdapter(ensure_uri(folder / "colour.tif"), metadata={"colour": True}),
            "sequence": TiffSequenceAdapter.from_uris(*uris),
            "leading": reshaped(uris[:3], ((1, 1, 1), (1,), (5,), (7,), (4,)), ((1, 1, 1), (5,), (7,), (4,))),
            "second": reshaped(uris[:3], ((1,), (1, 1, 1), (5,), (7,), (4,)), ((1, 1, 1), (5,), (7,), (4,))),
            "both": reshaped(uris, ((1, 1, 1), (2, 2), (5,), (7,), (4,)), ((1,) * 12, (5,), (7,), (4,))),
        }
    )


def reshaped(uris: list[str], chunks: tuple[tuple[int, ...], ...], own: tuple[tuple[int, ...], ...]) -> TiffSequenceAdapter:
    """A sequence in the shape that its structure declares; a catalog gives the chunks of the files, `own`, as we do here."""
    structure = ArrayStructure(shape=tuple(map(sum, chunks)), chunks=chunks, data_type=BuiltinDtype.from_numpy_dtype(np.dtype("u1")))
    made = TiffSequenceAdapter(uris, structure=structure)
    made._chunks = own
    return made


def datasets() -> MapAdapter:
    image = dask.array.from_array(draw.random((3, 5)))
    coordinates: dict[str, Any] = {"x": np.arange(3) / 10, "y": np.arange(5) / 50}
    all_ = {
        "image": xarray.Dataset(
            {"image": xarray.DataArray(image, coordinates, ["x", "y"], attrs={"thing": "stuff"}), "z": ("dim_0", np.ones(17))},
            attrs={"snow": "cold"},
        ),
        "weather": xarray.Dataset(
            {name: (["x", "y", "time"], draw.random((2, 2, 3))) for name in ("temperature", "precipitation")},
            coords={"lon": (["x", "y"], draw.random((2, 2))), "lat": (["x", "y"], draw.random((2, 2))), "time": [1, 2, 3]},
        ),
        "wide": xarray.Dataset({f"column_{i:03}": ("time", i * np.ones(2)) for i in range(10)}, coords={"time": np.arange(2)}),
        "ragged": xarray.Dataset({str(i): (f"dim{i}", i * np.ones(2 * i)) for i in range(3)}),
    }
    return MapAdapter({name: DatasetAdapter.from_dataset(dataset) for name, dataset in all_.items()})
