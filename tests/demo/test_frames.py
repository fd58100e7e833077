from __future__ import annotations

import numpy as np
import pytest
import xarray

from demo.truth import leaves, read
from tiled_zarr.demo import tree
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.stores import KeySpaceStore

DATASET = "structured_data/xarray_dataset"


def columns(table: str) -> dict[str, np.ndarray]:
    return {path.rpartition("/")[2]: read(node) for path, node in leaves().items() if path.startswith(f"tables/{table}/")}


@pytest.mark.parametrize("table", ["short_table", "long_table", "wide_table"])
def test_the_index_counts_the_rows(table):
    found = columns(table)
    np.testing.assert_array_equal(found["index"], np.arange(len(found["A"])))


def test_short_table_follows_the_moon():
    found = columns("short_table")
    assert found["D"][[0, -1]].astype(str).tolist() == ["2025-01-01", "2025-04-10"]
    new_moon = found["A"][found["D"] == np.datetime64("2025-01-29")]
    full_moon = found["A"][found["D"] == np.datetime64("2025-03-14")]
    assert new_moon < 10
    assert full_moon > 90
    assert set(found["C"].tolist()) == {b"new", b"wax", b"ful", b"wan"}
    np.testing.assert_array_equal(found["E"], found["A"] > 50)


def test_long_and_wide_tables_are_multiples_of_their_first_column():
    long, wide = columns("long_table"), columns("wide_table")
    np.testing.assert_array_equal(long["C"], 3 * long["A"])
    np.testing.assert_array_equal(wide["Z"], 26 * wide["A"])


def expected_dataset() -> xarray.Dataset:
    values = {path.rpartition("/")[2]: node for path, node in leaves().items() if path.startswith(DATASET)}
    variables = {
        name: xarray.Variable(node.dimension_names, read(node), {k: v for k, v in node.attributes.items() if k != "coordinates"})
        for name, node in values.items()
    }
    return xarray.Dataset(variables).set_coords(["lon", "lat"])


@pytest.mark.parametrize("version", [v2, v3])
def test_xarray_opens_the_dataset(version):
    store = KeySpaceStore(KeySpace(tree(), version))
    with xarray.open_zarr(store, group=DATASET, chunks=None) as dataset:
        xarray.testing.assert_identical(dataset.load().drop_attrs(deep=False), expected_dataset())
