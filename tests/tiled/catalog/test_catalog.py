"""Trees of catalogs, compared with what Tiled's client reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awkward
import dask.array
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sparse
import tifffile
import xarray
import zarr
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.tiled.catalogs import Written, array_at, at, get, in_process, values, written
from tiled.adapters.mapping import MapAdapter
from tiled.client.register import register
from tiled.client.xarray import write_xarray_dataset

from tiled_zarr.adapters import adapt
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Group, Unavailable
from tiled_zarr.stores import KeySpaceStore

pytestmark = pytest.mark.filterwarnings(
    "ignore::starlette.exceptions.StarletteDeprecationWarning",  # of the test client that Tiled uses
    "ignore::zarr.errors.UnstableSpecificationWarning",  # text in Zarr v3
    "ignore:Consolidated metadata is currently",
    "ignore:The dataset .* is of object type",  # Tiled's own adapter, of text in HDF5
)

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "text": ["x", "yy", "zzz"]})
ROWS = pa.Table.from_pandas(FRAME, preserve_index=False)
IMAGE = np.arange(300 * 257, dtype="u2").reshape(300, 257)


def filled(catalog: Written) -> Written:
    """Write one node of each kind, and register a folder of files."""
    client, outside = catalog.client, catalog.outside
    client.write_array(IMAGE, key="image", metadata={"sample": "Ag", "nested": {"list": [1, None]}}, dims=["y", "x"])
    client.write_array(dask.array.from_array(IMAGE, chunks=(128, 100)), key="blocks")
    client.write_array(np.array([[True, False]]), key="flags")
    client.write_array(np.array(["a", "bc"]), key="words")
    client.write_array(np.arange(4, dtype=">i4"), key="big_endian")
    client.write_table(FRAME, key="parquet", metadata={"of": "table"})
    rows = client.create_appendable_table(ROWS.schema, key="rows")
    rows.append_partition(0, ROWS)
    client.write_sparse(coords=np.array([[0, 1], [2, 3]]), data=np.array([3.8, 4.0]), shape=(4, 5), key="sparse")
    client.write_awkward(awkward.Array([[1.5], [], [2.5, 3.5]]), key="awkward")
    parts = client.create_container("parts", specs=["composite"], metadata={"composite": True})
    parts.write_array(IMAGE[:7, :5], key="array")
    parts.write_table(FRAME, key="table")
    dataset = xarray.Dataset({"t": (["y", "x"], np.ones((2, 3)))}, coords={"y": [10, 20], "x": [1, 2, 3]})
    write_xarray_dataset(client, dataset, key="weather")
    with h5py.File(outside / "scan.h5", "w") as file:
        file.create_dataset("entry/image", data=IMAGE, chunks=(64, 64), compression="gzip")
        file["entry/flat"] = np.arange(24, dtype="i8").reshape(4, 6)
        file["entry/words"] = ["a", "bc"]
        file["entry"].attrs["who"] = "me"
    np.save(outside / "numbers.npy", np.arange(12.0).reshape(3, 4))
    tifffile.imwrite(outside / "picture.tif", IMAGE)
    (outside / "stack").mkdir()
    for number in range(3):
        tifffile.imwrite(outside / "stack" / f"frame{number:05}.tif", IMAGE + number)
    FRAME.to_csv(outside / "table.csv", index=False)
    store = zarr.open_group(outside / "store.zarr", mode="w")
    store.create_array("grid", shape=IMAGE.shape, chunks=(100, 100), dtype="u2")[:] = IMAGE
    asyncio.run(register(client.create_container("files"), outside, overwrite=False))
    return catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with written(tmp_path_factory.mktemp("catalog")) as made:
        yield filled(made)


@pytest.fixture(scope="module")
def root(catalog: Written) -> Group:
    return catalog.root()


def theirs(client: Any, path: str) -> Any:
    """What Tiled's client has at a path."""
    return client[tuple(path.split("/"))]


ARRAYS = (
    "image",
    "blocks",
    "flags",
    "words",
    "big_endian",
    "parts/array",
    "weather/t",
    "weather/y",
    "files/scan/entry/image",
    "files/scan/entry/flat",
    "files/scan/entry/words",
    "files/numbers",
    "files/picture",
    "files/stack/frame",
    "files/store/grid",
)


