"""Chunks that a source has stored in a codec that can be served are sent untouched.

Everything still reads right.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from stored import CHUNK, DATA, EDGES, SHAPE, WHOLE, encodings, key, keyspace, opened
from tiled_zarr import codecs
from tiled_zarr.adapters.zarr import open_zarr
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.nodes import Array, Changed, Stored
from tiled_zarr.stores import value

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.filterwarnings(
        "ignore::zarr.errors.UnstableSpecificationWarning", "ignore::zarr.errors.ZarrUserWarning", "ignore:Numcodecs codecs are not in"
    ),
]
FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
SHUFFLED = [("noshuffle", 0), ("shuffle", 1), ("bitshuffle", 2)]
BLOSC = {
    f"blosc:{cname}:3:{name}": (cname, name, number) for cname in ("lz4", "lz4hc", "blosclz", "zlib", "zstd") for name, number in SHUFFLED
}
V2 = {
    **{spelling: numcodecs.Blosc(cname, 3, number) for spelling, (cname, _, number) in BLOSC.items()},
    "zstd:0": numcodecs.Zstd(0),
    "zstd:9": numcodecs.Zstd(9, checksum=True),
    "gzip:6": numcodecs.GZip(6),
    "zlib:3": numcodecs.Zlib(3),
    "lz4:1": numcodecs.LZ4(1),
    "none": None,
}
V3 = {
    **{spelling: [BloscCodec(cname=cname, clevel=3, shuffle=shuffle)] for spelling, (cname, shuffle, _) in BLOSC.items()},
    "zstd:0": [ZstdCodec(level=0)],
    "zstd:9": [ZstdCodec(level=9, checksum=True)],
    "gzip:6": [GzipCodec(level=6)],
    "none": [],
    "zstd:3+crc32c": [ZstdCodec(level=3), Crc32cCodec()],
    "none+crc32c": [Crc32cCodec()],
}
SOURCES = {**{f"v2-{name}": (2, name) for name in V2}, **{f"v3-{name}": (3, name) for name in V3}}
NOT_IN = {"v2": {"lz4:1", "zstd:3+crc32c", "none+crc32c"}, "v3": {"zlib:3", "lz4:1"}}
"""What is not served unasked."""


def create(folder: Path, data: np.ndarray[Any, Any] = DATA, **options: Any) -> Path:
    dtype = str if data.dtype.hasobject else data.dtype
    zarr.create_array(folder / "a.zarr", shape=data.shape, dtype=dtype, **{"chunks": CHUNK, **options})[...] = data
    return folder / "a.zarr"


def created(folder: Path, source: str, **options: Any) -> Path:
    version, name = SOURCES[source]
    return create(folder, zarr_format=version, compressors=V2[name] if version == 2 else V3[name], **options)


def file_of(path: Path, index: tuple[int, ...]) -> bytes:
    name = ".".join(map(str, index))
    return (path / name if (path / ".zarray").is_file() else path.joinpath("c", *map(str, index))).read_bytes()


@FORMATS
@pytest.mark.parametrize("source", SOURCES)
def test_stored_bytes_are_sent_and_the_array_is_the_same(tmp_path: Path, source: str, format_: ModuleType) -> None:
    path = created(tmp_path, source)
    spelling = SOURCES[source][1]
    keys = keyspace(path, format_)
    is_passed = spelling not in NOT_IN[format_.NAME]
    with encodings() as native:
        bodies = {index: value(keys, key(index, format_)) for index in WHOLE}
        assert native.encode.call_count == (0 if is_passed else len(WHOLE))
        for index in EDGES:
            value(keys, key(index, format_))
        assert native.encode.call_count == len(EDGES) + (0 if is_passed else len(WHOLE))
    if is_passed:
        assert bodies == {index: file_of(path, index) for index in WHOLE}
    assert str(keys.resolve(key((0, 0), format_)).codec) == (spelling if is_passed else "blosc:lz4:5:shuffle")
    np.testing.assert_array_equal(opened(keys)[...], DATA)


@FORMATS
@pytest.mark.parametrize(
    "source", ["v2-blosc:blosclz:3:shuffle", "v2-blosc:zstd:3:bitshuffle", "v2-zlib:3", "v2-lz4:1", "v3-gzip:6", "v3-none+crc32c"]
)
def test_a_codec_that_was_chosen_wins(tmp_path: Path, source: str, format_: ModuleType) -> None:
    """And where it is the source's own, what is stored is sent too."""
    spelling = SOURCES[source][1]
    path = created(tmp_path, source)
    for chosen in {"gzip:1", spelling} - {name for name in BLOSC if "blosclz" in name}:
        keys = keyspace(path, format_, chosen)
        served = format_.codec(codecs.parse(chosen).suited(4))
        with encodings() as native:
            assert keys.resolve(key((0, 0), format_)).codec == served
            np.testing.assert_array_equal(opened(keys)[...], DATA)
            assert native.encode.call_count == (len(EDGES) if str(served) == spelling else len(WHOLE) + len(EDGES))


