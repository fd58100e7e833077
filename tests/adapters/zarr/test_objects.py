"""Arrays and groups of zarr-python in any store. Truths are what was written, read by zarr-python."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import fsspec
import numpy as np
import obstore.store
import pytest
import zarr
from zarr.abc.store import SuffixByteRequest
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, WrapperStore, ZipStore

from tiled_zarr.adapters.registry import adapt
from tiled_zarr.adapters.zarr import values
from tiled_zarr.grid import Grid
from tiled_zarr.nodes import Array, Damaged, Group, Unavailable
from tiled_zarr.testing import ARRAYS, Contract, whole

pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently"),
]
WIDE = np.arange(150 * 200, dtype="<i4").reshape(150, 200)
KINDS = ("numbers_<i2", "empty_axis", "bytes", "times")
TEXTS = np.array(["", "ä", "日本"], object)


def in_memory(_: Path) -> MemoryStore:
    return MemoryStore()


def in_a_zip(folder: Path) -> ZipStore:
    return ZipStore(folder / "a.zip", mode="w")


def in_fsspec(folder: Path) -> FsspecStore:
    return FsspecStore.from_url(f"file://{folder}/fsspec", storage_options={"auto_mkdir": True})


def in_obstore(folder: Path) -> ObjectStore:
    (folder / "objects").mkdir(exist_ok=True)
    return ObjectStore(obstore.store.LocalStore(folder / "objects"))


def wrapped(_: Path) -> WrapperStore:
    return WrapperStore(MemoryStore())


def in_a_folder(folder: Path) -> LocalStore:
    return LocalStore(folder / "local")


STORES = {make.__name__: make for make in (in_memory, in_a_zip, in_fsspec, in_obstore, wrapped, in_a_folder)}


def hierarchy(make, version: int):
    """Types, shapes of chunks and groups."""

    def case(folder: Path):
        root = zarr.create_group(make(folder), zarr_format=version)
        truth = {name: ARRAYS[name] for name in KINDS}
        for name, array in truth.items():
            root.create_array(name, data=array, chunks=tuple(max(1, size // 2) for size in array.shape))
        root.create_group("group").create_array("wide", data=WIDE, chunks=(64, 50))
        root.create_array("texts", shape=(3,), chunks=(2,), dtype=str)[:] = TEXTS
        root.create_array("scalar", shape=(), dtype="f8")[...] = 3.5
        root.create_array("unwritten", shape=(4, 5), chunks=(2, 2), dtype="i2", fill_value=7)
        own = {"group": {"wide": WIDE}, "scalar": np.array(3.5), "texts": TEXTS, "unwritten": np.full((4, 5), 7, "i2")}
        return adapt(root), dict(sorted({**truth, **own}.items()))

    return case


def sharded(folder: Path, where: str = "end"):
    array = zarr.create_array(in_obstore(folder), data=WIDE, chunks=(25, 50), shards={"shape": (50, 100), "index_location": where})
    return adapt(array), WIDE


CASES = {f"{name}_v3": hierarchy(make, 3) for name, make in STORES.items()} | {"in_memory_v2": hierarchy(in_memory, 2)}
SHARDS = {"sharded": sharded, "sharded_index_first": lambda folder: sharded(folder, "start")}


QUICK = ("in_memory_v3", "sharded")


class TestObjects(Contract, cases={name: case for name, case in (CASES | SHARDS).items() if name in QUICK}): ...


@pytest.mark.slow
class TestOtherStores(Contract, cases={name: case for name, case in (CASES | SHARDS).items() if name not in QUICK}): ...


@pytest.mark.parametrize("version", [2, 3])
def test_metadata_is_that_of_the_folder(tmp_path, version):
    names = {"dimension_names": ["y", "x"]} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["y", "x"]}}
    nodes = []
    for store in (MemoryStore(), LocalStore(tmp_path / "a.zarr")):
        root = zarr.create_group(store, zarr_format=version, attributes={"title": "both"})
        array = root.create_array("a", shape=(4, 5), chunks=(2, 5), dtype="i2", fill_value=-1, **names)
        array.attrs["unit"] = "counts"
        nodes.append(adapt(root))
    held, folder = nodes
    assert held.attributes == folder.attributes == {"title": "both"}
    a, b = held.children["a"], folder.children["a"]
    assert (a.attributes, a.dimension_names, a.mark, a.chunks, a.maxshape) == (
        b.attributes,
        b.dimension_names,
        b.mark,
        b.chunks,
        b.maxshape,
    )
    assert a.dimension_names == ("y", "x")
    assert a.attributes["unit"] == "counts"


@pytest.mark.parametrize("make", STORES.values(), ids=STORES.keys())
def test_stored_chunks_are_sent_as_they_are(tmp_path, make):
    store = make(tmp_path)
    node = adapt(zarr.create_array(store, data=WIDE, chunks=(64, 50), name="a"))
    bodies = {index: node.source.stored.read(index) for index in Grid(node.shape, node.chunks)}
    assert len(bodies) == 12
    for index, body in bodies.items():
        assert body == values.Values(store).get("a/c/{}/{}".format(*index))


def test_folders_and_object_stores_have_revisions_and_other_stores_have_none(tmp_path):
    region = (slice(0, 10), slice(0, 10))
    held = adapt(zarr.create_array(MemoryStore(), data=WIDE, chunks=(64, 50)))
    folder = adapt(zarr.create_array(LocalStore(tmp_path / "a.zarr"), data=WIDE, chunks=(64, 50)))
    for path in (tmp_path / "a.zarr").rglob("*"):
        os.utime(path, (1, 1))
    assert held.revision(region) is None
    assert adapt(zarr.open_array(tmp_path / "a.zarr", mode="r")).revision(region) is not None
    assert folder.blocking
    assert held.blocking
    array = zarr.create_array(ObjectStore(obstore.store.MemoryStore()), data=WIDE, chunks=(64, 50))
    objects = adapt(array)
    look = objects.revision.look
    assert look is not None
    look.renew(region, True)
    before = objects.revision(region)
    assert before is not None
    array[0, 0] = 5
    elsewhere = adapt(array)
    elsewhere.revision.look.renew(region, False)
    assert elsewhere.revision(region) not in (None, before)


class Counting(WrapperStore):
    """Counts the reads of indexes, and of ranges, by key."""

    def __init__(self, store):
        super().__init__(store)
        self.indexes, self.ranges = Counter(), Counter()

    async def get(self, key, prototype, byte_range=None):
        if byte_range is not None:
            (self.indexes if isinstance(byte_range, SuffixByteRequest) else self.ranges)[key] += 1
        return await super().get(key, prototype, byte_range)


def test_an_index_is_read_once_before_the_chunks_of_a_shard_and_after_each(monkeypatch):
    monkeypatch.setattr(values, "LIFE", 3600.0)
    store = Counting(MemoryStore())
    node = adapt(zarr.create_array(store, data=WIDE, chunks=(25, 50), shards=(50, 100)))
    grid = Grid(node.shape, node.chunks)
    assert all(node.source.stored.read(index) is not None for index in grid)
    np.testing.assert_array_equal(whole(node), WIDE)
    assert store.indexes == {f"c/{y}/{x}": 1 + 8 for y in range(3) for x in range(2)}
    assert set(store.ranges.values()) == {8}  # each of 4 chunks, stored and decoded


@pytest.mark.parametrize("compressors", ["auto", None], ids=["compressed", "plain"])
@pytest.mark.parametrize("make", [MemoryStore, lambda: ObjectStore(obstore.store.MemoryStore())], ids=["wrapped", "obstore"])
def test_a_shard_that_was_rewritten(monkeypatch, compressors, make):
    """Its chunks then lie elsewhere, since the first one is missing."""
    monkeypatch.setattr(values, "LIFE", 3600.0)
    store = make()
    store = WrapperStore(store) if isinstance(store, MemoryStore) else store
    array = zarr.create_array(store, data=WIDE, chunks=(25, 50), shards=(50, 100), compressors=compressors)
    node = adapt(array)
    np.testing.assert_array_equal(whole(node), WIDE)
    fewer = np.random.default_rng(1).integers(1, 2**31, WIDE.shape, "i4")
    fewer[:25, :50] = 0
    array[:] = fewer
    for index in [(0, 1), (1, 0), (1, 1)]:  # none of them is where it was
        region = tuple(slice(i * size, (i + 1) * size) for i, size in zip(index, (25, 50), strict=True))
        np.testing.assert_array_equal(node.read(region), fewer[region])


def test_members_come_grow_and_go():
    root = zarr.create_group(MemoryStore())
    node = adapt(root)
    assert list(node.children) == []
    array = root.create_array("a", data=WIDE, chunks=(64, 50))
    assert list(node.children) == ["a"]
    first = node.children["a"]
    assert node.children["a"] is first
    array.append(WIDE)
    assert node.children["a"].shape == (300, 200)
    del root["a"]
    assert list(node.children) == []
    with pytest.raises(KeyError):
        node.children["a"]


def test_documents_are_trusted_for_a_while(monkeypatch):
    moments = [1]
    monkeypatch.setattr(values.Values, "moment", lambda _: moments[-1])
    root = zarr.create_group(WrapperStore(MemoryStore()))
    array = root.create_array("a", data=WIDE, chunks=(64, 50))
    node = adapt(root)
    assert node.children["a"].shape == (150, 200)
    array.append(WIDE)
    assert node.children["a"].shape == (150, 200)
    moments.append(2)
    assert node.children["a"].shape == (300, 200)


@pytest.mark.parametrize("version", [2, 3])
def test_consolidated_members_need_no_listing(version):
    store = MemoryStore()
    zarr.create_group(store, zarr_format=version).create_group("g").create_array("a", data=WIDE, chunks=(64, 50))
    zarr.consolidate_metadata(store)
    node = adapt(zarr.open_consolidated(store))
    assert list(node.children) == ["g"]
    assert list(node.children["g"].children) == ["a"]
    np.testing.assert_array_equal(whole(node.children["g"].children["a"]), WIDE)
    with pytest.raises(KeyError):
        node.children["g"].children["b"]


def test_stores_themselves():
    store = MemoryStore()
    zarr.create_array(store, data=WIDE)
    assert adapt(store).shape == WIDE.shape
    with pytest.raises((Damaged, FileNotFoundError)):
        adapt(MemoryStore())


def test_references_of_kerchunk(tmp_path):
    (tmp_path / "raw").write_bytes(b"head" + WIDE.tobytes())
    document = (
        '{"zarr_format":2,"shape":[150,200],"chunks":[75,200],"dtype":"<i4","compressor":null,"fill_value":null,"order":"C","filters":null}'
    )
    raw = f"file://{tmp_path}/raw"
    references = {".zgroup": '{"zarr_format":2}', "a/.zarray": document, "a/0.0": [raw, 4, 60000], "a/1.0": [raw, 60004, 60000]}
    files = fsspec.filesystem("reference", fo=references, remote_protocol="file", asynchronous=True, remote_options={"asynchronous": False})
    node = adapt(zarr.open_group(FsspecStore(files, read_only=True), mode="r", zarr_format=2))
    array = node.children["a"]
    np.testing.assert_array_equal(whole(array), WIDE)
    assert array.source.stored.read((1, 0)) == WIDE[75:].tobytes()


def damaged(name: str, content: bytes):
    store = MemoryStore()
    root = zarr.create_group(store)
    root.create_array("bad", data=WIDE, chunks=(50, 100), shards=(100, 200) if "shard" in name else None)
    root.create_array("good", data=WIDE)
    key = "bad/zarr.json" if name == "document" else "bad/c/0/0"
    store._store_dict[key] = store._store_dict[key].from_bytes(content)
    return adapt(root)


DAMAGES = {"document": b"{", "chunk": b"x", "long chunk": b"x" * 10**6, "shard": b"x" * 2000, "short shard": b"x"}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_harms_its_own_keys_alone(name):
    node = damaged(name, DAMAGES[name])
    assert isinstance(node, Group)
    assert list(node.children) == ["bad", "good"]
    with pytest.raises(Damaged):
        whole(node.children["bad"])
    np.testing.assert_array_equal(whole(node.children["good"]), WIDE)


class Failing(WrapperStore):
    """A store whose library fails at chunks, with an address in its text."""

    async def get(self, key, prototype, byte_range=None):
        if key.startswith("c/"):
            raise RuntimeError("https://bucket/?signature=secret")
        return await super().get(key, prototype, byte_range)


@pytest.mark.parametrize("kind", ["i4", str])
def test_a_store_that_fails_is_an_error_without_its_text(kind):
    node = adapt(zarr.create_array(Failing(MemoryStore()), shape=(4,), dtype=kind))
    with pytest.raises(Damaged) as raised:
        whole(node)
    assert "secret" not in str(raised.value)


def test_documents_of_any_size_are_not_read(monkeypatch):
    monkeypatch.setattr(values, "LARGEST_DOCUMENT", 1000)
    store = MemoryStore()
    root = zarr.create_group(store)
    root.create_array("a", data=WIDE, attributes={"long": "x" * 1000})
    with pytest.raises(Damaged, match="at most 1000 are expected"):
        adapt(root).children["a"]


def test_an_array_that_is_gone_is_no_array_of_zeros():
    store = MemoryStore()
    node = adapt(zarr.create_array(store, data=WIDE, chunks=(64, 50)))
    store._store_dict.clear()
    assert isinstance(node, Array)
    with pytest.raises(FileNotFoundError):
        node.source.stored.read((0, 0))
    with pytest.raises(FileNotFoundError):
        whole(node)


def test_codecs_that_run_code_are_refused():
    store = MemoryStore()
    root = zarr.create_group(store, zarr_format=2)
    root.create_array("a", data=WIDE)
    document = store._store_dict["a/.zarray"]
    store._store_dict["a/.zarray"] = document.from_bytes(document.to_bytes().replace(b'"filters": null', b'"filters": [{"id": "pickle"}]'))
    with pytest.raises(Unavailable, match="pickle"):
        adapt(root).children["a"]
