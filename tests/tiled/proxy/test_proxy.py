"""The proxy serves what Tiled's own client reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dask.array
import numpy as np
import pandas as pd
import pytest
import sparse
import xarray
import zarr
from tests.tiled.proxying import KEY, Pair, paired
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.awkward import AwkwardAdapter
from tiled.adapters.dataframe import DataFrameAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.adapters.sparse import COOAdapter
from tiled.adapters.xarray import DatasetAdapter
from tiled.client import from_context
from tiled.config import Authentication
from tiled.server.app import build_app

from tiled_zarr.adapters import adapt
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Group, Unavailable
from tiled_zarr.resources import Resources
from tiled_zarr.stores import KeySpaceStore

draw = np.random.default_rng(13)
RECORD = np.array([("Ada", 36, 58.5), ("Bea", 9, 27.0)], [("name", "U10"), ("age", "i4"), ("weight", "f4")])
ARRAYS = {
    "bool": draw.random(7) < 0.5,
    "i1": draw.integers(-9, 9, 10, "i1"),
    "big_endian": draw.integers(-9, 9, (4, 5)).astype(">i4"),
    "f8": draw.random((3, 4, 5)),
    "c8": (draw.random(10) + 1j * draw.random(10)).astype("c8"),
    "bytes": np.array(["aa", "bbb"], "S3"),
    "text": np.array(["aa", "bbb"], "U3"),
    "date": np.array(["2011-02-17", "2009-09-01"], "M8[ns]"),
    "duration": np.array([1, 2], "m8[s]"),
    "record": RECORD,
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 3)),
    "image": draw.integers(0, 999, (700, 600), "u2"),
}
BLOCKS = dask.array.from_array(draw.random((9, 10)), chunks=((4, 4, 1), (5, 5)))
UNEVEN = dask.array.from_array(draw.random((9, 10)), chunks=((2, 4, 3), (5, 5)))
FRAME = pd.DataFrame({"x": draw.random(10), "n": draw.integers(0, 9, 10), "t": [f"row {i}" for i in range(10)]}, index=range(5, 15))
PLANE = sparse.random((30, 20), density=0.1, random_state=1)
ODD = {"nan": float("nan"), "below": {"list": [1, 2.5, None]}, "100 %": "ü"}


def tree() -> MapAdapter:
    """Every family that Tiled has in memory."""
    data = xarray.Dataset({"t": (("y", "x"), draw.random((3, 4)))}, {"y": [1, 2, 3], "x": [1.5, 2, 3, 4]}, {"title": "a dataset"})
    return MapAdapter(
        {
            "arrays": MapAdapter({name: ArrayAdapter.from_array(values, metadata={"name": name}) for name, values in ARRAYS.items()}),
            "blocks": ArrayAdapter.from_array(BLOCKS, dims=("up", "over")),
            "uneven": ArrayAdapter.from_array(UNEVEN),
            "table": DataFrameAdapter.from_pandas(FRAME, npartitions=3, metadata={"unit": "mm"}),
            "sparse": COOAdapter.from_coo(PLANE),
            "dataset": DatasetAdapter.from_dataset(data),
            "ragged": AwkwardAdapter.from_array([[1], [2, 3]]),
            "a b#%": MapAdapter({"é ü": ArrayAdapter.from_array(np.arange(3))}),
        },
        metadata=ODD,
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with paired(build_app(tree(), authentication=Authentication(single_user_api_key=KEY, allow_anonymous_access=False)), key=KEY) as made:
        yield made


@pytest.fixture(scope="module")
def client(pair: Pair) -> Any:
    """The root in Tiled's own client."""
    return from_context(pair.context)


def opened(root: Any, format_module: Any = v3) -> zarr.Group:
    space = KeySpace(root, format_module, resources=Resources.of())
    return zarr.open_group(KeySpaceStore(space), mode="r", zarr_format=3 if format_module is v3 else 2)


@pytest.fixture(scope="module")
def ours(client: Any) -> zarr.Group:
    return opened(adapt(client))


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_what_tileds_client_reads(ours: zarr.Group, client: Any, name: str) -> None:
    expected = client["arrays"][name].read()
    found = ours["arrays"][name]
    values = found[...] if expected.dtype.names is None else found[...].astype(expected.dtype)
    np.testing.assert_array_equal(values, expected)
    assert found.attrs.asdict()["name"] == client["arrays"][name].metadata["name"]