LIKE = {
    "big_endian": (DATA.astype(">i4"), {"zarr_format": 2}),
    "big_endian_v3": (DATA, {"serializer": zarr.codecs.BytesCodec(endian="big")}),
    "fortran": (DATA, {"zarr_format": 2, "order": "F"}),
    "transposed": (DATA, {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]}),
    "filtered": (DATA, {"zarr_format": 2, "filters": [numcodecs.Delta("<i4")]}),
    "two_compressors": (DATA, {"compressors": [GzipCodec(level=1), ZstdCodec(level=1)]}),
    "bz2": (DATA, {"zarr_format": 2, "compressors": numcodecs.BZ2()}),
    "default_level": (DATA, {"zarr_format": 2, "compressors": numcodecs.Zlib(-1)}),
    "other_typesize": (DATA, {"compressors": [BloscCodec(typesize=2, shuffle="shuffle")]}),
    "big_endian_fields": (np.zeros(SHAPE, [("a", "<i2"), ("b", ">i2")]), {"zarr_format": 2}),
    "small_chunks": (DATA, {"chunks": (100, 100)}),
}


@FORMATS
@pytest.mark.parametrize("name", LIKE)
def test_what_is_stored_otherwise_is_encoded(tmp_path: Path, name: str, format_: ModuleType) -> None:
    data, options = LIKE[name]
    keys = keyspace(create(tmp_path, data, **options), format_)
    with encodings() as native:
        np.testing.assert_array_equal(opened(keys)[...], data)
        assert native.encode.call_count == len(list(keys.resolve(key((0, 0), format_)).grid))
    assert str(keys.resolve(key((0, 0), format_)).codec) == "blosc:lz4:5:shuffle"


KINDS = {
    "bool": (DATA % 3 == 0),
    "u1": DATA.astype("u1"),
    "f2": DATA.astype("<f2"),
    "c16": DATA.astype("<c16"),
    "bytes": DATA.astype("S5"),
    "wide_bytes": DATA.astype("S260"),
    "text": DATA.astype("<U5"),
    "times": DATA.astype("<M8[ms]"),
    "spans": DATA.astype("<m8[s]"),
    "record": DATA.astype([("a", "<i2"), ("b", "<f8")]),
    "strings": DATA.astype(str).astype(object),
}


@FORMATS
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_sent_as_it_is(tmp_path: Path, kind: str, version: int, format_: ModuleType) -> None:
    data = KINDS[kind]
    compressors = numcodecs.Blosc("lz4", 5, numcodecs.Blosc.AUTOSHUFFLE) if version == 2 else [BloscCodec(cname="lz4", shuffle="shuffle")]
    path = create(tmp_path, data, zarr_format=version, compressors=compressors)
    keys = keyspace(path, format_, chunk_shape=CHUNK)
    with encodings() as native:
        assert value(keys, key((0, 0), format_)) == file_of(path, (0, 0))
        assert not native.encode.called
        assert not native.encode_strings.called
    np.testing.assert_array_equal(opened(keys)[...], data)


@FORMATS
@pytest.mark.parametrize("version", [2, 3])
def test_chunks_that_were_never_written_hold_the_sources_fill_value(tmp_path: Path, version: int, format_: ModuleType) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=SHAPE, chunks=CHUNK, dtype="i4", fill_value=7, zarr_format=version)
    array[:128, :128] = DATA[:128, :128]
    expected = np.full(SHAPE, 7, "i4")
    expected[:128, :128] = DATA[:128, :128]
    keys = keyspace(tmp_path / "a.zarr", format_)
    np.testing.assert_array_equal(opened(keys)[...], expected)
    array[128:256, :128] = 9
    expected[128:256, :128] = 9
    assert value(keys, key((1, 0), format_)) == file_of(tmp_path / "a.zarr", (1, 0))
    np.testing.assert_array_equal(opened(keys)[...], expected)


@FORMATS
@pytest.mark.parametrize("version", [2, 3])
def test_edges_are_padded_with_zeros_whatever_the_source_has_there(tmp_path: Path, version: int, format_: ModuleType) -> None:
    path = create(tmp_path, zarr_format=version, compressors=None, fill_value=7)
    assert 7 in np.frombuffer(file_of(path, (2, 3)), "<i4")
    body = np.frombuffer(value(keyspace(path, format_), key((2, 3), format_)), "<i4").reshape(CHUNK)
    np.testing.assert_array_equal(body[:44, :26], DATA[256:, 384:])
    assert not body[44:].any()
    assert not body[:, 26:].any()