@pytest.mark.parametrize("path", ARRAYS)
def test_arrays_are_those_of_tileds_client(catalog: Written, root: Group, path: str) -> None:
    expected, found = theirs(catalog.client, path).read(), values(at(root, path))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("path", ["parquet", "rows", "parts/table", "files/table"])
@pytest.mark.parametrize("column", ["a", "b", "text"])
def test_columns_are_those_of_tileds_client(catalog: Written, root: Group, path: str, column: str) -> None:
    expected = theirs(catalog.client, path).read()[column]
    assert values(at(root, f"{path}/{column}")).tolist() == expected.tolist()


def test_a_sparse_array_is_that_of_tileds_client(catalog: Written, root: Group) -> None:
    expected = theirs(catalog.client, "sparse").read()
    assert isinstance(expected, sparse.COO)
    np.testing.assert_array_equal(values(at(root, "sparse")), expected.todense())


@pytest.mark.parametrize("path", ["", "files", "files/scan", "files/scan/entry", "weather"])
def test_names_are_those_of_tileds_client(catalog: Written, root: Group, path: str) -> None:
    node = at(root, path)
    assert isinstance(node, Group)
    assert list(node.children) == list(theirs(catalog.client, path) if path else catalog.client)
    assert len(node.children) == len(list(node.children))


def test_a_composite_container_has_the_parts_that_tileds_client_gathers(catalog: Written, root: Group) -> None:
    node = at(root, "parts")
    assert isinstance(node, Group)
    assert list(node.children) == list(theirs(catalog.client, "parts").base)


@pytest.mark.parametrize("path", ["image", "parquet", "parts", "weather", "weather/t", "sparse"])
def test_attributes_are_the_metadata_of_tileds_client(catalog: Written, root: Group, path: str) -> None:
    assert dict(at(root, path).attributes) == dict(theirs(catalog.client, path).metadata)


def test_dimensions_have_the_names_that_the_structure_gives(root: Group) -> None:
    assert array_at(root, "image").dimension_names == ("y", "x")
    assert array_at(root, "weather/t").dimension_names == ("y", "x")


def test_what_has_no_form_in_zarr_is_named_with_the_reason(catalog: Written) -> None:
    root = catalog.root()
    with pytest.raises(Unavailable, match="no awkward arrays"):
        root.children["awkward"]
    space = KeySpace(root, v3, resources=catalog.resources)
    assert space.resolve("awkward/zarr.json") is None
    attributes = zarr.open_group(KeySpaceStore(space), mode="r").attrs.asdict()
    assert "awkward" in attributes["tiled_zarr"]["unavailable"]["awkward"]


@pytest.mark.parametrize("format", [v2, v3], ids=["v2", "v3"])
def test_zarr_reads_all_of_it(catalog: Written, root: Group, format: Any) -> None:  # noqa: A002 - the spec's word
    group = zarr.open_group(KeySpaceStore(KeySpace(root, format)), mode="r", zarr_format=2 if format is v2 else 3)
    for path in ("image", "blocks", "files/scan/entry/image", "files/store/grid", "files/stack/frame"):
        np.testing.assert_array_equal(group[path][:], theirs(catalog.client, path).read())


def test_xarray_opens_a_dataset_as_it_was_written(catalog: Written, root: Group) -> None:
    weather = at(root, "weather")
    opened = xarray.open_zarr(KeySpaceStore(KeySpace(weather, v3)), consolidated=False)
    expected = theirs(catalog.client, "weather").read()
    np.testing.assert_array_equal(opened["t"].to_numpy(), expected["t"].to_numpy())
    assert opened["t"].dims == expected["t"].dims
    assert set(opened["t"].coords) == {"y", "x"}


def test_an_absent_name_is_absent_and_asks_for_no_list(catalog: Written, root: Group) -> None:
    with pytest.raises(KeyError):
        root.children["absent"]
    with pytest.raises(KeyError):
        at(root, "files/absent")
    assert "absent" not in root.children
    assert "image" in root.children
    assert KeySpace(root, v3).resolve("absent/zarr.json") is None


