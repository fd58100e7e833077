"""Chunks of Zarr folders that we read without zarr-python: shards, revisions, parts of chunks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec

from stored import DATA, WHOLE, encodings, key, keyspace, opened
from tiled_zarr.adapters.common import fences
from tiled_zarr.adapters.common.fences import Fence
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.memory.adapted import Kin, as_live
from tiled_zarr.adapters.zarr import chunks, open_zarr
from tiled_zarr.adapters.zarr import open as zarr_adapter
from tiled_zarr.adapters.zarr.layout import layout
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk
from tiled_zarr.nodes import Array, Changed, Damaged, Group
from tiled_zarr.stores import value
from tiled_zarr.testing import outcome, reading

FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
CHUNK, SHARD = (128, 128), (256, 512)
BOX = (slice(0, 128), slice(128, 256))


def sharded(folder: Path, **options: Any) -> Path:
    zarr.create_array(folder / "a.zarr", data=DATA, chunks=CHUNK, **{"shards": SHARD, **options})
    return folder / "a.zarr"


SHARDS: dict[str, dict[str, Any]] = {
    "zstd": {},
    "none": {"compressors": None},
    "blosc": {"compressors": [BloscCodec(cname="lz4", shuffle="bitshuffle")]},
    "index_first": {"shards": {"shape": SHARD, "index_location": "start"}},
}


@FORMATS
@pytest.mark.parametrize("name", SHARDS)
def test_chunks_inside_shards_are_sent_as_they_are(tmp_path: Path, name: str, format_: ModuleType) -> None:
    """Those of the shard's compressor are compared with a plain array of the same one."""
    path = sharded(tmp_path, **SHARDS[name])
    plain = sharded(tmp_path / "plain", **{**SHARDS[name], "shards": None})
    keys = keyspace(path, format_)
    with encodings() as native:
        for y, x in WHOLE:
            assert value(keys, key((y, x), format_)) == (plain / "c" / str(y) / str(x)).read_bytes()
        assert not native.encode.called
    np.testing.assert_array_equal(opened(keys)[...], DATA)


@FORMATS
def test_chunks_and_shards_that_were_never_written(tmp_path: Path, format_: ModuleType) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=(512, 512), chunks=CHUNK, shards=(256, 256), dtype="i4", fill_value=7)
    array[:128, :128] = 3
    keys = keyspace(tmp_path / "a.zarr", format_)
    np.testing.assert_array_equal(opened(keys)[...], array[...])
    array[128:256, :128] = 4
    array[256:, 256:] = 5
    np.testing.assert_array_equal(opened(keys)[...], array[...])


ODD_SHARDS = {
    "index_without_checksum": [ShardingCodec(chunk_shape=CHUNK, index_codecs=[BytesCodec()])],
    "compressed_shards": [ShardingCodec(chunk_shape=CHUNK), GzipCodec(level=1)],
    "shards_in_shards": [ShardingCodec(chunk_shape=(256, 256), codecs=[ShardingCodec(chunk_shape=CHUNK)])],
    "big_endian": [ShardingCodec(chunk_shape=CHUNK, codecs=[BytesCodec(endian="big"), Crc32cCodec()])],
}


@pytest.mark.parametrize("name", ODD_SHARDS)
@pytest.mark.filterwarnings("ignore:Combining a `sharding_indexed` codec disables")
def test_other_shards_are_read_by_zarr_python(tmp_path: Path, name: str) -> None:
    serializer, *compressors = ODD_SHARDS[name]
    zarr.create_array(tmp_path / "a.zarr", data=DATA, chunks=SHARD, serializer=serializer, compressors=compressors)
    node = open_zarr(tmp_path / "a.zarr")
    assert node.source.stored is None
    keys = keyspace(node, v3)
    np.testing.assert_array_equal(opened(keys)[...], DATA)


