"""`tiled_zarr.store`: zarr-python, xarray and dask read a source in process, as over HTTP."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import dask.array
import h5py
import numpy as np
import pytest
import xarray
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

import asgi
import tiled_zarr
from tiled_zarr import Array, Group
from tiled_zarr.assembly import create_app
from tiled_zarr.nodes import Changed, TooLarge
from tiled_zarr.settings import Settings

PROTOTYPE = default_buffer_prototype()
FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])
IMAGE = np.arange(600 * 700, dtype="u2").reshape(600, 700)
TREE = {"image": IMAGE, "below": {"a": np.arange(5.0), "text": np.array(["x", "yz"], dtype=object)}, "belower": np.array(3)}
SECONDS = 30
pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently", "ignore::zarr.errors.UnstableSpecificationWarning")


async def listed(names) -> list[str]:
    return [name async for name in names]


async def got(store, key: str, byte_range=None) -> bytes | None:
    found = await store.get(key, PROTOTYPE, byte_range)
    return None if found is None else found.to_bytes()


async def twin(store) -> MemoryStore:
    """A store of zarr-python's that holds what a store lists."""
    return MemoryStore({key: await store.get(key, PROTOTYPE) for key in await listed(store.list())})


@FORMATS
def test_zarr_xarray_and_dask_read_it(zarr_format: int):
    dataset = xarray.Dataset({"t": (("y", "x"), IMAGE / 2)}, {"x": np.arange(700)}, {"title": "waves"})
    store = tiled_zarr.store({"set": dataset, **TREE}, zarr_format)
    root = zarr.open_group(store, mode="r", zarr_format=zarr_format)
    assert sorted(root) == ["below", "belower", "image", "set"]
    np.testing.assert_array_equal(root["image"][...], IMAGE)
    assert root["below/text"][...].tolist() == ["x", "yz"]
    np.testing.assert_array_equal(dask.array.from_zarr(root["image"])[5:300:7].compute(), IMAGE[5:300:7])
    opened = xarray.open_zarr(store, group="set", zarr_format=zarr_format, consolidated=False)
    xarray.testing.assert_identical(opened.compute().drop_encoding(), dataset)


@FORMATS
def test_a_single_array_is_the_root(zarr_format: int):
    np.testing.assert_array_equal(zarr.open_array(tiled_zarr.store(IMAGE, zarr_format), mode="r")[...], IMAGE)


@FORMATS
def test_it_lists_as_a_store_that_holds_its_keys(zarr_format: int):
    async def compare() -> None:
        store = tiled_zarr.store(TREE, zarr_format)
        held = await twin(store)
        assert len(await listed(held.list())) > 10
        for prefix in ["", "below", "below/", "below/a", "below/a/", "image/c/", "image/c/1", "image/1", "nowhere", "below/nowhere/"]:
            assert sorted(await listed(store.list_prefix(prefix))) == sorted(await listed(held.list_prefix(prefix))), prefix
            assert sorted(await listed(store.list_dir(prefix))) == sorted(await listed(held.list_dir(prefix))), prefix
        for key in [*await listed(held.list()), "", "below", "nowhere", "image/c/9/9", "image/9.9", "below/c/0", "below/a/.zgroup"]:
            assert await store.exists(key) == await held.exists(key), key
            assert (await store.get(key, PROTOTYPE) is None) is (not await held.exists(key)), key

    asyncio.run(compare())


@pytest.mark.parametrize(
    "byte_range",
    [RangeByteRequest(3, 9), RangeByteRequest(3, 10**9), OffsetByteRequest(5), OffsetByteRequest(10**9), SuffixByteRequest(4)],
    ids=str,
)
def test_ranges_are_those_of_a_store_that_holds_the_bytes(byte_range):
    async def compare() -> None:
        store = tiled_zarr.store(TREE)
        held = await twin(store)
        for key in ("zarr.json", "image/c/0/0"):
            expected = await got(held, key, byte_range)
            assert await got(store, key, byte_range) == expected
            assert [
                None if part is None else part.to_bytes() for part in await store.get_partial_values(PROTOTYPE, [(key, byte_range)])
            ] == [expected]

    asyncio.run(compare())


@FORMATS
def test_the_bytes_are_those_of_the_server(zarr_format: int):
    root = tiled_zarr.open(TREE)
    assert isinstance(root, Group)
    app = create_app(root, Settings(public=True))

    async def compare() -> None:
        store = tiled_zarr.store(root, zarr_format)
        for key in await listed(store.list()):
            assert await got(store, key) == (await asgi.asked(app, f"/zarr/v{zarr_format}/{key}")).body, key

    asyncio.run(compare())