@pytest.mark.parametrize("name", ["blocks", "uneven"])
def test_arrays_in_blocks_are_what_tileds_client_reads(ours: zarr.Group, client: Any, name: str) -> None:
    np.testing.assert_array_equal(ours[name][...], client[name].read())


def test_axes_have_tileds_names(ours: zarr.Group, client: Any) -> None:
    assert client["blocks"].dims == ("up", "over")
    assert ours["blocks"].metadata.dimension_names == ("up", "over")


def test_a_table_is_what_tileds_client_reads(ours: zarr.Group, client: Any) -> None:
    expected = client["table"].read()
    table = ours["table"]
    assert sorted(table.array_keys()) == ["index", "n", "t", "x"]
    for name in ("n", "x", "t"):
        np.testing.assert_array_equal(table[name][...], expected[name])
    np.testing.assert_array_equal(table["index"][...], expected.index)
    assert table.attrs["unit"] == client["table"].metadata["unit"]


def test_a_sparse_array_is_what_tileds_client_reads(ours: zarr.Group, client: Any) -> None:
    np.testing.assert_array_equal(ours["sparse"][...], client["sparse"].read().todense())


def test_a_dataset_is_what_tileds_client_reads(client: Any) -> None:
    space = KeySpace(adapt(client), v2, resources=Resources.of())
    found = xarray.open_zarr(KeySpaceStore(space), group="dataset", zarr_format=2, consolidated=False)
    xarray.testing.assert_equal(found.load(), client["dataset"].read().load())


def test_metadata_of_the_root_are_attributes(ours: zarr.Group, client: Any) -> None:
    attributes = ours.attrs.asdict()
    assert attributes["below"] == client.metadata["below"]
    assert attributes["100 %"] == client.metadata["100 %"]
    assert attributes["nan"] is None


def test_odd_names_are_served(ours: zarr.Group) -> None:
    """Tiled's own client does not percent-encode, and finds no node with `#` in its name."""
    np.testing.assert_array_equal(ours["a b~23~25"]["é ü"][...], np.arange(3))


def test_what_zarr_has_no_form_for_is_named(ours: zarr.Group) -> None:
    assert "ragged" not in list(ours)
    assert ours.attrs["tiled_zarr"]["unavailable"] == {"ragged": "Zarr has no awkward arrays; known are container, array, sparse, table"}


@pytest.mark.parametrize("name", ["arrays", "dataset"])
def test_a_container_of_a_client_is_a_root(client: Any, name: str) -> None:
    assert sorted(opened(adapt(client[name]))) == sorted(client[name])


def test_an_array_of_a_client_is_an_array(client: Any) -> None:
    node = adapt(client["arrays"]["f8"])
    np.testing.assert_array_equal(opened(Group({"it": node}))["it"][...], ARRAYS["f8"])


def test_a_table_of_a_client_is_a_table(client: Any) -> None:
    node = adapt(client["table"])
    np.testing.assert_array_equal(opened(Group({"it": node}))["it"]["x"][...], FRAME["x"])


def test_a_search_of_a_client_is_refused(client: Any) -> None:
    from tiled.queries import Key

    with pytest.raises(Unavailable, match="serve the container that was searched"):
        adapt(client.search(Key("name") == "f8"))


@pytest.mark.parametrize(
    "path", ["/zarr/v3/zarr.json", "/zarr/v2/.zmetadata", "/zarr/v2/arrays/", "/", "/view/arrays/image", "/zarr/v2/table/x/0"]
)
def test_every_kind_of_page_is_answered(pair: Pair, path: str) -> None:
    assert pair.ours.get(path).status_code == 200


def test_the_tree_is_the_same_as_without_a_server_of_tileds_between(pair: Pair) -> None:
    """Apart from groups: a table of Tiled's adapters and one over HTTP both read their columns."""
    direct = opened(adapt(tree()))
    documents = pair.ours.get("/zarr/v3/zarr.json").json()["consolidated_metadata"]["metadata"]
    assert set(documents) == {path for path, _ in direct.members(max_depth=None)}
    for path, node in direct.members(max_depth=None):
        if isinstance(node, zarr.Array):
            assert documents[path]["shape"] == list(node.shape), path
            assert documents[path]["chunk_grid"]["configuration"]["chunk_shape"] == list(node.chunks), path
            assert documents[path]["dimension_names"] == list(node.metadata.dimension_names), path