@contextmanager
def asked() -> Iterator[list[str]]:
    """The statements that all databases are asked meanwhile."""
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_path_is_looked_up_once_and_not_for_each_request(catalog: Written) -> None:
    app, paths = catalog.app(), ("parts/array/zarr.json", "parts/array/c/0/0", "image/zarr.json", "files/scan/entry/image/c/0/0")
    for path in paths:
        assert get(app, f"/zarr/v3/{path}").status == 200
    with asked() as statements:
        for path in 3 * paths:
            assert get(app, f"/zarr/v3/{path}").status == 200
    assert statements == []


def test_one_child_of_a_large_container_opens_without_a_list_of_its_siblings(catalog: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.tiled.catalog.rows.MOST_BELOW", 2)
    app = catalog.app()
    with asked() as statements:
        assert get(app, "/zarr/v3/files/numbers/zarr.json").status == 200
        assert get(app, "/zarr/v3/files/numbers/c/0/0").status == 200
        assert get(app, "/zarr/v3/image/zarr.json").status == 200
    named = [statement for statement in statements if "JOIN nodes ON" in statement]
    assert len(named) == 2  # `image` is the first child, which is looked up at the start
    assert [statement for statement in statements if "nodes.parent = ?" in statement] == []


def test_a_root_that_grows_is_no_longer_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.tiled.catalog.rows.MOST_BELOW", 2)
    with written(tmp_path) as catalog:
        app = catalog.app()
        inner = catalog.client.create_container("inner")
        inner.write_array(IMAGE[:2], key="a")
        assert b"consolidated_metadata" in get(app, "/zarr/v3/zarr.json").body
        inner.write_array(IMAGE[:2], key="b")
        assert b"consolidated_metadata" not in get(app, "/zarr/v3/zarr.json").body
        assert b"consolidated_metadata" in get(app, "/zarr/v3/inner/zarr.json").body
        inner.delete_contents("a", external_only=False)
        assert b"consolidated_metadata" in get(app, "/zarr/v3/zarr.json").body


@pytest.mark.parametrize(
    "path", ["ome-zarr/0.5/image/zarr.json", "ome-zarr/0.4/files/scan/entry/image/.zattrs", "", "view/image", "zarr/v3/files/"]
)
def test_pages_listings_and_images_show_it(catalog: Written, path: str) -> None:
    assert get(catalog.app(), f"/{path}").status == 200


def test_a_catalog_below_a_map_adapter_is_its_tree(catalog: Written) -> None:
    root = adapt(MapAdapter({"inside": catalog.adapter, "beside": MapAdapter({})}))
    np.testing.assert_array_equal(values(at(root, "inside/image")), IMAGE)
    inside = at(root, "inside")
    assert at(root, "inside") is inside
    np.testing.assert_array_equal(values(at(adapt({"deep": {"inside": catalog.adapter}}), "deep/inside/image")), IMAGE)


def test_a_catalog_in_memory_is_a_tree(tmp_path: Path) -> None:
    with in_process(tmp_path) as catalog:
        catalog.client.write_array(IMAGE, key="image")
        root = adapt(catalog.adapter)
        assert isinstance(root, Group)
        np.testing.assert_array_equal(values(at(root, "image")), IMAGE)
        catalog.client.write_array(IMAGE + 1, key="other")
        np.testing.assert_array_equal(values(at(root, "other")), IMAGE + 1)
        assert list(root.children) == ["image", "other"]


def test_a_file_outside_of_the_folders_that_may_be_read_is_named(catalog: Written) -> None:
    narrow = Written(catalog.uri, catalog.adapter, catalog.client, catalog.places[:-1], catalog.outside)
    space = KeySpace(narrow.root(), v3)
    attributes = zarr.open_group(KeySpaceStore(space), mode="r", path="files").attrs.asdict()
    assert "--read" in attributes["tiled_zarr"]["unavailable"]["numbers"]
    assert get(narrow.app(), "/zarr/v3/files/numbers/c/0/0").status == 500
