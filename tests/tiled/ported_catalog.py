"""What Tiled's client writes into a catalog and registers there, one function for each of Tiled's tests.

https://github.com/bluesky/tiled/tree/main/tests: test_writing, test_catalog, test_composite and
test_directory_walker. Each function fills a container of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import MappingProxyType
from typing import Any

import awkward
import dask.array
import dask.dataframe
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import sparse
import tifffile
import xarray
import zarr
from tiled.client.register import identity, register
from tiled.client.xarray import write_xarray_dataset
from tiled.structures.array import BuiltinDtype
from tiled.structures.core import StructureFamily
from tiled.structures.data_source import DataSource
from tiled.structures.sparse import COOStructure
from tiled.structures.table import TableStructure
from tiled.utils import patch_mimetypes

draw = np.random.default_rng(20)
METADATA = {"scan_id": 1, "method": "A", "nested": {"list": [1, 2.5, "x", None]}}
MIXED = pd.DataFrame({"A": ["one", "two", "three"], "B": [1, 2, 3], "C": [0.5, 1.5, 2.5]})
PICTURE = np.ones((100, 100))


def arrays(container: Any, folder: Path) -> None:
    """Written whole, and block by block; of any number of axes."""
    container.write_array(draw.random((10, 7)), key="whole", metadata=METADATA)
    container.write_array([1, 2, 3], key="list")
    container.write_array(np.arange(12, dtype=">i4").reshape(3, 4), key="big_endian", dims=["y", "x"])
    for shape, chunks in {(10,): (4,), (9, 8): (3, 5), (6, 5, 4): (2, 5, 3)}.items():
        blocks = dask.array.from_array(draw.random(shape), chunks=chunks)
        container.write_array(blocks, key=f"blocks_{len(shape)}", metadata={"axes": len(shape)})


def growing(container: Any, folder: Path) -> None:
    """Extended at its end, out of order, and written over."""
    array = container.write_array(np.ones((3, 2, 2)), key="grown")
    one = np.ones((1, 2, 2))
    for place, value in [(3, 2), (3, 3), (7, 7), (5, 5), (6, 6), (8, 8)]:
        array.patch(one * value, offset=(place,), extend=True)
    array.refresh()
    assert array.shape == (9, 2, 2)


def tables(container: Any, folder: Path) -> None:
    """Whole, in partitions, from a mapping, in each of the formats for files, and rows in a database."""
    frame = pd.DataFrame({f"Column{i}": (1 + i) * np.ones(10) for i in range(5)})
    container.write_table(frame, key="whole", metadata=METADATA)
    container.write_table(dask.dataframe.from_pandas(frame, npartitions=3), key="partitions")
    container.write_table({name: frame[name].to_numpy() for name in frame}, key="mapping")
    container.write_table(MIXED, key="mixed")
    for name, mimetype in {"parquet": "application/x-parquet", "csv": "text/csv", "arrow": "application/vnd.apache.arrow.file"}.items():
        source = DataSource(structure_family=StructureFamily.table, structure=TableStructure.from_pandas(MIXED), mimetype=mimetype)
        container.new("table", [source], key=name).write_partition(0, MIXED)
    first, more = pa.table({"C": ["x", "y"], "D": [1, 2]}), pa.table({"C": ["xx", "yy", "zz"], "D": [3, 4, 5]})
    rows = container.create_appendable_table(first.schema, key="rows")
    for part in (first, more):
        rows.append_partition(0, part)


def sparse_arrays(container: Any, folder: Path) -> None:
    """Whole, and in blocks whose coordinates are their own."""
    for coo in (
        sparse.COO(coords=np.array([[2, 5]]), data=np.array([1.3, 7.5]), shape=(10,)),
        sparse.COO(coords=np.array([[0, 1], [2, 3]]), data=np.array([3.8, 4.0]), shape=(4, 4)),
    ):
        container.write_sparse(coords=coo.coords, data=coo.data, shape=coo.shape, key=f"whole_{coo.ndim}", metadata=METADATA)
    structure = COOStructure(shape=(10,), chunks=((5, 5),), data_type=BuiltinDtype.from_numpy_dtype(np.dtype("f8")))
    blocks = container.new("sparse", [DataSource(structure=structure, structure_family="sparse")], key="blocks")
    blocks.write_block(coords=[[2, 4]], data=[3.1, 2.8], block=(0,))
    blocks.write_block(coords=[[0, 1]], data=[6.7, 1.2], block=(1,))


def metadata(container: Any, folder: Path) -> None:
    """Updated, replaced, patched; bytes become text."""
    container.write_array([1, 2, 3], key="updated", metadata={"color": "blue"}).update_metadata({"color": "red", "more": [1]})
    container.write_array([1, 2, 3], key="replaced", metadata={"color": "blue"}).replace_metadata({"size": 2})
    patched = container.write_array([1, 2, 3], key="patched", metadata={"a": 0, "b": 2})
    patched.patch_metadata(metadata_patch={"a": 1, "c": 3}, content_type=patch_mimetypes.MERGE_PATCH)
    container.create_container("bytes", metadata={"raw": b"raw_bytes"})


def nested(container: Any, folder: Path) -> None:
    """Containers in containers, deleted children, and one that Zarr has no place for."""
    inner = container.create_container("a", metadata={"depth": 1}).create_container("b", metadata={"depth": 2})
    inner.write_array(np.arange(3), key="kept")
    inner.write_array(np.arange(4), key="deleted")
    inner.delete_contents("deleted", external_only=False)
    inner.write_awkward(awkward.Array([[{"x": 1.1}], [], [{"x": 3.3}]]), key="awkward")
    container.create_container("empty")


def composite(container: Any, folder: Path) -> None:
    """Parts that are arrays, and tables whose columns Tiled's client shows beside them."""
    parts = container.create_container("parts", metadata={"key": "value"}, specs=["composite"])
    parts.write_array(draw.random((3, 5)), key="array", metadata={"of": "array"})
    parts.write_table(MIXED, key="table", metadata={"of": "table", "A": {"of": "A"}})
    dense = draw.random((10, 20))
    coo = sparse.COO(np.where(dense > 0.95, dense, 0))
    parts.write_sparse(coords=coo.coords, data=coo.data, shape=coo.shape, key="sparse", metadata={"of": "sparse"})


