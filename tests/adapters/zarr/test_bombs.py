"""Small files of Zarr arrays that decode to 128 MiB or more, or are sparse.

The answer gives the reason, and no memory is taken for them.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import Crc32cCodec, GzipCodec, ZstdCodec
from zarr.codecs.numcodecs import BZ2, LZ4, LZMA, AsType, Delta, Zlib

from adapters.bombs import asking, stores
from tiled_zarr.adapters.common import bounds
from tiled_zarr.adapters.zarr import open_zarr
from tiled_zarr.nodes import Array, Damaged
from tiled_zarr.testing import outcome

pytestmark = pytest.mark.slow

CHUNK = 4 * 2**20
MOST = 64
"""MiB: a few copies of a region, and what the libraries take when they are used first."""
MOST_TEXT = 1.3 * bounds.LARGEST_TEXT / 2**20


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (stores.write_plain, r"it is damaged|decodes to more|at most \d+ are expected"),
        (stores.write_odd, r"decodes to|at most \d+ are expected|buffer is too small|strings|has items of \d+ bytes"),
        (stores.write_sparse, r"at most \d+ are expected|\d+ bytes, expected|at most"),
    ],
    ids=["plain", "odd", "sparse"],
)
def test_bombs_take_no_memory(tmp_path: Path, write: Callable[[Path], list[str]], reason: str) -> None:
    keys = write(tmp_path)
    costs = asking.costs(tmp_path, keys, warm=stores.neighbours(tmp_path))
    for key, cost in costs.items():
        is_text = "text" in key or "long" in key
        expected = 413 if is_text else 500
        assert (key, cost.status) == (key, expected)
        assert re.search(reason, cost.body), (key, cost.body)
        assert cost.peak < (MOST_TEXT if is_text else MOST), (key, cost)
        assert cost.kept < MOST, (key, cost)
    assert len(costs) > 5


@pytest.mark.parametrize("name", ["zarr.json", ".zarray"])
def test_documents_have_a_largest_size(tmp_path: Path, name: str) -> None:
    stores.v2(tmp_path / "a.zarr", bytes(16), None)
    (tmp_path / "a.zarr" / name).write_text(json.dumps({"a": "x" * 17 * 2**20}))
    with pytest.raises(Damaged, match=r"has \d+ bytes.*at most 16777216 are expected"):
        open_zarr(tmp_path / "a.zarr")


DATA = np.arange(40 * 30, dtype="<u2").reshape(40, 30) % 250
PIPELINES: dict[str, Callable[[], dict[str, Any]]] = {
    "two compressors": lambda: {"compressors": [GzipCodec(level=1), ZstdCodec(level=1)]},
    "three": lambda: {"compressors": [ZstdCodec(level=1), Crc32cCodec(), GzipCodec(level=1)]},
    "other names": lambda: {"compressors": [Zlib(level=1), LZ4(), BZ2(level=1), LZMA()]},
    "delta": lambda: {"filters": [Delta(dtype="<u2")], "compressors": [GzipCodec(level=1)]},
    "wider": lambda: {"filters": [AsType(encode_dtype="<f8", decode_dtype="<u2")], "compressors": [ZstdCodec(level=1)]},
    "narrower": lambda: {"filters": [AsType(encode_dtype="|u1", decode_dtype="<u2")], "compressors": [GzipCodec(level=1)]},
    "narrower shards": lambda: {"filters": [AsType(encode_dtype="|u1", decode_dtype="<u2")], "shards": (20, 20)},
}


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr")
@pytest.mark.parametrize("name", PIPELINES)
def test_good_chunks_of_odd_pipelines(tmp_path: Path, name: str) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=DATA, chunks=(10, 10), **PIPELINES[name]())
    node = open_zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(whole(node), DATA)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr")
def test_good_packed_bits(tmp_path: Path) -> None:
    """zarr-python 3.1 itself cannot read those of Zarr v3."""
    bits = DATA % 3 == 0
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=bits.shape,
        dtype=bool,
        chunks=(10, 10),
        filters=[numcodecs.PackBits()],
        compressors=numcodecs.GZip(1),
        zarr_format=2,
    )
    array[...] = bits
    np.testing.assert_array_equal(whole(open_zarr(tmp_path / "a.zarr")), bits)


OLD: dict[str, list[Any]] = {
    "base64": [numcodecs.Base64()],
    "scaled": [numcodecs.FixedScaleOffset(0, 1, "<u2", "|u1")],
    "shuffled": [numcodecs.Shuffle(2), numcodecs.Zstd(1)],
    "checked": [numcodecs.Zlib(1), numcodecs.CRC32(), numcodecs.Adler32()],
}


@pytest.mark.parametrize("name", OLD)
@pytest.mark.parametrize("compressor", [None, numcodecs.LZMA(), numcodecs.BZ2(1), numcodecs.Blosc()], ids=["none", "lzma", "bz2", "blosc"])
def test_good_chunks_of_old_pipelines(tmp_path: Path, name: str, compressor: Any) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=DATA.shape, dtype="<u2", chunks=(10, 10), filters=OLD[name], compressors=compressor, zarr_format=2
    )
    array[...] = DATA
    np.testing.assert_array_equal(whole(open_zarr(tmp_path / "a.zarr")), DATA)


@pytest.mark.parametrize("format_", [2, 3])
def test_good_strings_of_several_megabytes(tmp_path: Path, format_: int) -> None:
    texts = np.array(["x" * 2_000_000, "", "é" * 1_000_000, "y"] * 4, object)
    array = zarr.create_array(tmp_path / "a.zarr", shape=texts.shape, chunks=(4,), dtype=str, zarr_format=format_)
    array[...] = texts
    assert whole(open_zarr(tmp_path / "a.zarr")).tolist() == texts.tolist()


class MadeUp(numcodecs.abc.Codec):
    """A codec that somebody has registered."""

    codec_id = "made-up"

    def encode(self, buf: Any) -> Any:
        return buf

    def decode(self, buf: Any, out: Any = None) -> Any:
        raise NotImplementedError


def test_codecs_of_unknown_sizes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(numcodecs.registry.codec_registry, "made-up", MadeUp)
    stores.v2(tmp_path / "a.zarr", bytes(16), {"id": "made-up"})
    with pytest.raises(Damaged, match="its codec 'made-up' may decode to any size"):
        open_zarr(tmp_path / "a.zarr")
    stores.v2(tmp_path / "b.zarr", bytes(16), None, filters=[{"id": "astype", "encode_dtype": "|u1", "decode_dtype": "<U1000"}])
    with pytest.raises(Damaged, match="its filter 'astype' has items of 4000 bytes, the array's have 1"):
        open_zarr(tmp_path / "b.zarr")


@pytest.mark.parametrize(
    "compressor", [numcodecs.GZip(1), numcodecs.Zlib(1), numcodecs.Zstd(1), numcodecs.LZ4(), numcodecs.Blosc()], ids=lambda it: it.codec_id
)
def test_damaged_strings_are_not_called_too_large(tmp_path: Path, compressor: Any) -> None:
    texts = np.array([f"text {i}" for i in range(1000)], object)
    array = zarr.create_array(tmp_path / "a.zarr", shape=texts.shape, chunks=(1000,), dtype=str, zarr_format=2, compressors=compressor)
    array[...] = texts
    chunk = bytearray((tmp_path / "a.zarr" / "0").read_bytes())
    chunk[len(chunk) // 2 :] = b"\xff" * (len(chunk) - len(chunk) // 2)
    (tmp_path / "a.zarr" / "0").write_bytes(chunk)
    with pytest.raises(Damaged):
        whole(open_zarr(tmp_path / "a.zarr"))


def test_a_bound_takes_no_memory() -> None:
    """Of 4 GiB, of which 1 kB is written."""
    code = (
        "import resource\n"
        "import gzip, bz2\n"
        "from tiled_zarr.adapters.common import bounds\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name, module in {'gzip': gzip, 'bz2': bz2}.items():\n"
        "    assert bytes(bounds.decode({'id': name}, module.compress(bytes(1000)), 2**32)) == bytes(1000)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)"
    )
    kilobytes = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout)
    assert kilobytes < 64 * 1024


CONFIGS: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
    "gzip": ({"id": "gzip"}, gzip.compress),
    "gzip members": ({"id": "gzip"}, lambda data: gzip.compress(data[:100]) + bytes(3) + gzip.compress(data[100:])),
    "zlib": ({"id": "zlib"}, zlib.compress),
    "bz2": ({"id": "bz2"}, bz2.compress),
    "bz2 streams": ({"id": "bz2"}, lambda data: bz2.compress(data[:100]) + bz2.compress(data[100:])),
    "lzma": ({"id": "lzma"}, lzma.compress),
    "lzma alone": ({"id": "lzma", "format": lzma.FORMAT_ALONE}, lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    "zstd": ({"id": "zstd"}, lambda data: bytes(numcodecs.Zstd().encode(data))),
    "lz4": ({"id": "lz4"}, lambda data: bytes(numcodecs.LZ4().encode(data))),
    "blosc": ({"id": "blosc"}, lambda data: bytes(numcodecs.Blosc().encode(data))),
}


@pytest.mark.parametrize("name", CONFIGS)
@given(data=st.binary(min_size=101, max_size=300), repeats=st.sampled_from([1, 7, 1000]), fewer=st.integers(1, 100))
def test_a_bound_is_exact(name: str, data: bytes, repeats: int, fewer: int) -> None:
    config, encode = CONFIGS[name]
    data = data * repeats
    stored = encode(data)
    assert bytes(bounds.decode(config, stored, len(data))) == data
    assert bytes(bounds.decode(config, stored, len(data) + 1)) == data
    with pytest.raises(Damaged, match="decodes to"):
        bounds.decode(config, stored, len(data) - fewer)
    assert outcome(lambda: bytes(bounds.decode(config, stored[: len(stored) // 2], len(data)))) != data


def test_frames_that_do_not_say_their_size() -> None:
    data = bytes(3 * 2**17)
    frame = stores.unsized_zstd(data)
    assert bytes(bounds.decode({"id": "zstd"}, frame, len(data))) == data
    large = bytes(160 * 2**17)
    assert bytes(bounds.decode({"id": "zstd"}, stores.unsized_zstd(large), len(large))) == large
    with pytest.raises(Damaged, match="zstd"):
        bounds.decode({"id": "zstd"}, stores.unsized_zstd(large), len(large) - 1)


@pytest.mark.parametrize("ending", [b"", bytes(8)], ids=["at once", "padded"])
def test_chunks_of_several_gzip_members(tmp_path: Path, ending: bytes) -> None:
    data = (np.arange(stores.CHUNK[0]) % 251).astype("u1")
    first, second = data[:1000].tobytes(), data[1000:].tobytes()
    chunk = gzip.compress(first) + ending + gzip.compress(second) + ending
    stores.v3(tmp_path / "a.zarr", chunk, [stores.BYTES, stores.codec("gzip", level=1)])
    np.testing.assert_array_equal(whole(open_zarr(tmp_path / "a.zarr")), np.tile(data, 4))


def whole(node: Any) -> np.ndarray[Any, Any]:
    assert isinstance(node, Array)
    block: np.ndarray[Any, Any] = node.read(tuple(slice(0, size) for size in node.shape))
    return block
