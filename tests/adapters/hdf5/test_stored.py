"""HDF5 filters whose chunks Zarr clients can read as they are."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import pytest

from stored import DATA, EDGES, SHAPE, WHOLE, encodings, key, opened
from tiled_zarr import _native, codecs, dtypes
from tiled_zarr.adapters import open_file
from tiled_zarr.adapters.hdf5.filters import codec_of
from tiled_zarr.encoding.encode import encode
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Config, KeySpace
from tiled_zarr.nodes import Changed
from tiled_zarr.stores import value

FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])

CHUNK = (128, 128)
FLAT = DATA // 1000
"""What every filter makes smaller; a chunk that one does not is stored without it."""
BLOSC = [(cname, shuffle) for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd") for shuffle in range(3)]
SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
SAME: dict[str, dict[str, Any]] = {
    "none": {},
    "zlib:6": {"compression": "gzip", "compression_opts": 6},
    "zstd:5": hdf5plugin.Zstd(clevel=5),
    "zstd:3": {"compression": 32015},
    "blosc:blosclz:5:shuffle": {"compression": 32001},
    **{f"blosc:{cname}:4:{SHUFFLES[number]}": hdf5plugin.Blosc(cname=cname, clevel=4, shuffle=number) for cname, number in BLOSC},
}
OTHER: dict[str, dict[str, Any]] = {
    "shuffled": {"compression": "gzip", "shuffle": True},
    "checksum": {"compression": "gzip", "fletcher32": True},
    "checksum alone": {"fletcher32": True},
    "lzf": {"compression": "lzf"},
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "lz4": hdf5plugin.LZ4(),
    "blosc2": hdf5plugin.Blosc2(),
    "snappy": hdf5plugin.Blosc(cname="snappy"),
    "scale": {"scaleoffset": 0},
}


def written(folder: Path, options: Any) -> tuple[list[tuple[int, tuple[int, ...]]], bytes]:
    """The filters of a dataset, and the bytes of its first chunk."""
    with h5py.File(folder / "a.h5", "w") as file:
        dataset = file.create_dataset("x", data=FLAT, chunks=CHUNK, **options)
        created = dataset.id.get_create_plist()
        found = [created.get_filter(number) for number in range(created.get_nfilters())]
        mask, body = dataset.id.read_direct_chunk((0, 0))
        assert mask == 0
        return [(code, parameters) for code, _, parameters, _ in found], body


@pytest.mark.parametrize("expected", SAME)
def test_filters_that_are_codecs(tmp_path: Path, expected: str) -> None:
    """The codec that is named decodes what HDF5 has written."""
    filters, body = written(tmp_path, SAME[expected])
    codec = codec_of(filters, 4)
    assert str(codec) == expected
    compressor, _ = codec.v2()
    decoded = numcodecs.get_codec(compressor).decode(body) if compressor else body
    np.testing.assert_array_equal(np.frombuffer(decoded, "<i4").reshape(CHUNK), FLAT[:128, :128])
    assert _native.is_whole(codec.name, body, 128 * 128 * 4, crc32c=codec.crc32c)


@pytest.mark.parametrize("name", OTHER)
def test_filters_that_are_none(tmp_path: Path, name: str) -> None:
    filters, _ = written(tmp_path, OTHER[name])
    assert codec_of(filters, 4) is None


PARAMETERS = {
    "other typesize": (32001, (2, 2, 8, 65536, 5, 1, 1)),
    "too few": (32001, (2, 2)),
    "unknown compressor": (32001, (2, 2, 4, 65536, 5, 1, 9)),
    "unknown shuffle": (32001, (2, 2, 4, 65536, 5, 7, 1)),
    "unknown level": (32001, (2, 2, 4, 65536, 10, 1, 1)),
    "negative level": (32015, (2**32 - 5,)),
    "deflate of no level": (1, (10,)),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_that_say_something_else(name: str) -> None:
    assert codec_of([PARAMETERS[name]], 4) is None


def test_without_shuffle_the_size_of_items_says_nothing() -> None:
    assert codec_of([(32001, (2, 2, 1, 65536, 5, 0, 1))], 4) == codecs.parse("blosc:lz4:5:noshuffle")


def file_of(folder: Path, options: Any, data: np.ndarray[Any, Any] = FLAT) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("a", data=data, chunks=CHUNK, **options)
    return folder / "a.h5"


def served(path: Path, format_: ModuleType, codec: str | None = None) -> KeySpace:
    return KeySpace(open_file(path), format_, Config(codec=codec))


@FORMATS
@pytest.mark.parametrize("expected", SAME)
def test_the_bytes_in_the_file_are_sent(tmp_path: Path, expected: str, format_: ModuleType) -> None:
    path = file_of(tmp_path, dict(SAME[expected]))
    keys = served(path, format_)
    is_passed = format_ is v2 or expected != "zlib:6"
    with encodings() as native:
        sent = {index: value(keys, key(index, format_)) for index in WHOLE}
        assert native.encode.call_count == (0 if is_passed else len(WHOLE))
    np.testing.assert_array_equal(opened(keys)[...], FLAT)
    with h5py.File(path, locking=False) as file:
        stored = {index: file["a"].id.read_direct_chunk((index[0] * 128, index[1] * 128))[1] for index in WHOLE}
    assert (sent == stored) is is_passed


NOT_SENT: dict[str, dict[str, Any]] = {
    **OTHER,
    "big endian": {"dtype": ">i4"},
}


@FORMATS
@pytest.mark.parametrize("name", sorted(set(NOT_SENT) - {"snappy"}))
def test_other_chunks_are_encoded(tmp_path: Path, name: str, format_: ModuleType) -> None:
    keys = served(file_of(tmp_path, dict(NOT_SENT[name])), format_)
    with encodings() as native:
        np.testing.assert_array_equal(opened(keys)[...], FLAT)
        assert native.encode.call_count == len(WHOLE) + len(EDGES)


@FORMATS
def test_chunks_that_a_filter_left_alone_or_nobody_wrote(tmp_path: Path, format_: ModuleType) -> None:
    """Blosc stores what it cannot compress as it is; only the chunk's filter mask tells."""
    data = np.random.default_rng(0).integers(-(2**31), 2**31, SHAPE).astype("<i4")
    data[128:256, :128] = 7
    data[:128, :128] = FLAT[:128, :128]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", SHAPE, "<i4", chunks=CHUNK, fillvalue=7, **hdf5plugin.Blosc(cname="blosclz", shuffle=0))
        dataset[:, 128:] = data[:, 128:]
        dataset[:128, :128] = data[:128, :128]
        dataset[256:, :128] = data[256:, :128]
        assert dataset.id.read_direct_chunk((0, 128))[0] == 1
    keys = served(tmp_path / "a.h5", format_)
    with encodings() as native:
        np.testing.assert_array_equal(opened(keys)[...], data)
        assert native.encode.call_count == len(WHOLE) + len(EDGES) - 1


