from __future__ import annotations

import string
import subprocess
import sys

import numpy as np
import pytest

from demo.truth import leaves, nodes, read
from tiled_zarr.demo import tree
from tiled_zarr.nodes import Array, Group

FLOATS = dict.fromkeys(string.ascii_uppercase, "f8")
LEAVES = {
    "scalars/pi": ("f8", ()),
    "scalars/e_arr": ("U7", (1,)),
    "scalars/fsc": ("U5", ()),
    "scalars/fortytwo": ("i8", ()),
    "nested/images/tiny_image": ("f8", (50, 50)),
    "nested/images/small_image": ("f8", (300, 300)),
    "nested/images/medium_image": ("f8", (1000, 1000)),
    "nested/images/big_image": ("f8", (10_000, 10_000)),
    "nested/images/gigapixel": ("u1", (100_000, 100_000)),
    "nested/cubes/tiny_cube": ("f8", (50, 50, 50)),
    "nested/cubes/tiny_hypercube": ("f8", (50, 50, 50, 50, 50)),
    "nested/complex": ("c16", (30, 50)),
    "nested/sparse_image": ("f8", (100, 100)),
    "structured_data/pets": ([("name", "U10"), ("age", "i4"), ("weight", "f4")], (2,)),
    "structured_data/xarray_dataset/temperature": ("f8", (2, 2, 3)),
    "structured_data/xarray_dataset/precipitation": ("f8", (2, 2, 3)),
    "structured_data/xarray_dataset/lon": ("f8", (2, 2)),
    "structured_data/xarray_dataset/lat": ("f8", (2, 2)),
    "structured_data/xarray_dataset/time": ("M8[ns]", (3,)),
    "flat_array": ("f8", (100,)),
    "low_entropy": ("i4", (100, 100)),
    "high_entropy": ("i8", (100, 100)),
    "dynamic": ("f8", (3, 3)),
}
TABLES = {
    "tables/short_table": (100, {"index": "i8", "A": "u1", "B": "f8", "C": "S3", "D": "M8[D]", "E": "b1"}),
    "tables/long_table": (100_000, {"index": "i8", "A": "f8", "B": "f8", "C": "f8"}),
    "tables/wide_table": (10, {"index": "i8", **FLOATS}),
}
COLUMNS = {f"{path}/{name}": (dtype, (rows,)) for path, (rows, columns) in TABLES.items() for name, dtype in columns.items()}
ATTRIBUTES = {
    "": {},
    "scalars": {"numbers": "constants", "precision": 5},
    "nested": {"animal": "cat", "color": "green"},
    "nested/images": {"animal": "cat", "color": "green"},
    "nested/cubes": {"animal": "dog", "color": "red"},
    "tables": {},
    "tables/short_table": {"animal": "dog", "color": "red"},
    "tables/long_table": {"animal": "dog", "color": "green"},
    "tables/wide_table": {"animal": "dog", "color": "red"},
    "structured_data": {"animal": "cat", "color": "green"},
    "structured_data/xarray_dataset": {},
}
OPTIONAL = ["PIL", "dask", "h5py", "pandas", "pyarrow", "scipy", "sparse", "tifffile", "tiled", "xarray", "zarr"]


def corner(node: Array) -> np.ndarray:
    """The last elements, at most 8 on an axis."""
    return read(node, tuple(slice(max(size - 8, 0), size) for size in node.shape))


def test_types_and_shapes():
    assert {path: (node.dtype, node.shape) for path, node in leaves().items()} == {
        path: (np.dtype(dtype), shape) for path, (dtype, shape) in (LEAVES | COLUMNS).items()
    }


def test_groups_and_their_attributes():
    groups = {path: node for path, node in nodes() if isinstance(node, Group)}
    assert {path: dict(node.attributes) for path, node in groups.items()} == ATTRIBUTES
    assert {path for path, node in groups.items() if node.kind == "table"} == set(TABLES)


def test_what_zarr_cannot_express_is_named():
    assert set(tree().children["nested"].unavailable()) == {"awkward_array", "ragged_array"}


@pytest.mark.parametrize("path", leaves())
def test_a_read_has_the_declared_type_and_is_the_same_again(path):
    node = leaves()[path]
    values = corner(node)
    assert values.dtype == node.dtype
    assert values.shape == tuple(min(size, 8) for size in node.shape)
    if path != "dynamic":
        assert corner(leaves()[path]).tobytes() == values.tobytes()


def test_source_chunks():
    chunks = {path: node.chunks for path, node in leaves().items() if node.chunks}
    assert chunks.pop("nested/images/medium_image") == (250, 100)
    assert chunks == {f"tables/long_table/{name}": (20_000,) for name in TABLES["tables/long_table"][1]}


def test_revisions_outlive_a_restart_and_dynamic_has_none():
    revisions = {path: node.revision() for path, node in nodes()}
    assert revisions.pop("dynamic") is None
    assert set(revisions.values()) == {leaves()["flat_array"].revision()}


def test_dynamic_changes_every_three_seconds(monkeypatch):
    node = leaves()["dynamic"]
    values = []
    for now in (3000.0, 3002.9, 3003.0):
        monkeypatch.setattr("time.time", lambda now=now: now)
        values.append(read(node))
    np.testing.assert_array_equal(values, np.broadcast_to(np.reshape([1000, 1000, 1001], (3, 1, 1)), (3, 3, 3)))


def run(script: str) -> str:
    """What a new interpreter prints that imports from where this one does."""
    head = f"import sys\nsys.path[:0] = {sys.path!r}\n"
    return subprocess.run([sys.executable, "-c", head + script], check=True, capture_output=True, text=True).stdout.strip()


def test_numpy_alone_is_enough():
    """A corner of every node can be read if none of the optional packages can be imported."""
    script = f"""
sys.modules.update(dict.fromkeys({OPTIONAL!r}))
from demo.test_catalog import corner, leaves
print(sum(corner(node).size > 0 for node in leaves().values()))
"""
    assert run(script) == str(len(LEAVES | COLUMNS))


@pytest.mark.parametrize("part", ["", "read(leaves()['nested/images/gigapixel'], (slice(0, 512), slice(0, 512)))"], ids=["tree", "chunk"])
def test_a_started_tree_is_small(part):
    """The peak is below 150 MB (VmHWM: getrusage would count the parent's memory before exec)."""
    script = f"""
from pathlib import Path
from demo.truth import leaves, read
leaves()
{part}
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    assert int(run(script)) * 1024 < 150e6