@pytest.mark.parametrize("damage", ["checksum", "cut", "empty", "beyond"])
def test_a_shard_that_is_damaged_is_a_failure(tmp_path: Path, damage: str) -> None:
    import google_crc32c

    path = sharded(tmp_path)
    file = path / "c" / "0" / "0"
    body = file.read_bytes()
    index = bytearray(body[-(8 * 16 + 4) : -4])
    index[:8] = (10**9).to_bytes(8, "little")
    far = bytes(index) + google_crc32c.value(bytes(index)).to_bytes(4, "little")
    cases = {"checksum": body[:-1] + b"\0", "cut": body[:-300], "empty": b"", "beyond": body[: -(8 * 16 + 4)] + far}
    file.write_bytes(cases[damage])
    keys = keyspace(path, v3)
    with pytest.raises(OSError, match=r"checksum|truncated"):
        value(keys, key((0, 0), v3))


def test_threads_read_one_index_of_a_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    index = chunks._shard_index

    def shard_index(*args: Any) -> Any:
        read.append(args)
        return index(*args)

    monkeypatch.setattr(chunks, "_shard_index", shard_index)
    keys = keyspace(sharded(tmp_path), v3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: value(keys, key(index, v3)), WHOLE * 5))
    assert len(read) == 1


def settle(path: Path) -> None:
    """Make the files of a folder that were just written look a minute old."""
    now = time.time_ns()
    for file in path.rglob("*"):
        if now - file.stat().st_mtime_ns < 10 * 10**9:
            os.utime(file, ns=(now, file.stat().st_mtime_ns - 60 * 10**9))


def chunk(path: Path, index: tuple[int, ...] = (0, 0)) -> Chunk:
    found = keyspace(path, v3).resolve(key(index, v3))
    assert isinstance(found, Chunk)
    return found


CHANGES: dict[str, dict[str, Any]] = {"files": {"shards": None}, "shards": {}, "v2": {"shards": None, "zarr_format": 2}}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_chunk_has_the_revision_of_its_file(tmp_path: Path, kind: str) -> None:
    path = sharded(tmp_path, **CHANGES[kind])
    settle(path)
    first, other = chunk(path), chunk(path, (2, 3))
    before, before_other = first.revision(), other.revision()
    assert before
    assert before_other
    assert chunk(path).revision() == before
    zarr.open_array(path)[:100, :100] = 5
    assert first.revision() is None
    settle(path)
    assert first.revision() not in {before, None}
    assert other.revision() == before_other


@pytest.mark.parametrize("kind", CHANGES)
def test_a_chunk_that_is_missing_has_a_revision_until_it_is_written(tmp_path: Path, kind: str) -> None:
    options = {"chunks": CHUNK, "shards": SHARD, **CHANGES[kind]}
    array = zarr.create_array(tmp_path / "a.zarr", shape=DATA.shape, dtype="i4", **options)
    settle(tmp_path)
    missing = chunk(tmp_path / "a.zarr")
    before = missing.revision()
    assert before
    array[:128, :128] = 1
    assert missing.revision() is None
    settle(tmp_path)
    written = missing.revision()
    assert written not in {None, before}
    for file in (tmp_path / "a.zarr").rglob("*0"):
        if file.is_file():
            file.unlink()
    settle(tmp_path)
    assert missing.revision() == before


def test_a_document_that_is_written_anew_changes_every_chunk(tmp_path: Path) -> None:
    path = sharded(tmp_path, shards=None)
    settle(path)
    held = chunk(path)
    before = held.revision()
    (path / "zarr.json").write_text((path / "zarr.json").read_text().replace('"fill_value": 0', '"fill_value": 9'))
    assert held.revision() is None
    settle(path)
    assert len({before, held.revision(), chunk(path).revision()}) == 3
    (path / "zarr.json").unlink()
    with pytest.raises(FileNotFoundError):
        held.revision()


def test_a_region_of_many_files_has_no_revision(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=DATA[:100, :100], chunks=(20, 20))
    settle(tmp_path)
    node = open_zarr(tmp_path / "a.zarr")
    assert node.revision((slice(0, 100), slice(0, 100))) is None
    assert node.revision((slice(0, 80), slice(0, 80)))
    assert as_live(node, Kin()).revision((slice(0, 80), slice(0, 80))) is None


def test_documents_that_change_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sharded(tmp_path)
    revisions = count()
    monkeypatch.setattr(zarr_adapter, "store_revision", lambda folder: str(next(revisions)))
    with pytest.raises(Changed, match="changed while it was being opened"):
        open_zarr(path)


