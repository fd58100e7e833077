"""What lies in a store is read equal to what the libraries of the formats wrote, and in parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import zarr

from adapters.remote.conftest import S3, Opener
from adapters.remote.contents import IMAGE, KINDS, STACK, npy, parquet, tiff
from objectserver import ObjectServer
from tiled_zarr.nodes import Array, Group
from tiled_zarr.settings import Mount, Settings
from tiled_zarr.testing.contract import arrays, assert_same, read, regions
from tiled_zarr.testing.files import check_any_box
from tiled_zarr.tree import plant


@pytest.mark.parametrize("name", KINDS)
def test_a_file_in_a_bucket(opener: Callable[..., Opener], server: ObjectServer, name: str) -> None:
    write, truth = KINDS[name]
    server.objects[f"lab/deep/{name}"] = write()
    node = opener()(f"s3://lab/deep/{name}")
    for path, array, expected in arrays(node, truth):
        for region in regions(expected.shape):
            assert_same(read(array, region).astype(expected.dtype, copy=False), expected[(*region, ...)], f"{path}{region}")
    assert node.blocking or isinstance(node, Group)
    assert node.revision()


@pytest.mark.parametrize("name", ["flat.npy", "tiled.tif", "strips.tif", "table.parquet", "picture.png"])
def test_a_file_of_a_web_server(opener: Callable[..., Opener], server: ObjectServer, name: str) -> None:
    write, truth = KINDS[name]
    server.objects[f"data/{name}"] = write()
    for path, array, expected in arrays(opener()(f"{server.url}/data/{name}?signature=x"), truth):
        assert_same(read(array, tuple(slice(0, size) for size in expected.shape)).astype(expected.dtype), expected, path)


def test_any_box_of_what_is_read_in_parts(opener: Callable[..., Opener], server: ObjectServer) -> None:
    names = ["flat.npy", "tiled.tif", "strips.tif", "raw_tiles.tif", "pages.tif"]
    for name in names:
        server.objects[f"lab/{name}"] = KINDS[name][0]()
    group = opener()("s3://lab/")
    assert isinstance(group, Group)
    for name in names:
        node = group.children[name.partition(".")[0]]
        assert isinstance(node, Array)
        check_any_box(name, node, KINDS[name][1])


def fetched(server: ObjectServer, name: str) -> int:
    """The bytes that were asked for since the last call."""
    asked = [request for request in server.requests if request.key.endswith(name)]
    server.requests.clear()
    spans = [tuple(map(int, request.range.removeprefix("bytes=").split("-"))) for request in asked if request.range]
    assert len(spans) == len([request for request in asked if request.method == "GET"])
    return sum(last + 1 - first for first, last in spans)


NOISE = np.random.default_rng(20261127).integers(0, 2**16, (2048, 2048), dtype="u2")
PARTS = {
    "a tile of a TIFF file": ("t.tif", lambda: tiff(NOISE, tile=(256, 256)), 2 * 256 * 256 * 2),
    "a tile of a compressed TIFF file": ("t.tif", lambda: tiff(NOISE, tile=(256, 256), compression="zlib"), 2 * 256 * 256 * 2),
    "rows of an NPY array": ("t.npy", lambda: npy(NOISE.reshape(-1, 256)), 2 * 256 * 256 * 2),
}


@pytest.mark.parametrize(("name", "write", "most"), PARTS.values(), ids=PARTS)
def test_a_part_costs_a_part(opener: Callable[..., Opener], server: ObjectServer, name: str, write: Callable[[], bytes], most: int) -> None:
    server.objects[f"lab/{name}"] = write()
    node = opener()(f"s3://lab/{name}")
    assert isinstance(node, Array)
    assert fetched(server, name) <= 128 * 1024
    truth = NOISE.reshape(node.shape)
    region = (slice(256, 512), slice(0, 256))
    assert_same(read(node, region), truth[region], name)
    assert fetched(server, name) <= most


def test_a_column_costs_a_column(opener: Callable[..., Opener], server: ObjectServer) -> None:
    columns = {f"c{i}": np.random.default_rng(i).integers(0, 2**60, 20_000) for i in range(8)}
    server.objects["lab/t.parquet"] = parquet(10_000, **columns)
    node = opener()("s3://lab/t.parquet")
    assert isinstance(node, Group)
    fetched(server, "t.parquet")
    column = node.children["c3"]
    assert isinstance(column, Array)
    assert_same(read(column, (slice(12_000, 15_000),)), columns["c3"][12_000:15_000], "c3")
    assert 0 < fetched(server, "t.parquet") < 2 * 10_000 * 8


def test_neighbours_are_one_request(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """A region of 64 strips that follow each other."""
    server.objects["lab/s.tif"] = tiff(NOISE, rowsperstrip=8, compression="zlib")
    node = opener()("s3://lab/s.tif")
    assert isinstance(node, Array)
    server.requests.clear()
    region = (slice(512, 1024), slice(0, 2048))
    assert_same(read(node, region), NOISE[region], "s.tif")
    assert len(server.asked("GET")) == 1


def test_wide_rows_are_fetched_once_for_all_tiles(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """A tile of an NPY image is 256 short pieces: we keep what lies between them for its neighbours."""
    server.objects["lab/w.npy"] = npy(NOISE)
    node = opener()("s3://lab/w.npy")
    assert isinstance(node, Array)
    fetched(server, "w.npy")
    for left in range(0, 2048, 256):
        region = (slice(0, 256), slice(left, left + 256))
        assert_same(read(node, region), NOISE[region], "w.npy")
    assert fetched(server, "w.npy") < 3 * 256 * 2048 * 2


def test_a_server_without_ranges_sends_copies(opener: Callable[..., Opener], server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ObjectServer._object
    monkeypatch.setattr(ObjectServer, "_object", lambda self, request: answer(self, request._replace(range=None)))
    server.objects["data/a.npy"] = npy(IMAGE)
    node = opener()(f"{server.url}/data/a.npy")
    assert isinstance(node, Array)
    assert_same(read(node, (slice(100, 300), slice(5, 7))), IMAGE[100:300, 5:7], "a.npy")


def test_all_kinds_in_a_prefix_of_a_local_s3(s3: S3, quiet: None) -> None:
    """More than two pages of a listing, a store of Zarr, a longer prefix, and what is no data."""
    for name, (write, _) in KINDS.items():
        s3.client.put_object(Bucket="lab", Key=f"all/{name}", Body=write())
    for key, body in {"all/sub/é b.npy": npy(STACK), "all/notes.odd": b"?", "all/bad.npy": b"no", "all/sub/": b""}.items():
        s3.client.put_object(Bucket="lab", Key=key, Body=body)
    store = zarr.storage.MemoryStore()
    zarr.open_group(store, mode="w").create_array("a", data=IMAGE, chunks=(256, 256))
    for key, value in store._store_dict.items():
        s3.client.put_object(Bucket="lab", Key=f"all/kept.zarr/{key}", Body=value.to_bytes())
    tree = plant(Settings(trees=(Mount(source="remote", target="s3://lab/all/"),)))
    try:
        root = tree.root
        truth = {name.partition(".")[0]: content for name, (_, content) in KINDS.items()}
        assert list(root.children) == sorted([*truth, "bad", "kept", "sub"])
        assert root.attributes["tiled_zarr"]["unknown"] == {"files": 1, "suffixes": {"odd": 1}}
        with pytest.raises(OSError, match="'bad\\.npy' cannot be read as an NPY array"):
            root.children["bad"]
        good = Group({name: root.children[name] for name in truth} | {"kept": root.children["kept"], "sub": root.children["sub"]})
        for path, array, expected in arrays(good, truth | {"kept": {"a": IMAGE}, "sub": {"é b": STACK}}):
            whole = tuple(slice(0, size) for size in expected.shape)
            assert_same(read(array, whole).astype(expected.dtype, copy=False), expected, path)
    finally:
        tree.resources.close()


def test_resources_are_needed_by_nobody(s3: S3) -> None:
    import tiled_zarr

    s3.client.put_object(Bucket="lab", Key="alone/a.npy", Body=npy(IMAGE))
    node = tiled_zarr.open("s3://lab/alone/a.npy")
    assert isinstance(node, Array)
    assert_same(read(node, (slice(0, 9), slice(0, 9))), IMAGE[:9, :9], "a.npy")
