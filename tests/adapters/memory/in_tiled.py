"""Compares every node of Tiled's adapters, over memory and for files, with Tiled's own client.

It runs without pytest in an environment that has Tiled: `PYTHONPATH=python .../bin/python
tests/adapters/memory/in_tiled.py`. It prints a line per node. The exit code is 1 if a node differs,
or if one that can be shown is missing.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import sparse
import tifffile
import xarray
import zarr
from PIL import Image
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.arrow import ArrowAdapter
from tiled.adapters.csv import CSVAdapter
from tiled.adapters.dataframe import DataFrameAdapter
from tiled.adapters.excel import ExcelAdapter
from tiled.adapters.hdf5 import HDF5Adapter
from tiled.adapters.jpeg import JPEGAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.adapters.npy import NPYAdapter
from tiled.adapters.parquet import ParquetDatasetAdapter
from tiled.adapters.sparse import COOAdapter
from tiled.adapters.tiff import TiffAdapter, TiffSequenceAdapter
from tiled.adapters.xarray import DatasetAdapter
from tiled.adapters.zarr import ZarrAdapter
from tiled.client import Context, from_context
from tiled.server.app import build_app
from tiled.structures.table import TableStructure

from tiled_zarr.adapters import adapt
from tiled_zarr.hangs import Hangs
from tiled_zarr.hierarchy.openings import Openings
from tiled_zarr.nodes import Array, Group, Node, Region

MOST_BYTES = 64 * 1024 * 1024
EXPECTED_BAD = {"/hdf5/group/dangling"}
"""What cannot be shown, and must be named with a reason."""

random = np.random.default_rng(20261123)


def main() -> int:
    """The number of nodes that differ, as an exit code."""
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        trees = {"made": MapAdapter(made()), "files": MapAdapter(files(Path(folder)))}
        for name, tree in trees.items():
            with Context.from_app(build_app(tree)) as context:
                failures += compare_tree(name, adapt(tree), from_context(context))
    print(f"{len(failures)} failed" if failures else "all equal")
    return 1 if failures else 0


def compare_tree(name: str, root: Node, client: Any) -> list[str]:
    """The paths of the nodes that differ or are missing."""
    failures = []
    for path, node in walk(root):
        problem = compare(path, node, client)
        print(f"{'FAIL' if problem else 'ok':5}{name}{path} {problem}")
        failures += [path] if problem else []
    return failures


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """A node and all below it that can be opened."""
    yield path, node
    if isinstance(node, Group) and node.kind != "table":
        for name, child in OPENINGS.all(node, OPENINGS.names(node)):
            yield from walk(child, f"{path}/{name}")


OPENINGS = Openings(lambda _: None, lambda _: None, Hangs())


def compare(path: str, node: Node, client: Any) -> str:
    """What is wrong with a node, or an empty text."""
    try:
        match node:
            case Group(kind="table"):
                return compare_table(node, at(client, path))
            case Group():
                return compare_group(path, node, client)
            case Array():
                return compare_array(node, at(client, path))
    except Exception as error:  # noqa: BLE001 - whatever went wrong is what the report is for
        return f"{type(error).__name__}: {error}"


def at(client: Any, path: str) -> Any:
    for name in path.split("/")[1:]:
        client = client.children[name] if isinstance(client, Group) else client[name]
    return client


def compare_group(path: str, node: Group, client: Any) -> str:
    opened = {name for name, _ in OPENINGS.all(node, OPENINGS.names(node))}
    bad = OPENINGS.unavailable(node)
    if {f"{path}/{name}" for name in bad} - EXPECTED_BAD:
        return f"cannot be opened: {bad}"
    if any(f"{path}/{name}" in EXPECTED_BAD for name in opened):
        return f"should not have been opened: {opened}"
    try:
        names = set(at(client, path))
    except Exception as error:  # noqa: BLE001 - Tiled's own listing of a group breaks by one bad child
        return "" if bad else f"Tiled cannot list it: {error}"
    return "" if names == opened | set(bad) else f"{opened | set(bad)} instead of {names}"


def compare_array(node: Array, client: Any) -> str:
    dtype = client.read().dtype if node.is_sparse else client.dtype
    if (node.shape, node.dtype) != (tuple(client.shape), dtype):
        return f"{node.shape} {node.dtype} instead of {client.shape} {dtype}"
    if node.dimension_names != client.dims:
        return f"dimensions {node.dimension_names} instead of {client.dims}"
    if dict(node.attributes) != dict(client.metadata) and not same_json(node.attributes, client.metadata):
        return f"attributes {dict(node.attributes)} instead of {dict(client.metadata)}"
    for region in regions(node):
        if not same(read(node, region), dense(client[region] if region else client.read())):
            return f"values of {region}"
    return ""


def same_json(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether metadata say the same when text stands for whatever is no JSON."""
    return {key: str(value) for key, value in ours.items()}.keys() == {key: str(value) for key, value in theirs.items()}.keys()


