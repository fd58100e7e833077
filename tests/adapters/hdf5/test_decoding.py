"""Chunks decoded here equal what was written, whatever made them; the library is out of the way."""

import ctypes
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import h5py
import hdf5plugin
import numpy as np
import pytest

from tiled_zarr.adapters.hdf5 import chunked, open_hdf5
from tiled_zarr.adapters.hdf5.chunked import ChunkedArray
from tiled_zarr.helpers.library import Library
from tiled_zarr.testing import ARRAYS, assert_same, check_rewritten, check_truncated, whole
from tiled_zarr.testing.contract import regions
from tiled_zarr.testing.files import check_any_box

WAVES = np.add.outer(np.arange(61) * 7, np.arange(83) ** 2 % 97)
NOISE = np.random.default_rng(1).integers(0, 1 << 16, WAVES.shape)
SHUFFLES = {"": hdf5plugin.Blosc.NOSHUFFLE, " shuffle": hdf5plugin.Blosc.SHUFFLE, " bitshuffle": hdf5plugin.Blosc.BITSHUFFLE}
FILTERS = {
    "none": {},
    "gzip": {"compression": "gzip"},
    "gzip shuffle": {"compression": "gzip", "shuffle": True},
    "gzip shuffle fletcher32": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "fletcher32": {"fletcher32": True},
    "shuffle fletcher32": {"shuffle": True, "fletcher32": True},
    "lzf": {"compression": "lzf"},
    "lzf shuffle": {"compression": "lzf", "shuffle": True},
    **{
        f"blosc {cname}{name}": hdf5plugin.Blosc(cname, 5, shuffle)
        for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
        for name, shuffle in SHUFFLES.items()
    },
    "lz4": hdf5plugin.LZ4(),
    "lz4 in blocks": hdf5plugin.LZ4(nbytes=100),
    "lz4 shuffle": {"shuffle": True, **hdf5plugin.LZ4()},
    "bitshuffle lz4": hdf5plugin.Bitshuffle(),
    "bitshuffle lz4 in blocks": hdf5plugin.Bitshuffle(nelems=64),
    "bitshuffle zstd": hdf5plugin.Bitshuffle(cname="zstd"),
    "bitshuffle fletcher32": {"fletcher32": True, **hdf5plugin.Bitshuffle(cname="none")},
    "zstd": hdf5plugin.Zstd(),
    "zstd shuffle": {"shuffle": True, **hdf5plugin.Zstd()},
}
EVEN = {"shuffle": {"shuffle": True}, "bitshuffle": hdf5plugin.Bitshuffle(cname="none")}
BY_LIBRARY = {
    "uneven shuffle": {"chunks": (20, 30), "shuffle": True},
    "uneven bitshuffle": {"chunks": (20, 30), **hdf5plugin.Bitshuffle(cname="none")},
    "scaleoffset": {"chunks": (20, 30), "scaleoffset": 0},
    "blosc2": {"chunks": (20, 30), **hdf5plugin.Blosc2()},
    "two compressors": {"chunks": (20, 30), "compression": "gzip", "dcpl": "lzf"},
}


def write(path: Path, data, **options) -> None:
    if "dcpl" in options:
        options["dcpl"] = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options["dcpl"].set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=data, **options)


def open_x(path: Path):
    return open_hdf5(path).children["x"]


def refuse(*asked):
    raise AssertionError(f"the library was asked for {asked}")


def past_the_library(node) -> ChunkedArray:
    assert isinstance(node.read.__self__, ChunkedArray)
    return replace(node.read.__self__, by_library=refuse)


def check(path: Path, truth) -> None:
    array = past_the_library(open_x(path))
    for region in [tuple(slice(0, size) for size in truth.shape), *regions(truth.shape)]:
        assert_same(array.read(region), truth[(*region, ...)], str(region))


@pytest.mark.parametrize("dtype", ["u1", ">i2", "<f4", "<f8", "<c16"])
@pytest.mark.parametrize("options", FILTERS.values(), ids=FILTERS.keys())
def test_filters(tmp_path, options, dtype):
    for name, data in {"waves": WAVES, "noise": NOISE}.items():
        write(tmp_path / name, data.astype(dtype), chunks=(20, 30), **options)
        check(tmp_path / name, data.astype(dtype))