@FORMATS
def test_a_codec_that_was_chosen_wins(tmp_path: Path, format_: ModuleType) -> None:
    path = file_of(tmp_path, dict(SAME["zstd:5"]))
    for codec, count in (("zstd:5", len(EDGES)), ("zstd:1", len(WHOLE) + len(EDGES))):
        keys = served(path, format_, codec)
        with encodings() as native:
            np.testing.assert_array_equal(opened(keys)[...], FLAT)
            assert native.encode.call_count == count


RAW_TYPES = {
    "booleans": FLAT % 2 == 0,
    "complex": FLAT.astype("<c8"),
    "records": FLAT.astype([("a", "<i2"), ("b", "<f4")]),
    "bytes": FLAT.astype("S4"),
}
CONVERTED = {
    "padded records": FLAT.astype(np.dtype([("a", "u1"), ("b", "<f4")], align=True)),
    "big endian fields": FLAT.astype([("a", "<i2"), ("b", ">f4")]),
    "texts": FLAT.astype(str).astype(object),
}


@FORMATS
@pytest.mark.parametrize("kind", [*RAW_TYPES, *CONVERTED])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_types_that_lie_in_files_as_they_are_sent(tmp_path: Path, kind: str, format_: ModuleType) -> None:
    data = {**RAW_TYPES, **CONVERTED}[kind]
    options = {"compression": 32015, **({"dtype": h5py.string_dtype()} if data.dtype.hasobject else {})}
    keys = KeySpace(open_file(file_of(tmp_path, options, data)), format_, Config(chunk_shape=CHUNK))
    with encodings() as native:
        value(keys, key((0, 0), format_))
        assert (native.encode.called or native.encode_strings.called) is (kind in CONVERTED)
    expected = data.astype(dtypes.wire(data.dtype))
    np.testing.assert_array_equal(opened(keys)[:128, :128], expected[:128, :128])


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = file_of(tmp_path, dict(SAME["zstd:5"]))
    chunk = served(path, v3).resolve(key((0, 0), v3))
    encode(chunk)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(Changed):
        encode(chunk)


def test_array_items_and_virtual_datasets_have_no_stored_chunks(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("items", (300,), np.dtype("(4,)<i4"), chunks=(100,))
        file.create_dataset("x", data=FLAT, chunks=CHUNK)
        layout = h5py.VirtualLayout(SHAPE, "<i4")
        layout[...] = h5py.VirtualSource(file["x"])
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("contiguous", data=FLAT)
    root = open_file(tmp_path / "a.h5")
    assert {name: node.source.stored is None for name, node in root.children.items()} == {
        "items": True,
        "x": False,
        "virtual": True,
        "contiguous": True,
    }