def test_a_read_that_hangs_keeps_nobody_waiting():
    """The event loop of zarr-python is the same for all stores."""
    begun, free = threading.Event(), threading.Event()

    def read(region):
        begun.set()
        assert free.wait(SECONDS)
        return IMAGE[region]

    async def compare() -> None:
        store = tiled_zarr.store({"slow": Array(shape=IMAGE.shape, dtype=IMAGE.dtype, read=read), "fast": IMAGE})
        slow = asyncio.ensure_future(got(store, "slow/c/0/0"))
        await asyncio.to_thread(begun.wait, SECONDS)
        fast = await asyncio.wait_for(got(store, "fast/c/0/0"), SECONDS)
        assert not slow.done()
        free.set()
        assert await slow == fast

    asyncio.run(compare())


def test_a_source_may_itself_be_read_through_a_store():
    """Deeper than the threads of one pool: one for all stores would wait for itself."""
    values = zarr.open_array(tiled_zarr.store(IMAGE), mode="r")
    for _ in range(3):
        node = Array(shape=IMAGE.shape, dtype=IMAGE.dtype, read=values.__getitem__, chunks=(64, 64))
        values = zarr.open_array(tiled_zarr.store(node, chunk_shape=(64, 64)), mode="r")
    np.testing.assert_array_equal(values[...], IMAGE)


def test_nothing_is_written():
    store = tiled_zarr.store(TREE)
    assert (store.read_only, store.supports_writes, store.supports_deletes, store.supports_listing) == (True, False, False, True)
    with pytest.raises(ValueError, match="read-only"):
        zarr.create_array(store, name="new", shape=(3,), dtype="i4")
    with pytest.raises(ValueError, match="read-only"):
        zarr.open_array(store, path="image", mode="r+")[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        store.with_read_only(False)
    with pytest.raises(ValueError, match="read-only"):
        asyncio.run(store.delete("image"))
    assert zarr.open_array(store, path="image", mode="r")[0, 0] == 0


def test_a_store_of_a_file_is_opened_again_where_it_is_unpickled(tmp_path: Path):
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["image"] = IMAGE
    store = tiled_zarr.store(tmp_path / "run.h5", 2, codec="zstd:1")
    again = pickle.loads(pickle.dumps(store))
    assert again == store
    assert again != tiled_zarr.store(tmp_path / "run.h5", 3)
    array = zarr.open_array(again, path="image", mode="r")
    assert array.compressors[0].codec_id == "zstd"
    np.testing.assert_array_equal(array[...], IMAGE)


def test_stores_of_two_objects_differ():
    assert tiled_zarr.store(IMAGE) != tiled_zarr.store(IMAGE)
    assert pickle.loads(pickle.dumps(tiled_zarr.store(IMAGE))).keyspace.root.shape == IMAGE.shape


@pytest.mark.parametrize(("options", "text"), [({"zarr_format": 4}, "give 2 or 3"), ({"codec": "zap"}, "zap")])
def test_what_cannot_be_is_said(options: dict, text: str):
    with pytest.raises(ValueError, match=text):
        tiled_zarr.store(IMAGE, **options)


def test_a_chunk_that_was_described_and_is_gone_does_not_read_as_fill_values(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.ones((100, 300)))
    store = tiled_zarr.store(tmp_path, chunk_shape=(50, 100))
    array = zarr.open_array(store, path="a", mode="r")
    assert (array[...] == 1).all()
    np.save(tmp_path / "new.npy", np.ones((50, 100)))
    (tmp_path / "new.npy").replace(tmp_path / "a.npy")
    with pytest.raises(Changed, match="open it again"):
        array[...]


@pytest.mark.parametrize(("changes", "reads"), [(1, 2), (10, 2)], ids=["once", "always"])
def test_a_source_that_changes_while_it_is_read_is_read_once_more(changes: int, reads: int):
    seen: list[object] = []

    def read(region):
        seen.append(region)
        return np.ones(1)

    node = Array(shape=(1,), dtype=np.dtype("f8"), read=read, revision=lambda: str(min(len(seen), changes)))
    store = tiled_zarr.store({"a": node})
    if changes < reads:
        assert asyncio.run(got(store, "a/c/0")) is not None
    else:
        with pytest.raises(Changed, match="open it again"):
            asyncio.run(got(store, "a/c/0"))
    assert len(seen) == reads


def test_an_image_with_too_many_chunks_is_not_listed():
    store = tiled_zarr.store({"a": Array(shape=(10**6, 10**6), dtype=np.dtype("u1"), read=IMAGE.__getitem__)})
    with pytest.raises(TooLarge, match="listing"):
        asyncio.run(listed(store.list_prefix("a")))


def test_without_zarr_python_it_says_what_to_install():
    script = "import sys, tiled_zarr; sys.modules['zarr'] = None; tiled_zarr.store"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "tiled_zarr.store needs zarr-python 3: pip install 'zarr>=" in done.stderr


def test_threads_end_with_the_store():
    store = tiled_zarr.store(IMAGE)
    zarr.open_array(store, mode="r")[0]
    mine = [thread for thread in threading.enumerate() if thread in store._threads._threads]
    assert mine
    store.close()
    for thread in mine:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in mine)
    assert zarr.open_array(store, mode="r")[0, 1] == 1