@pytest.mark.parametrize("options", FILTERS.values(), ids=FILTERS.keys())
def test_chunks_of_many_blocks(tmp_path, options):
    data = np.arange(2 * 90_000, dtype="<u4").reshape(2, 300, 300) // 5 * 2
    write(tmp_path / "a.h5", data, chunks=(1, 299, 300), **options)
    check(tmp_path / "a.h5", data)


@pytest.mark.parametrize("options", EVEN.values(), ids=EVEN.keys())
def test_filters_that_complain_of_nothing_are_undone_where_no_chunk_is_cut(tmp_path, options):
    data = WAVES[:60, :80].astype("<i4")
    write(tmp_path / "a.h5", data, chunks=(20, 40), **options)
    check(tmp_path / "a.h5", data)


@pytest.mark.parametrize("options", BY_LIBRARY.values(), ids=BY_LIBRARY.keys())
def test_the_library_reads_the_rest(tmp_path, options):
    write(tmp_path / "a.h5", WAVES.astype("<i4"), **options)
    node = open_x(tmp_path / "a.h5")
    assert not isinstance(getattr(node.read, "__self__", None), ChunkedArray)
    assert (whole(node) == WAVES).all()


ENUM = h5py.enum_dtype({"OFF": 0, "ON": 1}, "i1")
TYPES = {
    **{name: array for name, array in ARRAYS.items() if array.dtype.kind in "biufcS" and array.ndim == 2 and array.size},
    "enum": np.array([[0, 1, 1], [1, 0, 0]], ENUM),
    "times": np.array([["2026-11-23", "NaT"]] * 3, "M8[ns]").astype(h5py.opaque_dtype("M8[ns]")),
    "record": np.array([[(b"Rex", 9, 81.0), (b"Fido", 3, 27.5)]] * 3, [("name", "S10"), ("age", "<i4"), ("weight", ">f4")]),
    "aligned": np.array([[(True, 2.5), (False, -1)]] * 3, np.dtype([("flag", "?"), ("size", "<f8")], align=True)),
}


@pytest.mark.parametrize("data", TYPES.values(), ids=TYPES.keys())
def test_types(tmp_path, data):
    write(tmp_path / "a.h5", data, chunks=(2, 2), compression="gzip", shuffle=True)
    array = past_the_library(open_x(tmp_path / "a.h5"))
    for region in regions(data.shape):
        assert_same(array.read(region), data[region], str(region))


@pytest.mark.parametrize("chunks", [None, (4,)], ids=["contiguous", "chunked"])
@pytest.mark.parametrize("name", ["space_padded", "three_bytes"])
def test_types_that_are_stored_otherwise_are_converted(tmp_path, name, chunks):
    kind = h5py.h5t.C_S1.copy() if name == "space_padded" else h5py.h5t.STD_I32LE.copy()
    if name == "space_padded":
        kind.set_size(4)
        kind.set_strpad(h5py.h5t.STR_SPACEPAD)
        data = np.array([b"ab", b"c", b"", b"abcd"], "S4")
    else:
        kind.set_precision(20)
        data = np.array([1, -5, 7, 100], "<i4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if chunks:
            created.set_chunk(chunks)
        h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((4,)), created).write(h5py.h5s.ALL, h5py.h5s.ALL, data)
        truth = file["x"][...]
    assert_same(whole(open_x(tmp_path / "a.h5")), truth, name)


SHAPES = {
    "one axis": ((1000,), (64,)),
    "one chunk": ((10, 12), (10, 12)),
    "one item a chunk": ((5, 7), (1, 1)),
    "rows": ((60, 200), (1, 200)),
    "columns": ((60, 200), (60, 1)),
    "five axes": ((3, 4, 5, 6, 7), (2, 3, 2, 4, 3)),
}


@pytest.mark.parametrize(("shape", "chunks"), SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}], ids=["none", "gzip"])
def test_any_box_of_any_grid(tmp_path, shape, chunks, options):
    data = np.arange(np.prod(shape), dtype="<u4").reshape(shape) * 7
    write(tmp_path / "a.h5", data, chunks=chunks, **options)
    check_any_box("x", open_x(tmp_path / "a.h5"), data)