@pytest.mark.parametrize("version", [2, 3])
def test_chunk_keys_of_a_kind_that_nobody_specified(tmp_path: Path, version: int) -> None:
    """They could lead out of the folder."""
    path = sharded(tmp_path, shards=None, zarr_format=version)
    file = path / ("zarr.json" if version == 3 else ".zarray")
    document = json.loads(file.read_text())
    (document["chunk_key_encoding"]["configuration"] if version == 3 else document)[
        "separator" if version == 3 else "dimension_separator"
    ] = "/../"
    file.write_text(json.dumps(document))
    assert layout(path, Fence.of(path), DATA.dtype) is None


@pytest.mark.parametrize("shards", [None, SHARD])
@pytest.mark.parametrize("compressors", [None, "auto"])
def test_any_box_of_a_chunk(tmp_path: Path, compressors: str | None, shards: tuple[int, ...] | None) -> None:
    path = sharded(tmp_path, shards=shards, compressors=compressors)
    node = open_zarr(path)
    for (y, height), (x, width) in product([(0, 1), (5, 100), (120, 40), (290, 10)], [(0, 128), (130, 20), (300, 110), (409, 1)]):
        np.testing.assert_array_equal(node.read((slice(y, y + height), slice(x, x + width))), DATA[y : y + height, x : x + width])


def test_parts_of_a_chunk_read_their_own_rows_or_decode_it_once(tmp_path: Path) -> None:
    """A chunk of a megabyte in tiles of one quarter and less."""
    large = np.random.default_rng(0).integers(0, 2**30, (512, 512), "i4")
    for compressors, most in ((None, 1.2), ("auto", 1.1)):
        folder = tmp_path / str(compressors)
        zarr.create_array(folder, data=large, chunks=(512, 512), compressors=compressors)
        node = open_zarr(folder)
        with reading() as nbytes:
            for y in range(0, 512, 128):
                np.testing.assert_array_equal(node.read((slice(y, y + 128), slice(0, 200))), large[y : y + 128, :200])
            assert nbytes() < most * large.nbytes


def test_a_raw_chunk_of_another_size_is_a_failure(tmp_path: Path) -> None:
    path = sharded(tmp_path, shards=None, compressors=None)
    file = path / "c" / "0" / "1"
    file.write_bytes(file.read_bytes() + b"\0")
    found = outcome(lambda: open_zarr(path).read(BOX))
    assert isinstance(found, OSError)
    assert "has 65537 bytes, expected 65536" in str(found)


OUTSIDE = {
    "a chunk of the size": lambda outside: (outside / "0").write_bytes(bytes(24)),
    "a chunk of another size": lambda outside: (outside / "0").write_bytes(b"secret"),
    "a large file": lambda outside: (outside / "0").write_bytes(bytes(100_000)),
    "an empty folder": lambda outside: None,
    "a folder": lambda outside: (outside / "0").mkdir(),
    "nothing": lambda outside: outside.rmdir(),
}


@pytest.mark.parametrize(
    "options", [{"compressors": None}, {}, {"shards": (6,), "chunks": (3,)}, {"filters": [TransposeCodec(order=(0,))]}], ids=str
)
def test_a_chunk_folder_outside_tells_nothing_of_what_it_holds(tmp_path: Path, options: dict[str, Any]) -> None:
    """The same is answered whether its file is there or not, and whatever its size is."""
    said = set()
    for number, make in enumerate(OUTSIDE.values()):
        base = tmp_path / str(number)
        served, outside = base / "served", base / "outside"
        outside.mkdir(parents=True)
        zarr.create_array(served / "a.zarr", shape=(6,), dtype="i4", **{"chunks": (6,), **options})
        (served / "a.zarr" / "c").symlink_to("../../outside")
        make(outside)
        group = open_directory(served)
        assert isinstance(group, Group)
        node = group.children["a"]
        assert isinstance(node, Array)
        asked: list[Callable[[], object]] = [lambda node=node: node.read((slice(0, 6),)), lambda node=node: node.read((slice(0, 3),))]
        if node.source.stored is not None:
            asked.append(lambda node=node: node.source.stored.read((0,)))
        for ask in asked:
            with pytest.raises(Damaged) as caught:
                ask()
            said.add(str(caught.value))
    assert said == {f"'0': {fences.OUTSIDE}"}