@FORMATS
@pytest.mark.parametrize("version", [2, 3])
def test_an_array_without_axes(tmp_path: Path, version: int, format_: ModuleType) -> None:
    path = create(tmp_path, np.array(3.5), chunks=(), zarr_format=version)
    keys = keyspace(path, format_)
    with encodings() as native:
        assert opened(keys)[()] == 3.5
        assert not native.encode.called


@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("encoding", ["v2", "default"])
def test_every_spelling_of_chunk_keys(tmp_path: Path, separator: str, encoding: str) -> None:
    for version in (2, 3):
        names = (
            {"chunk_key_encoding": {"name": encoding, "configuration": {"separator": separator}}}
            if version == 3
            else {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": separator}}}
        )
        path = create(tmp_path / str(version), zarr_format=version, **names)
        keys = keyspace(path, v2)
        with encodings() as native:
            np.testing.assert_array_equal(opened(keys)[...], DATA)
            assert native.encode.call_count == len(EDGES)


@FORMATS
@pytest.mark.parametrize("source", ["v2-blosc:lz4:3:shuffle", "v3-zstd:0", "v3-gzip:6", "v3-none"])
@pytest.mark.parametrize("damage", ["cut", "empty", "longer"])
def test_a_chunk_that_is_damaged_is_a_failure(tmp_path: Path, source: str, damage: str, format_: ModuleType) -> None:
    path = created(tmp_path, source)
    file = path / "0.0" if source.startswith("v2") else path / "c" / "0" / "0"
    body = file.read_bytes()
    file.write_bytes({"cut": body[:-9], "empty": b"", "longer": body + b"\0"}[damage])
    keys = keyspace(path, format_)
    try:
        sent = value(keys, key((0, 0), format_))
    except (OSError, ValueError, RuntimeError, EOFError):
        return
    # some decoders ignore the extra byte; then we decode the chunk and encode it anew
    assert damage == "longer"
    assert sent != file.read_bytes()
    np.testing.assert_array_equal(opened(keys)[:128, :128], DATA[:128, :128])


def test_an_array_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    """Its chunks would seem to have never been written."""
    path = create(tmp_path)
    keys = keyspace(path, v3)
    for file in [path / "zarr.json", *path.glob("c/0/*")]:
        file.unlink()
    for index in [(0, 0), (0, 3)]:
        with pytest.raises(FileNotFoundError):
            value(keys, key(index, v3))


def with_stored(node: Array, stored: Stored) -> Array:
    return replace(node, source=replace(node.source, stored=stored))


@pytest.mark.parametrize("error", [Changed("again"), OSError("disk")])
def test_what_a_source_raises_is_raised(tmp_path: Path, error: Exception) -> None:
    def read(index: tuple[int, ...]) -> bytes:
        raise error

    node = open_zarr(create(tmp_path))
    with pytest.raises(type(error)):
        value(keyspace(with_stored(node, Stored(codecs.parse("zstd:0"), read)), v3), key((0, 0), v3))


def test_what_differs_from_the_other_chunks_is_encoded(tmp_path: Path) -> None:
    """Another Blosc, a stream without its size, or another number of bytes."""
    node = open_zarr(create(tmp_path, compressors=[BloscCodec(cname="lz4")]))
    good = node.source.stored.read((0, 0))
    for body in (None, b"", b"\5" + good[1:], numcodecs.Blosc("lz4").encode(good)):
        other = with_stored(node, Stored(node.source.stored.codec, lambda index, body=body: body))
        with encodings() as native:
            np.testing.assert_array_equal(opened(keyspace(other, v3))[:128, :128], DATA[:128, :128])
            assert native.encode.call_count == 1


def test_documents_say_what_is_stored(tmp_path: Path) -> None:
    path = created(tmp_path, "v2-blosc:blosclz:3:bitshuffle")
    document = json.loads(value(keyspace(path, v2), "a/.zarray"))
    assert document["compressor"] == {"id": "blosc", "cname": "blosclz", "clevel": 3, "shuffle": 2, "blocksize": 0}
    assert (document["fill_value"], document["order"], document["filters"]) == (None, "C", None)
    document = json.loads(value(keyspace(path, v3), "a/zarr.json"))
    configuration = {"cname": "blosclz", "clevel": 3, "shuffle": "bitshuffle", "typesize": 4, "blocksize": 0}
    assert document["codecs"][1] == {"name": "blosc", "configuration": configuration}