@pytest.mark.parametrize("size", [70, 300], ids=["in pieces", "by themselves"])
def test_unfiltered_chunks(tmp_path, size):
    data = np.arange(700 * 900, dtype="<u4").reshape(700, 900)
    write(tmp_path / "a.h5", data, chunks=(size, size))
    check(tmp_path / "a.h5", data)


INDEXES = {
    "single chunk": {"shape": (10, 10), "chunks": (10, 10)},
    "fixed array": {"shape": (95, 100), "chunks": (10, 10)},
    "extensible array": {"shape": (95, 100), "chunks": (10, 10), "maxshape": (None, 100)},
    "second b-tree": {"shape": (95, 100), "chunks": (10, 10), "maxshape": (None, None)},
    "chunks beyond the shape": {"shape": (5, 7), "chunks": (10, 10), "maxshape": (None, None)},
}


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("options", INDEXES.values(), ids=INDEXES.keys())
@pytest.mark.parametrize("compression", [None, "gzip"], ids=["none", "gzip"])
def test_missing_chunks_hold_the_fill_value(tmp_path, options, version, compression):
    with h5py.File(tmp_path / "a.h5", "w", libver=version) as file:
        x = file.create_dataset("x", dtype="<i4", fillvalue=-7, compression=compression, **options)
        blank = x[...]
        x[3:5, 4:6] = 9
        x[-1, -1] = 8
        truth = x[...]
        file.create_dataset("blank", dtype="<i4", fillvalue=-7, compression=compression, **options)
    check(tmp_path / "a.h5", truth)
    assert (whole(open_hdf5(tmp_path / "a.h5").children["blank"]) == blank).all()


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_early_allocation_and_shrinking(tmp_path, version):
    with h5py.File(tmp_path / "a.h5", "w", libver=version) as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        x = file.create_dataset("x", (95, 100), "<u2", chunks=(10, 10), maxshape=(None, 100), dcpl=created)
        x[:90] = 3
        x.resize((33, 100))
        truth = x[...]
    check(tmp_path / "a.h5", truth)


def test_where_no_fill_value_is_said_the_library_is_asked(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        file.create_dataset("x", (40, 40), "<u2", chunks=(10, 10), dcpl=created)[:10] = 5
    node = open_x(tmp_path / "a.h5")
    assert node.read.__self__.fill is None
    assert (past_the_library(node).read((slice(0, 10), slice(0, 40))) == 5).all()
    assert not node.read((slice(10, 40), slice(0, 40))).any()


def test_filters_that_were_left_out(tmp_path):
    data = np.arange(800, dtype="<i4").reshape(20, 40)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        x = file.create_dataset("x", data=data, chunks=(10, 20), compression="gzip", shuffle=True)
        chunk = data[:10, 20:40]
        shuffled = np.frombuffer(chunk.tobytes(), "u1").reshape(-1, 4).T.tobytes()
        x.id.write_direct_chunk((0, 20), chunk.tobytes(), 0b11)
        x.id.write_direct_chunk((10, 20), shuffled, 0b10)
        truth = x[...]
    assert (truth[10:, 20:] == chunk).all()
    check(tmp_path / "a.h5", truth)


def test_chunks_at_the_edge_that_no_filter_saw(tmp_path):
    """The option is not in h5py: its library is called directly."""
    maps = Path("/proc/self/maps").read_text()
    library = ctypes.CDLL(re.search(r"\S+/libhdf5[-.]\S*so\S*", maps).group())
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((20, 30))
    created.set_deflate(4)
    library.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
    assert library.H5Pset_chunk_opts(created.id, 2) == 0
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        space = h5py.h5s.create_simple(WAVES.shape)
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I64LE, space, created).write(h5py.h5s.ALL, h5py.h5s.ALL, WAVES)
        assert file["x"].id.get_chunk_info_by_coord((60, 60)).size == 20 * 30 * 8
    node = open_x(tmp_path / "a.h5")
    assert (past_the_library(node).read((slice(0, 60), slice(0, 60))) == WAVES[:60, :60]).all()
    with pytest.raises(AssertionError, match="the library was asked"):
        whole(replace(node, read=past_the_library(node).read))
    assert (whole(node) == WAVES).all()


