"""A client that holds an array open is told that it has gone: 410, since it takes 404 for zeros."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import FsspecStore

import live
from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings

DATA = np.arange(1, 300 * 300 + 1, dtype="<u2").reshape(300, 300)
CHUNKS = ["/zarr/v3/g/a/c/0/0", "/zarr/v2/g/a/0.0", "/ome-zarr/0.4/g/a/0/0/0", "/ome-zarr/0.5/g/a/0/c/0/0"]
DOCUMENTS = ["/zarr/v3/g/a/zarr.json", "/zarr/v2/g/a/.zarray", "/ome-zarr/0.4/g/a/0/.zarray", "/ome-zarr/0.5/g/a/0/zarr.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "g").mkdir(parents=True)
    np.save(tmp_path / "data" / "g" / "a.npy", DATA)
    np.save(tmp_path / "data" / "g" / "other.npy", DATA)
    return tmp_path / "data"


@pytest.fixture
def app(folder: Path) -> Any:
    return create_app(open_directory(folder), Settings(public=True))


def replaced_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder / "g")
    np.save(folder / "g.npy", DATA)


def replaced_by_a_group(folder: Path) -> None:
    (folder / "g" / "a.npy").unlink()
    (folder / "g" / "a").mkdir()


def replaced_by_objects(folder: Path) -> None:
    np.save(folder / "g" / "a.npy", np.array([{}, [1]], object), allow_pickle=True)


def replaced_by_another_number_of_axes(folder: Path) -> None:
    np.save(folder / "g" / "a.npy", DATA[0])


GONE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda folder: (folder / "g" / "a.npy").unlink(),
    "renamed": lambda folder: (folder / "g" / "a.npy").rename(folder / "g" / "b.npy"),
    "parent_deleted": lambda folder: shutil.rmtree(folder / "g"),
    "parent_renamed": lambda folder: (folder / "g").rename(folder / "h"),
    "parent_is_a_file": replaced_by_a_file,
    "is_a_group": replaced_by_a_group,
    "is_objects": replaced_by_objects,
    "has_other_axes": replaced_by_another_number_of_axes,
}


@pytest.mark.parametrize("go", GONE.values(), ids=GONE)
def test_chunks_of_an_array_that_has_gone(folder: Path, app: Any, go: Callable[[Path], object]) -> None:
    assert [ask(app, path).status for path in (*DOCUMENTS, *CHUNKS)] == [200] * 8
    go(folder)
    for path in CHUNKS:
        for method in ("GET", "HEAD"):
            assert ask(app, path, method).status == 410, path
        assert ask(app, path, headers={"if-none-match": "*"}).status == 410
    assert b"has gone or has become smaller; open it again" in ask(app, CHUNKS[0]).body


@pytest.mark.parametrize("go", ["deleted", "renamed", "parent_deleted", "is_objects"])
def test_documents_of_it_are_absent(folder: Path, app: Any, go: str) -> None:
    assert [ask(app, path).status for path in (*DOCUMENTS, *CHUNKS)] == [200] * 8
    GONE[go](folder)
    assert [ask(app, path).status for path in DOCUMENTS] == [404] * 4


def test_one_document_is_promise_enough(folder: Path, app: Any) -> None:
    """The consolidated metadata of the root alone, from which zarr-python opens every array."""
    assert ask(app, "/zarr/v3/zarr.json").status == 200
    assert ask(app, "/zarr/v2/.zmetadata").status == 200
    shutil.rmtree(folder / "g")
    assert [ask(app, path).status for path in CHUNKS[:2]] == [410, 410]


def test_what_was_never_known_is_absent(folder: Path, app: Any) -> None:
    (folder / "g" / "a.npy").unlink()
    paths = [*CHUNKS, *DOCUMENTS, "/zarr/v3/c/0/0", "/zarr/v3/g/c/0", "/zarr/v2/0.0"]
    assert {ask(app, path).status for path in paths} == {404}


def test_only_its_own_chunks_are_gone(folder: Path, app: Any) -> None:
    for path in (*DOCUMENTS, *CHUNKS):
        ask(app, path)
    (folder / "g" / "a.npy").unlink()
    absent = ["c/0", "c/0/0/0", "c/1/0", "c/00/0", "c/+0/0", "c/0/x", "0.0", "c", "", "zarr.json", "b/c/0/0"]
    assert {path: ask(app, f"/zarr/v3/g/a/{path}").status for path in absent} == dict.fromkeys(absent, 404)
    assert ask(app, "/zarr/v3/g/other/c/0/0").status == 200


def test_what_comes_back_is_there_again(folder: Path, app: Any) -> None:
    before = ask(app, CHUNKS[0]).body
    (folder / "g" / "a.npy").unlink()
    assert ask(app, CHUNKS[0]).status == 410
    np.save(folder / "g" / "a.npy", DATA)
    assert ask(app, CHUNKS[0]).body == before
    assert [ask(app, path).status for path in DOCUMENTS] == [200] * 4


def test_chunks_that_an_array_has_lost(folder: Path) -> None:
    """It has become smaller: to a client with the old document the rest would be zeros."""
    app = create_app(open_directory(folder), Settings(public=True, chunk_shape=(100, 100)))
    assert ask(app, "/zarr/v3/g/a/zarr.json").status == 200
    np.save(folder / "g" / "a.npy", DATA[:150])
    statuses = {place: ask(app, f"/zarr/v3/g/a/c/{place}").status for place in ("0/0", "1/2", "2/2", "3/0", "0/3")}
    assert statuses == {"0/0": 200, "1/2": 200, "2/2": 410, "3/0": 404, "0/3": 404}


def test_a_parent_that_cannot_be_read_is_a_failure(make: Callable[..., Any]) -> None:
    array = Array(shape=DATA.shape, dtype=DATA.dtype, read=lambda region: DATA[region], revision=lambda: "r1", blocking=False)

    class Children(dict[str, Group]):
        broken = False

        def __getitem__(self, name: str) -> Group:
            if self.broken:
                raise OSError(5, "Input/output error")
            return super().__getitem__(name)

    children = Children(g=Group(children={"a": array}))
    app = make(Group(children=children))
    assert ask(app, CHUNKS[0]).status == 200
    children.broken = True
    assert ask(app, CHUNKS[0]).status == 500
    children.broken = False
    children.pop("g")
    assert ask(app, CHUNKS[0]).status == 410


def test_a_damaged_file_is_a_failure_with_its_reason(folder: Path, app: Any) -> None:
    (folder / "g" / "t.parquet").write_bytes(b"not found")
    for path in ("/zarr/v3/g/t/zarr.json", "/zarr/v3/g/t/x/c/0", "/zarr/v2/g/t/.zgroup", "/zarr/v2/g/t/x/0", "/zarr/v3/g/t"):
        answer = ask(app, path)
        assert (answer.status, b"'t.parquet' cannot be read as a Parquet file" in answer.body) == (500, True), path
    document = json.loads(ask(app, "/zarr/v3/g/zarr.json").body)
    assert "'t.parquet' cannot be read" in document["attributes"]["tiled_zarr"]["unavailable"]["t"]
    assert set(document["consolidated_metadata"]["metadata"]) == {"a", "other"}


@pytest.mark.slow
@pytest.mark.parametrize("version", [2, 3])
def test_zarr_python_raises_over_the_wire(folder: Path, version: int) -> None:
    with live.live("directory", folder, "--public") as server:
        store = FsspecStore.from_url(f"{server.url}/zarr/v{version}", read_only=True)
        root = zarr.open_group(store, mode="r", zarr_format=version)
        array = root["g/a"]
        assert (array[...] == DATA).all()
        (folder / "g" / "a.npy").unlink()
        with pytest.raises(Exception, match="410"):
            array[...]
        np.save(folder / "g" / "a.npy", DATA)
        assert (array[...] == DATA).all()
