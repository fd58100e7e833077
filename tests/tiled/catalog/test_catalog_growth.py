"""What a client of Tiled's writes into a catalog is served with the next request, and 304 only what is the same."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tifffile
import zarr
from tests.tiled.catalogs import Written, array_at, at, corrupted, get, loop_of, revision, values, written
from tiled.adapters.hdf5 import HDF5ArrayAdapter
from tiled.client.register import register
from tiled.structures.array import ArrayStructure
from tiled.structures.data_source import Asset, DataSource, Management
from tiled.utils import ensure_uri

from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Changed, Group, Node, TooSlow, Unprocessable
from tiled_zarr.stores import KeySpaceStore
from tiled_zarr.tiled.catalog import Within, node_of

pytestmark = pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning")  # of the test client that Tiled uses

IMAGE = np.arange(60 * 40, dtype="i4").reshape(60, 40)
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
ROWS = pa.Table.from_pandas(FRAME, preserve_index=False)
LONG_AGO = 1_600_000_000


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Written]:
    with written(tmp_path) as made:
        yield made


@pytest.fixture
def root(catalog: Written) -> Group:
    return catalog.root()


def external(catalog: Written, key: str, path: Path, mimetype: str, array: np.ndarray[Any, Any], **parameters: Any) -> Any:
    """Register a file as an array of this shape and type."""
    structure = ArrayStructure.from_array(array)
    assets = [Asset(data_uri=ensure_uri(path), is_directory=path.is_dir(), parameter="data_uri")]
    source = DataSource(
        structure_family="array",
        structure=structure,
        mimetype=mimetype,
        management=Management.external,
        assets=assets,
        parameters=parameters,
    )
    return catalog.client.new("array", [source], key=key)


def test_an_extended_array_grows(catalog: Written, root: Group) -> None:
    array = catalog.client.write_array(IMAGE, key="x")
    assert array_at(root, "x").shape == (60, 40)
    array.patch(IMAGE[:5] + 1, offset=(60,), extend=True)
    array.refresh()
    np.testing.assert_array_equal(values(at(root, "x")), array.read())
    array.patch(np.zeros((65, 3), "i4"), offset=(0, 40), extend=True)
    array.refresh()
    assert array_at(root, "x").shape == (65, 43)
    np.testing.assert_array_equal(values(at(root, "x")), array.read())


def test_a_block_that_is_written_anew_is_read_anew(catalog: Written, root: Group) -> None:
    array = catalog.client.write_array(IMAGE, key="x")
    values(at(root, "x"))
    array.write_block(IMAGE * 2, block=(0, 0))
    np.testing.assert_array_equal(values(at(root, "x")), IMAGE * 2)


def test_rows_that_are_appended_are_there(catalog: Written, root: Group) -> None:
    table = catalog.client.create_appendable_table(ROWS.schema, key="rows")
    table.append_partition(0, ROWS)
    assert values(at(root, "rows/a")).tolist() == [1, 2, 3]
    table.append_partition(0, ROWS)
    assert values(at(root, "rows/a")).tolist() == table.read()["a"].tolist() == [1, 2, 3, 1, 2, 3]


def test_a_partition_that_is_written_anew_is_read_anew(catalog: Written, root: Group) -> None:
    table = catalog.client.write_table(FRAME, key="t")
    assert values(at(root, "t/b")).tolist() == [0.5, 1.5, 2.5]
    table.write_partition(0, FRAME * 2)
    assert values(at(root, "t/b")).tolist() == table.read()["b"].tolist() == [1.0, 3.0, 5.0]


def test_children_come_and_go(catalog: Written, root: Group) -> None:
    assert list(root.children) == []
    catalog.client.create_container("c").write_array(IMAGE, key="x")
    assert list(root.children) == ["c"]
    group = at(root, "c")
    assert isinstance(group, Group)
    assert list(group.children) == ["x"]
    catalog.client["c"].delete_contents("x", external_only=False)
    assert list(group.children) == []
    with pytest.raises(KeyError):
        group.children["x"]
    catalog.client.delete_contents("c")
    assert "c" not in root.children
    assert len(root.children) == 0


def test_keys_that_zarr_forbids_have_the_aliases_that_the_page_gives(catalog: Written) -> None:
    page = (Path(__file__).parents[3] / "docs" / "tiled.md").read_text(encoding="utf-8")
    _, line = page.split("**Keys that Zarr or HTTP clients cannot have**")
    keys, aliases = (re.findall("`(.+?)`", part) for part in re.findall(r"\((`.+?`)\)", line)[:2])
    assert len(keys) == len(aliases) == 3
    for number, key in enumerate(keys):
        catalog.client.write_array(np.full(3, number), key=key)
    served = KeySpaceStore(KeySpace(catalog.root(), v3))
    group = zarr.open_group(served, mode="r")
    assert [group[alias][0] for alias in aliases] == [0, 1, 2]


def test_a_name_that_is_used_again_is_another_node(catalog: Written, root: Group) -> None:
    catalog.client.write_array(IMAGE, key="x")
    before = at(root, "x")
    former = revision(before)
    catalog.client.delete_contents("x", external_only=False)
    catalog.client.write_array(IMAGE + 7, key="x")
    np.testing.assert_array_equal(values(at(root, "x")), IMAGE + 7)
    assert at(root, "x") is not before
    assert revision(at(root, "x")) != former or former is None


def test_metadata_change_at_once_and_the_same_node_stays_without(catalog: Written, root: Group) -> None:
    array = catalog.client.write_array(IMAGE, key="x", metadata={"color": "blue"})
    before = at(root, "x")
    catalog.client.create_container("elsewhere")
    assert at(root, "x") is before
    array.update_metadata({"color": "red"})
    assert dict(at(root, "x").attributes) == {"color": "red"}
    assert revision(at(root, "x")) == revision(before)


@contextmanager
def backup(catalog: Written) -> Iterator[Path]:
    """A copy of the database, which takes its place when the context ends."""
    path = Path(catalog.uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as former, closing(sqlite3.connect(path.with_name("backup.db"))) as copy:
        former.backup(copy)
    yield path.with_name("backup.db")
    path.with_name("backup.db").replace(path)


def test_a_backup_that_is_restored_is_served(catalog: Written, root: Group) -> None:
    catalog.client.write_array(IMAGE, key="x")
    with backup(catalog):
        catalog.client.write_array(IMAGE, key="later")
        assert list(root.children) == ["x", "later"]
    assert list(root.children) == ["x"]
    assert "later" not in root.children
    corrupted(Path(catalog.uri.removeprefix("sqlite:///")), "UPDATE nodes SET key = 'y' WHERE key = 'x'")
    assert list(root.children) == ["y"]


def test_a_backup_is_served_through_the_engine_of_tileds_server(catalog: Written) -> None:
    catalog.client.write_array(IMAGE, key="x")
    root = node_of(catalog.adapter, Within(loop_of(catalog)), catalog.resources)
    assert isinstance(root, Group)
    with backup(catalog):
        catalog.client.write_array(IMAGE, key="later")
        assert list(root.children) == ["x", "later"]
    assert list(root.children) == ["x"] == list(catalog.client)


def test_a_database_that_is_away_is_a_503_until_it_is_back(catalog: Written) -> None:
    catalog.client.write_array(IMAGE, key="x")
    app = catalog.app()
    path = Path(catalog.uri.removeprefix("sqlite:///"))
    assert get(app, "/zarr/v3/x/zarr.json").status == 200
    path.rename(path.with_name("away.db"))
    assert get(app, "/zarr/v3/x/zarr.json").status == 503
    path.with_name("away.db").rename(path)
    assert get(app, "/zarr/v3/x/zarr.json").status == 200


def test_a_document_of_the_root_follows(catalog: Written, root: Group) -> None:
    space = KeySpace(root, v3)

    def members() -> set[str]:
        return {name for name, _ in zarr.open_group(KeySpaceStore(space), mode="r").members()}

    assert members() == set()
    catalog.client.write_array(IMAGE, key="x")
    assert members() == {"x"}
    catalog.client.write_array(IMAGE, key="y")
    assert members() == {"x", "y"}


def settled(path: Path) -> None:
    """Make all files look as if nobody had written them lately."""
    for file in [path, *path.rglob("*")]:
        os.utime(file, (LONG_AGO, LONG_AGO))


def test_a_304_costs_no_reading_and_ends_when_the_data_are_rewritten(catalog: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    array = catalog.client.write_array(IMAGE, key="x")
    settled(Path(catalog.places[0]))
    app = catalog.app()
    first = get(app, "/zarr/v3/x/c/0/0")
    assert first.status == 200
    with monkeypatch.context() as patched:
        patched.setattr("tiled_zarr.encoding.encode._encode", lambda *_: pytest.fail("a 304 needs no data"))
        assert get(app, "/zarr/v3/x/c/0/0", if_none_match=first.headers["etag"]).status == 304
        assert get(app, "/zarr/v3/x/c/0/0").body == first.body
    array.write_block(IMAGE * 3, block=(0, 0))
    second = get(app, "/zarr/v3/x/c/0/0", if_none_match=first.headers["etag"])
    assert second.status == 200
    assert second.body != first.body


def hdf5(path: Path, array: np.ndarray[Any, Any]) -> None:
    """Write a file with one chunked dataset in place of the one that is there."""
    with h5py.File(path, "w") as file:
        file.create_dataset("d", data=array, chunks=(20, 40))


def npy(path: Path, array: np.ndarray[Any, Any]) -> None:
    with path.open("wb") as file:
        np.save(file, array)


FILES = {"hdf5": ("f.h5", hdf5, "application/x-hdf5", {"dataset": "d"}), "npy": ("f.npy", npy, "application/x-npy", {})}


@pytest.mark.parametrize(("name", "write", "mimetype", "parameters"), FILES.values(), ids=FILES)
def test_a_file_that_is_rewritten_is_read_anew(catalog: Written, name: str, write: Any, mimetype: str, parameters: dict[str, Any]) -> None:
    path = catalog.outside / name
    write(path, IMAGE)
    external(catalog, "x", path, mimetype, IMAGE, **parameters)
    app = catalog.app()
    first = get(app, "/zarr/v3/x/c/0/0")
    assert first.status == 200
    assert get(app, "/zarr/v3/x/c/0/0", if_none_match=first.headers["etag"]).status == 304
    write(path, IMAGE + 1)
    second = get(app, "/zarr/v3/x/c/0/0", if_none_match=first.headers["etag"])
    assert second.status == 200
    assert second.body != first.body
    np.testing.assert_array_equal(values(at(catalog.root(), "x")), IMAGE + 1)


def test_a_file_that_is_rewritten_while_tileds_adapter_reads_it_is_read_once_more(
    catalog: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog.outside / "f.h5"
    hdf5(path, IMAGE)
    external(catalog, "x", path, "application/x-hdf5", IMAGE, dataset="d", squeeze=True)
    app, read, writes = catalog.app(), HDF5ArrayAdapter.read, [IMAGE + 5]
    old = get(app, "/zarr/v3/x/c/0/0")

    def overtaken(self: Any, *args: Any, **options: Any) -> Any:
        block = np.asarray(read(self, *args, **options))
        while writes:
            hdf5(path, writes.pop())
        return block

    hdf5(path, IMAGE + 1)
    monkeypatch.setattr(HDF5ArrayAdapter, "read", overtaken)
    torn = get(app, "/zarr/v3/x/c/0/0")
    monkeypatch.undo()
    new = get(app, "/zarr/v3/x/c/0/0")
    assert writes == []
    assert (torn.body, torn.headers["etag"]) == (new.body, new.headers["etag"])
    assert new.body != old.body


def test_a_column_of_a_table_of_files_is_cached_until_it_is_rewritten(catalog: Written) -> None:
    table = catalog.client.write_table(FRAME, key="t")
    app = catalog.app()
    first = get(app, "/zarr/v3/t/b/c/0")
    assert get(app, "/zarr/v3/t/b/c/0", if_none_match=first.headers["etag"]).status == 304
    table.write_partition(0, FRAME * 2)
    assert get(app, "/zarr/v3/t/b/c/0", if_none_match=first.headers["etag"]).status == 200


def test_a_sequence_has_a_revision_for_each_of_its_files(catalog: Written, root: Group) -> None:
    folder = catalog.outside / "stack"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"frame{number:03}.tif", (IMAGE + number).astype("u2"))
    asyncio.run(register(catalog.client, catalog.outside))
    node = array_at(root, "stack/frame")
    first, last = ((slice(number, number + 1), slice(0, 60), slice(0, 40)) for number in (0, 2))
    before = node.revision(first), node.revision(last), node.revision()
    assert None not in before
    tifffile.imwrite(folder / "frame002.tif", (IMAGE + 9).astype("u2"))
    after = node.revision(first), node.revision(last), node.revision()
    assert [former == now for former, now in zip(before, after, strict=True)] == [True, False, False]
    assert array_at(root, "stack/frame") is node
    np.testing.assert_array_equal(node.read(last)[0], IMAGE + 9)
    np.testing.assert_array_equal(values(node), catalog.client["stack"]["frame"].read())


def test_a_registered_file_of_groups_follows_what_is_written_to_it(catalog: Written, root: Group) -> None:
    path = catalog.outside / "scan.h5"
    hdf5(path, IMAGE)
    asyncio.run(register(catalog.client, catalog.outside))
    np.testing.assert_array_equal(values(at(root, "scan/d")), IMAGE)
    before = at(root, "scan/d")
    assert at(root, "scan/d") is before
    with h5py.File(path, "a") as file:
        file["more/e"] = IMAGE[:3]
    np.testing.assert_array_equal(values(at(root, "scan/more/e")), IMAGE[:3])


def test_a_structure_shorter_than_its_file_is_its_beginning(catalog: Written, root: Group) -> None:
    hdf5(catalog.outside / "f.h5", IMAGE)
    array = external(catalog, "x", catalog.outside / "f.h5", "application/x-hdf5", IMAGE[:50], dataset="d")
    np.testing.assert_array_equal(values(at(root, "x")), array.read())
    assert array_at(root, "x").shape == (50, 40)


def ahead(catalog: Written, shape: tuple[int, ...]) -> Node:
    """An array whose structure promises this shape, of a file that has the shape of IMAGE."""
    hdf5(catalog.outside / "f.h5", IMAGE)
    external(catalog, "x", catalog.outside / "f.h5", "application/x-hdf5", np.zeros(shape, "i4"), dataset="d")
    return at(catalog.root(), "x")


def test_data_that_are_still_being_written_are_503_and_come(catalog: Written) -> None:
    node = ahead(catalog, (80, 40))
    with pytest.raises(TooSlow, match="80"):
        values(node)
    app = catalog.app()
    answer = get(app, "/zarr/v3/x/c/0/0")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    hdf5(catalog.outside / "f.h5", np.zeros((80, 40), "i4"))
    assert get(app, "/zarr/v3/x/c/0/0").status == 200


def test_data_that_will_not_come_any_more_are_422(catalog: Written) -> None:
    node = ahead(catalog, (80, 40))
    settled(catalog.outside)
    with pytest.raises((Unprocessable, Changed)):
        values(node)
    assert get(catalog.app(), "/zarr/v3/x/c/0/0").status == 422


def test_data_of_another_shape_are_422(catalog: Written) -> None:
    with pytest.raises(Unprocessable):
        values(ahead(catalog, (60, 41)))
    assert get(catalog.app(), "/zarr/v3/x/c/0/0").status == 422


def test_a_missing_file_harms_only_its_node(catalog: Written, root: Group) -> None:
    catalog.client.write_array(IMAGE, key="good")
    hdf5(catalog.outside / "f.h5", IMAGE)
    external(catalog, "gone", catalog.outside / "f.h5", "application/x-hdf5", IMAGE, dataset="d")
    (catalog.outside / "f.h5").unlink()
    app = catalog.app()
    assert get(app, "/zarr/v3/gone/c/0/0").status == 500
    assert get(app, "/zarr/v3/gone/zarr.json").status == 500
    assert get(app, "/zarr/v3/good/c/0/0").status == 200
    assert b"is missing" in get(app, "/zarr/v3/zarr.json").body