@pytest.mark.parametrize("options", [{}, {"chunks": (20, 30)}, {"chunks": (20, 30), "compression": "gzip"}], ids=["flat", "none", "gzip"])
def test_a_user_block_counts(tmp_path, options):
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=1024) as file:
        file.create_dataset("x", data=WAVES, **options)
    assert (whole(open_x(tmp_path / "a.h5")) == WAVES).all()


@pytest.mark.parametrize("dtype", ["<u2", ">f8", "S3"])
def test_contiguous_data_are_read_past_the_library(tmp_path, monkeypatch, dtype):
    data = WAVES.astype(dtype)
    write(tmp_path / "a.h5", data)
    node = open_x(tmp_path / "a.h5")
    monkeypatch.setattr(Library, "_call", refuse)
    assert_same(whole(node), data, dtype)


def test_data_that_were_never_written_are_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (4, 5), "<i4", fillvalue=6)
    assert (whole(open_x(tmp_path / "a.h5")) == np.full((4, 5), 6)).all()


def test_chunks_are_read_past_the_library(tmp_path, monkeypatch):
    write(tmp_path / "a.h5", WAVES, chunks=(20, 30), compression="gzip")
    node = open_x(tmp_path / "a.h5")
    whole(node)
    monkeypatch.setattr(Library, "_call", refuse)
    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(whole, node) for _ in range(8)]:
            assert (job.result(30) == WAVES).all()


def test_a_chunk_that_many_want_a_part_of_is_decoded_once(tmp_path, monkeypatch):
    data = np.arange(512 * 512, dtype="<u4").reshape(512, 512)
    write(tmp_path / "a.h5", data, chunks=(512, 512), compression="gzip")
    node, barrier, reads = open_x(tmp_path / "a.h5"), Barrier(8), []
    read_pieces = chunked.read_pieces
    monkeypatch.setattr(chunked, "read_pieces", lambda snapshot, pieces: reads.append(pieces) or read_pieces(snapshot, pieces))

    def read(row):
        barrier.wait(30)
        return node.read((slice(row * 64, row * 64 + 64), slice(0, 512)))

    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(read, range(8)))
    assert (np.concatenate(blocks) == data).all()
    assert len(reads) == 1


@pytest.mark.parametrize("options", [{"compression": "gzip"}, hdf5plugin.Blosc(), {"compression": "gzip", "fletcher32": True}])
def test_rewritten_and_truncated_files(tmp_path, options):
    check_rewritten(tmp_path / "a.h5", open_x, lambda path, data: write(path, data, chunks=(2, 5), **options))
    write(tmp_path / "b.h5", WAVES, chunks=(20, 30), **options)
    check_truncated(tmp_path / "b.h5", open_x, WAVES)


DAMAGED = {
    "gzip": "deflate: ",
    "gzip shuffle fletcher32": "fletcher32: the stored checksum is ",
    "lz4": "lz4: ",
    "zstd": "zstd: ",
    "blosc lz4 shuffle": "blosc: ",
    "bitshuffle lz4": "bitshuffle: ",
}


@pytest.mark.parametrize(("name", "text"), DAMAGED.items(), ids=DAMAGED.keys())
def test_damaged_chunks_raise_with_their_place(tmp_path, name, text):
    write(tmp_path / "a.h5", NOISE.astype("<u4"), chunks=(20, 30), **FILTERS[name])
    with h5py.File(tmp_path / "a.h5") as file:
        place = file["x"].id.get_chunk_info_by_coord((20, 30))
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[place.byte_offset : place.byte_offset + 16] = bytes([0x55]) * 16
    (tmp_path / "a.h5").write_bytes(content)
    array = past_the_library(open_x(tmp_path / "a.h5"))
    with pytest.raises(OSError, match=re.escape(f"/x cannot be decoded: chunk [1, 1]: {text}")):
        array.read((slice(0, 61), slice(0, 83)))
    with pytest.raises(OSError, match=re.escape("chunk [1, 1]")):
        array.read((slice(25, 26), slice(35, 36)))
    assert (array.read((slice(0, 20), slice(0, 83))) == NOISE[:20]).all()


@pytest.mark.usefixtures("in_process")
def test_filters_that_only_the_library_lacks_are_no_obstacle(tmp_path, monkeypatch):
    write(tmp_path / "a.h5", WAVES, chunks=(20, 30), **hdf5plugin.Zstd())
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    check(tmp_path / "a.h5", WAVES)
