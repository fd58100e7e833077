"""Every adapter opens its files behind the fence.

Files, chunk files and documents are tried as links to the inside, links to the outside, and named
pipes. A link to the outside leads to a good file of the same kind with other values, so an adapter
that follows the link serves these values.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blosc2
import h5py
import numcodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr
from PIL import Image

from asgi import ask
from tiled_zarr.adapters import file_adapter
from tiled_zarr.adapters.common import snapshot
from tiled_zarr.adapters.common.fences import Fence
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Damaged, Node
from tiled_zarr.settings import Settings
from tiled_zarr.testing import outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60), pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")]
GOOD = np.arange(64 * 64, dtype="u1").reshape(64, 64)
SECRET = 255 - GOOD


def save_csv(path: Path, data: np.ndarray[Any, Any]) -> None:
    text = "a\n" + "\n".join(map(str, data.ravel().tolist()))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def save_hdf5(path: Path, data: np.ndarray[Any, Any]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=data, chunks=(32, 32), compression="gzip")


FILES: dict[str, Callable[[Path, np.ndarray[Any, Any]], object]] = {
    "x.npy": np.save,
    "fortran.npy": lambda path, data: np.save(path, np.asfortranarray(data)),
    "x.npz": lambda path, data: np.savez(path, a=data),
    "deflated.npz": lambda path, data: np.savez_compressed(path, a=data),
    "x.csv": save_csv,
    "x.csv.gz": save_csv,
    "x.parquet": lambda path, data: pq.write_table(pa.table({"a": data.ravel()}), path),
    "x.png": lambda path, data: Image.fromarray(data).save(path),
    "x.jpg": lambda path, data: Image.fromarray(data).save(path, quality=100),
    "x.tif": tifffile.imwrite,
    "tiled.tif": lambda path, data: tifffile.imwrite(path, data, tile=(16, 16), compression="zlib"),
    "stack.tif": lambda path, data: tifffile.imwrite(path, np.stack([data] * 3), photometric="minisblack", compression="zlib"),
    "x.ome.tif": lambda path, data: tifffile.imwrite(path, data, ome=True),
    "x.h5": save_hdf5,
    "x.b2nd": lambda path, data: blosc2.asarray(data, urlpath=str(path), mode="w", chunks=(32, 32)),
}


def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The folder that is served and one beside it."""
    served, outside = tmp_path / "served", tmp_path / "outside"
    (served / "kept").mkdir(parents=True)
    outside.mkdir()
    return served, outside


def items(node: Node) -> np.ndarray[Any, Any]:
    """The values of an array, or of the array `a` of a group or table."""
    array = node if isinstance(node, Array) else node.children["a"]
    assert isinstance(array, Array)
    return np.asarray(array.read(tuple(slice(0, size) for size in array.shape)))