def datasets(container: Any, folder: Path) -> None:
    dataset = xarray.Dataset(
        {"temperature": (["x", "y", "time"], draw.random((2, 2, 3)))},
        coords={"lon": (["x", "y"], draw.random((2, 2))), "time": [1, 2, 3]},
        attrs={"title": "weather"},
    )
    write_xarray_dataset(container, dataset, key="weather")


def registered(container: Any, folder: Path) -> None:
    """A folder of files as Tiled finds them: pictures, a sequence of them, tables, HDF5 and Zarr."""
    (folder / "one").mkdir(parents=True)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(folder / name, PICTURE)
    for number in range(3):
        tifffile.imwrite(folder / "one" / f"image{number:05}.tif", number * PICTURE)
    MIXED.to_csv(folder / "one" / "table.csv", index=False)
    MIXED.to_parquet(folder / "columns.parquet")
    np.save(folder / "numbers.npy", draw.random((3, 4)))
    with h5py.File(folder / "file.h5", "w") as file:
        file["a/b/c"] = np.arange(9, dtype="i8").reshape(3, 3)
        file["a"].attrs["who"] = "me"
        file.create_dataset("chunked", data=np.arange(120).reshape(4, 5, 6), chunks=(1, 2, 3))
    array = zarr.open(folder / "grid.zarr", mode="w", shape=(10, 20), chunks=(5, 5), dtype="i4")
    array[:] = np.arange(200).reshape(10, 20)
    asyncio.run(register(container, folder))


def hooked(container: Any, folder: Path) -> None:
    """Files without a suffix, of a type that a hook tells, under their full names."""
    folder.mkdir(parents=True)
    for name in ("a0", "b0", "c.csv"):
        MIXED.to_csv(folder / name, index=False)
    hook = {"a0": "text/csv"}.get
    asyncio.run(
        register(container, folder, mimetype_detection_hook=lambda path, known: hook(Path(path).name, known), key_from_filename=identity)
    )


CASES = MappingProxyType(
    {made.__name__: made for made in (arrays, growing, tables, sparse_arrays, metadata, nested, composite, datasets, registered, hooked)}
)
"""By name: what fills a container; the folder is for files to register."""