def compare_table(node: Group, client: Any) -> str:
    frame = client.read()
    columns = {"index" if frame.index.name is None else frame.index.name: frame.index, **{str(name): frame[name] for name in frame.columns}}
    if list(node.children) != list(columns):
        return f"columns {list(node.children)} instead of {list(columns)}"
    for name, values in columns.items():
        column = node.children[name]
        assert isinstance(column, Array)
        theirs = items(values, column.dtype)
        for region in regions(column):
            if not same(read(column, region), theirs[region]):
                return f"values of column {name} in {region}"
    return ""


def items(values: pd.Index | pd.Series, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """A column of pandas as we promise to show it: missing text is empty."""
    if dtype.kind == "O":
        return np.array(["" if missing else str(item) for item, missing in zip(values, values.isna(), strict=True)], object)
    return values.to_numpy().astype(dtype)


def read(node: Array, region: Region) -> np.ndarray[Any, Any]:
    if not node.is_sparse:
        return node.read(region)
    coords, data = node.source.entries()
    whole = np.zeros(node.shape, node.dtype)
    np.add.at(whole, tuple(coords), data)
    return whole[region]


def regions(node: Array) -> Iterator[Region]:
    """The whole array, or corners and random boxes if it is large; then random boxes."""
    nbytes = int(np.prod(node.shape)) * node.dtype.itemsize
    edge = max(1, int((MOST_BYTES / 64 / node.dtype.itemsize) ** (1 / max(len(node.shape), 1))))
    if nbytes <= MOST_BYTES:
        yield tuple(slice(0, n) for n in node.shape)
    else:
        yield tuple(slice(0, min(n, edge)) for n in node.shape)
        yield tuple(slice(max(n - edge, 0), n) for n in node.shape)
    for _ in range(3 if node.shape and all(node.shape) else 0):
        starts = [int(random.integers(0, n)) for n in node.shape]
        yield tuple(slice(start, min(start + 1 + int(random.integers(edge)), n)) for start, n in zip(starts, node.shape, strict=True))


def dense(block: Any) -> np.ndarray[Any, Any]:
    return np.asarray(block.todense() if hasattr(block, "todense") else block)


def same(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> bool:
    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        return False
    is_inexact = ours.dtype.kind in "fcmM"
    return np.array_equal(ours, theirs, equal_nan=is_inexact)


def made() -> dict[str, Any]:
    """Adapters over memory of what the demo tree has none of."""
    grid = np.arange(60, dtype="<f4").reshape(6, 10)
    frame = pd.DataFrame({"number": [1, 2, 3], "text": ["a", "ä", None], "when": pd.to_datetime(["2026-11-23"] * 3)})
    blocks = {(0, 0): (np.array([[0, 1], [2, 3]]), np.array([1.5, 2.5])), (1, 0): (np.array([[3], [4]]), np.array([9.0]))}
    return {
        "big_endian": ArrayAdapter.from_array(grid.astype(">f4")),
        "fortran": ArrayAdapter.from_array(np.asfortranarray(grid)),
        "strided": ArrayAdapter.from_array(grid[::-1, ::3]),
        "irregular": ArrayAdapter.from_array(grid, chunks=((1, 4, 1), (10,))),
        "named_axes": ArrayAdapter.from_array(grid, dims=("y", "x"), metadata={"unit": "m", "nothing": None}),
        "empty": ArrayAdapter.from_array(np.zeros((0, 4))),
        "bytes": ArrayAdapter.from_array(np.array([b"a", b"bcd"])),
        "durations": ArrayAdapter.from_array(np.array([1, 2], "m8[ms]")),
        "sparse_blocks": COOAdapter.from_global_ref(blocks, (6, 10), ((3, 3), (10,))),
        "sparse_bool": COOAdapter.from_coo(sparse.COO(grid > 50)),
        "frame": DataFrameAdapter.from_pandas(frame, npartitions=1),
        "partitions": DataFrameAdapter.from_pandas(frame, npartitions=3),
        "pandas_partitions": DataFrameAdapter([frame[:1], frame[1:]], TableStructure.from_pandas(frame)),
        "dataset": DatasetAdapter.from_dataset(
            xarray.Dataset({"t": (("y", "x"), grid)}, {"x": np.arange(10), "height": 2.5}, {"title": "made"}).chunk({"y": 4})
        ),
        "group": MapAdapter({"empty": MapAdapter({})}, metadata={"who": "me"}),
    }


def files(folder: Path) -> dict[str, Any]:
    """Tiled's adapters over files."""
    grid = np.arange(63 * 40, dtype="<u2").reshape(63, 40)
    frame = pd.DataFrame({"number": np.arange(50), "half": np.arange(50) / 2, "text": [f"row {i}" for i in range(50)]})
    with h5py.File(folder / "t.h5", "w") as file:
        file.attrs["who"] = "me"
        group = file.create_group("group")
        group.create_dataset("chunked", data=grid, chunks=(16, 16), compression="gzip")
        group["contiguous"] = grid.astype(">i4")
        group["scalar"] = 3.5
        group["strings"] = np.array(["a", "bc"], h5py.string_dtype())
        group["compound"] = np.array([(1, 2.5)], [("a", "<i4"), ("b", "<f8")])
        group["dangling"] = h5py.SoftLink("/nowhere")
    tree = zarr.open_group(folder / "t.zarr", mode="w")
    tree.create_array("grid", data=grid, chunks=(16, 16))
    tree.create_group("inner").create_array("flat", data=grid[0])
    tifffile.imwrite(folder / "t.tif", grid)
    for i in range(3):
        tifffile.imwrite(folder / f"s{i}.tif", grid + i)
    np.save(folder / "t.npy", grid.T)
    Image.fromarray((grid[:32] % 256).astype("u1")).save(folder / "t.jpg")
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_parquet(folder / "t.parquet")
    frame.to_feather(folder / "t.arrow", compression="uncompressed")
    frame.to_excel(folder / "t.xlsx", index=False)
    uri = (folder.as_uri() + "/{}").format
    return {
        "hdf5": HDF5Adapter.from_uris(uri("t.h5")),
        "zarr": ZarrAdapter.from_uris(uri("t.zarr")),
        "tiff": TiffAdapter(uri("t.tif")),
        "tiff_sequence": TiffSequenceAdapter.from_uris(*[uri(f"s{i}.tif") for i in range(3)]),
        "npy": NPYAdapter.from_uris(uri("t.npy")),
        "jpeg": JPEGAdapter.from_uris(uri("t.jpg")),
        "csv": CSVAdapter.from_uris(uri("t.csv")),
        "parquet": ParquetDatasetAdapter([uri("t.parquet")], TableStructure.from_pandas(frame)),
        "arrow": ArrowAdapter([uri("t.arrow")], TableStructure.from_pandas(frame)),
        "excel": ExcelAdapter.from_uris(uri("t.xlsx")),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Tiled warns of its own ways to read HDF5 strings
    sys.exit(main())