def about(data: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> bool:
    """Whether values are those of the truth; JPEG is not exact."""
    first = data.reshape(-1, truth.size)[0] if data.size % truth.size == 0 else data.ravel()
    return bool(first.size == truth.size and np.abs(first.astype("i4") - truth.ravel()).mean() < 4)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_a_link_inside(tmp_path: Path, file: str) -> None:
    served, _ = folders(tmp_path)
    FILES[file](served / "kept" / file, GOOD)
    (served / file).symlink_to(f"kept/{file}")
    name = file.partition(".")[0]
    assert about(items(open_directory(served).children[name]), GOOD)


@pytest.mark.parametrize("kind", ["out", "pipe"])
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_not_opened(tmp_path: Path, file: str, kind: str) -> None:
    """The folder names it; the adapter itself refuses it too, for files to which files lead."""
    served, outside = folders(tmp_path)
    FILES[file](outside / file, SECRET)
    np.save(served / "good.npy", GOOD)
    path = served / file
    if kind == "out":
        path.symlink_to(f"../outside/{file}")
    else:
        os.mkfifo(path)
    reason = {"out": "a link out of the folder that is served", "pipe": "a named pipe"}[kind]
    group = open_directory(served)
    name = file.partition(".")[0]
    assert list(group.children) == ["good", "kept"]
    assert group.unavailable()[name].startswith(reason)
    with pytest.raises(Damaged, match=reason):
        group.children[name]
    adapter = file_adapter(path)
    assert adapter is not None
    with Fence.of(served).in_force(), pytest.raises(Damaged, match=reason):
        adapter(path)


@pytest.mark.parametrize("file", [file for file in FILES if not file.endswith(".h5")])
def test_a_file_that_becomes_a_link_out_after_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """It is refused even if nothing shows a change: the test keeps its revision the same."""
    served, outside = folders(tmp_path)
    FILES[file](served / file, GOOD)
    FILES[file](outside / file, SECRET)
    with Fence.of(served).in_force():
        adapter = file_adapter(served / file)
        assert adapter is not None
        node = adapter(served / file)
        array = node if isinstance(node, Array) else node.children["a"]
    (served / file).unlink()
    (served / file).symlink_to(f"../outside/{file}")
    monkeypatch.setattr(snapshot.Snapshot, "check", lambda *_: None)
    found = outcome(lambda: items(array))
    assert isinstance(found, Damaged) or (isinstance(found, np.ndarray) and file.endswith((".csv", ".csv.gz")) and about(found, GOOD))


@dataclass(frozen=True)
class Store:
    """A store: what makes one of the values, and its files: chunks, documents."""

    make: Callable[[Path, np.ndarray[Any, Any]], object]
    chunk: str
    documents: tuple[str, ...]


def zarr_array(**options: Any) -> Callable[[Path, np.ndarray[Any, Any]], object]:
    return lambda path, data: zarr.create_array(path, data=data, **{"chunks": (32, 32), **options})


def texts(path: Path, data: np.ndarray[Any, Any]) -> None:
    """An array that zarr-python reads."""
    array = zarr.create_array(path, shape=(64,), chunks=(16,), dtype="i4", zarr_format=2, filters=[numcodecs.Delta("<i4")])
    array[...] = data[0]


V2, V3 = (".zarray", ".zattrs"), ("zarr.json",)
STORES = {
    "v2": Store(zarr_array(zarr_format=2, attributes={"a": 1}), "0.0", V2),
    "v2_slashes": Store(zarr_array(zarr_format=2, attributes={"a": 1}, chunk_key_encoding={"name": "v2", "separator": "/"}), "0/0", V2),
    "v2_raw": Store(zarr_array(zarr_format=2, attributes={"a": 1}, compressors=None), "0.0", V2),
    "v2_by_zarr_python": Store(texts, "0", (".zarray",)),
    "v3": Store(zarr_array(), "c/0/0", V3),
    "v3_raw": Store(zarr_array(compressors=None), "c/0/0", V3),
    "v3_dots": Store(zarr_array(chunk_key_encoding={"name": "default", "separator": "."}), "c.0.0", V3),
    "v3_shards": Store(zarr_array(chunks=(16, 16), shards=(32, 32)), "c/0/0", V3),
    "v3_raw_shards": Store(zarr_array(chunks=(16, 16), shards=(32, 32), compressors=None), "c/0/0", V3),
    "v3_big_endian": Store(
        lambda path, data: zarr_array(serializer=zarr.codecs.BytesCodec(endian="big"))(path, data.astype("i4")), "c/0/0", V3
    ),
    "b2nd": Store(
        lambda path, data: blosc2.asarray(data, urlpath=str(path), mode="w", chunks=(32, 32), contiguous=False),
        "00000000.chunk",
        ("chunks.b2frame",),
    ),
}
FOLDERS = ["v2_slashes", "v3", "v3_raw", "v3_shards", "v3_big_endian"]
"""Stores whose chunks lie in folders."""


def link_in(path: Path, twin: Path, kept: Path) -> None:
    kept.mkdir(exist_ok=True)
    shutil.move(path, kept / "moved")
    path.symlink_to(kept / "moved")


def link_out(path: Path, twin: Path, kept: Path) -> None:
    remove(path)
    path.symlink_to(twin)


def pipe(path: Path, twin: Path, kept: Path) -> None:
    remove(path)
    os.mkfifo(path)


def dangling(path: Path, twin: Path, kept: Path) -> None:
    remove(path)
    path.symlink_to("nowhere")


def circle(path: Path, twin: Path, kept: Path) -> None:
    remove(path)
    path.symlink_to(path.name)


def folder(path: Path, twin: Path, kept: Path) -> None:
    remove(path)
    path.mkdir()


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


SWAPS = {"out": link_out, "pipe": pipe, "dangling": dangling, "circle": circle}


@dataclass(frozen=True)
class Served:
    """A folder with a store `s` and another one with secrets outside."""

    root: Path
    store: Path
    twin: Path

    def swap(self, name: str, swap: Callable[[Path, Path, Path], None]) -> None:
        swap(self.store / name, self.twin / name, self.root / "kept")


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Served:
    store = STORES[request.param]
    root, outside = folders(tmp_path)
    store.make(root / "s", GOOD)
    store.make(outside / "s", SECRET)
    np.save(root / "good.npy", GOOD)
    return Served(root, root / "s", outside / "s")


def values(root: Path) -> np.ndarray[Any, Any]:
    return items(open_directory(root).children["s"])


def expected(name: str) -> np.ndarray[Any, Any]:
    return GOOD[0] if name == "v2_by_zarr_python" else GOOD


PAIRS = [(name, name) for name in STORES]


@pytest.mark.parametrize(("served", "name"), PAIRS, indirect=["served"], ids=STORES)
def test_chunks_and_documents_that_are_links_inside(served: Served, name: str) -> None:
    for file in (STORES[name].chunk, *STORES[name].documents):
        served.swap(file, link_in)
        moved = served.root / "kept" / "moved"
        moved.rename(moved.with_name(file.replace("/", "_")))
        (served.store / file).unlink()
        (served.store / file).symlink_to(moved.with_name(file.replace("/", "_")))
    np.testing.assert_array_equal(values(served.root), expected(name))


@pytest.mark.parametrize("swap", [*SWAPS.values(), folder], ids=[*SWAPS, "folder"])
@pytest.mark.parametrize(("served", "name"), PAIRS, indirect=["served"], ids=STORES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_chunk_file_that_is_not_opened(served: Served, name: str, swap: Callable[[Path, Path, Path], None], when: str) -> None:
    """The array stays and reading the chunk raises, whether or not the array was read before."""
    group = open_directory(served.root)
    if when == "after":
        np.testing.assert_array_equal(items(group.children["s"]), expected(name))
    served.swap(STORES[name].chunk, swap)
    node = outcome(lambda: group.children["s"])
    found = outcome(lambda: items(group.children["s"]))
    assert isinstance(found, OSError | RuntimeError), found
    assert not isinstance(found, FileNotFoundError | KeyError)
    if name != "b2nd":
        assert isinstance(node, Array)
        stored = None if node.source.stored is None else outcome(lambda: node.source.stored.read((0,) * len(node.shape)))
        assert stored is None or isinstance(stored, OSError)
        rest = node.read((slice(32, 64),) * len(node.shape))
        np.testing.assert_array_equal(rest, expected(name)[(slice(32, 64),) * len(node.shape)])
    check_keys(served, group, len(expected(name).shape))


def check_keys(served: Served, group: Any, ndim: int) -> None:
    """Over HTTP the chunk is 5xx in both formats, and its neighbours are served.

    The answer reveals nothing of the server's folders.
    """
    app = create_app(group, Settings(public=True, codec="none"))
    index = ["0"] * ndim
    for key in (f"/zarr/v2/s/{'.'.join(index)}", f"/zarr/v3/s/c/{'/'.join(index)}"):
        answer = ask(app, key)
        assert answer.status >= 500, (key, answer.body[:100])
        assert str(served.root).encode() not in answer.body
        assert str(served.twin).encode() not in answer.body
    assert ask(app, "/zarr/v3/good/c/0/0").body == GOOD.tobytes()
    assert ask(app, "/zarr/v3/zarr.json").status == 200


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
@pytest.mark.parametrize(("served", "name"), PAIRS, indirect=["served"], ids=STORES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_document_that_is_not_opened(served: Served, name: str, swap: Callable[[Path, Path, Path], None], when: str) -> None:
    """The store is no child, is named with a reason, and its own keys are 5xx.

    It is never an empty group or zeros.
    """
    for document in STORES[name].documents:
        shutil.rmtree(served.store)
        STORES[name].make(served.store, GOOD)
        group = open_directory(served.root)
        if when == "after":
            assert isinstance(group.children["s"], Array)
        served.swap(document, swap)
        check_keys(served, group, len(expected(name).shape))
        app = create_app(group, Settings(public=True))
        for key in ("/zarr/v3/s/zarr.json", "/zarr/v2/s/.zarray"):
            assert ask(app, key).status >= 500, (document, key)
        content = json.loads(ask(app, "/zarr/v3/zarr.json").body)
        assert content["attributes"]["tiled_zarr"]["unavailable"]["s"]
        assert set(content["consolidated_metadata"]["metadata"]) == {"good", "kept"}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
@pytest.mark.parametrize(("served", "name"), [(name, name) for name in FOLDERS], indirect=["served"], ids=FOLDERS)
def test_a_folder_of_chunks_that_is_not_opened(served: Served, name: str, swap: Callable[[Path, Path, Path], None]) -> None:
    served.swap(STORES[name].chunk.rpartition("/")[0], swap)
    found = outcome(lambda: values(served.root))
    assert isinstance(found, OSError), found
    assert not isinstance(found, FileNotFoundError)
    check_keys(served, open_directory(served.root), 2)


@pytest.mark.parametrize("version", [2, 3])
def test_a_member_of_a_group_whose_document_leads_out(tmp_path: Path, version: int) -> None:
    root, outside = folders(tmp_path)
    for path, data in ((root / "g.zarr", GOOD), (outside / "g.zarr", SECRET)):
        group = zarr.create_group(path, zarr_format=version)
        group.create_array("a", data=data)
        group.create_array("b", data=data)
    document = "a/zarr.json" if version == 3 else "a/.zarray"
    link_out(root / "g.zarr" / document, outside / "g.zarr" / document, root)
    app = create_app(open_directory(root), Settings(public=True, codec="none"))
    assert ask(app, "/zarr/v3/g/a/zarr.json").status >= 500
    assert ask(app, "/zarr/v3/g/a/c/0/0").status >= 500
    chunk_shape = json.loads(ask(app, "/zarr/v3/g/b/zarr.json").body)["chunk_grid"]["configuration"]["chunk_shape"]
    block = np.frombuffer(ask(app, "/zarr/v3/g/b/c/0/0").body, GOOD.dtype).reshape(chunk_shape)
    rows, columns = GOOD.shape
    assert (block[:rows, :columns] == GOOD).all()
    assert "a" in json.loads(ask(app, "/zarr/v3/g/zarr.json").body)["attributes"]["tiled_zarr"]["unavailable"]


@pytest.mark.parametrize("version", [2, 3])
def test_a_group_whose_document_leads_out(tmp_path: Path, version: int) -> None:
    root, outside = folders(tmp_path)
    for path in (root / "g.zarr", outside / "g.zarr"):
        zarr.create_group(path, zarr_format=version, attributes={"secret": "yes"}).create_array("a", data=GOOD)
    document = "zarr.json" if version == 3 else ".zattrs"
    link_out(root / "g.zarr" / document, outside / "g.zarr" / document, root)
    app = create_app(open_directory(root), Settings(public=True))
    assert ask(app, "/zarr/v3/g/zarr.json").status >= 500
    assert ask(app, "/zarr/v3/g/a/c/0/0").status >= 500
    body = ask(app, "/zarr/v3/zarr.json").body
    assert b"secret" not in body
    assert "g" in json.loads(body)["attributes"]["tiled_zarr"]["unavailable"]
