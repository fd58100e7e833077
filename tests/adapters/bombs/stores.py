"""Zarr arrays whose small files decode to hundreds of megabytes."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import google_crc32c
import numcodecs
import numpy as np

NBYTES = 128 * 2**20
TEXT_NBYTES = 400 * 2**20
"""More than the largest bound, which is that of text."""
SHAPE, CHUNK = [16 * 2**20], [4 * 2**20]

Pack = Callable[[bytes], bytes]

PACKS: dict[str, tuple[Pack, dict[str, Any]]] = {
    "gzip": (lambda data: gzip.compress(data, 1), {"level": 1}),
    "zlib": (lambda data: zlib.compress(data, 1), {"level": 1}),
    "zstd": (lambda data: bytes(numcodecs.Zstd(1).encode(data)), {"level": 1}),
    "lz4": (lambda data: bytes(numcodecs.LZ4().encode(data)), {"acceleration": 1}),
    "blosc": (lambda data: bytes(numcodecs.Blosc("lz4", 5, 1).encode(data)), {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}),
    "bz2": (lambda data: bz2.compress(data, 1), {"level": 1}),
    "lzma": (lambda data: lzma.compress(data, preset=0), {"format": 1, "check": -1, "preset": 0, "filters": None}),
}


def unsized_zstd(data: bytes) -> bytes:
    """A frame without its decoded size: 128 KiB blocks of one repeated byte.

    RFC 8878, section 3.1.1.2.
    """
    block = 2**17
    count = len(data) // block
    headers = [(block << 3 | 1 << 1 | (i == count - 1)).to_bytes(3, "little") + data[:1] for i in range(count)]
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(headers)


def members(data: bytes) -> bytes:
    """Gzip members of 1 MiB each."""
    return gzip.compress(data[: 2**20], 9) * (len(data) // 2**20)


@cache
def packed(name: str, nbytes: int = NBYTES) -> bytes:
    """A bomb of one compressor."""
    return PACKS[name][0](bytes(nbytes))


def crc32c(data: bytes) -> bytes:
    return data + int(google_crc32c.value(data)).to_bytes(4, "little")


def v2(folder: Path, chunk: bytes, compressor: Any, *, filters: Any = None, dtype: str = "|u1", order: str = "C") -> None:
    """An array of four chunks that are all the same."""
    fill = "" if dtype == "|O" else 0
    document = {"zarr_format": 2, "shape": SHAPE, "chunks": CHUNK, "dtype": dtype, "order": order, "fill_value": fill}
    folder.mkdir(parents=True)
    (folder / ".zarray").write_text(json.dumps(document | {"compressor": compressor, "filters": filters}))
    for i in range(4):
        (folder / str(i)).write_bytes(chunk)


def v3(folder: Path, chunk: bytes, codecs: list[Any], *, data_type: str = "uint8", shape: Any = SHAPE, chunk_shape: Any = CHUNK) -> None:
    """An array of four chunks, or shards, that are all the same."""
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk_shape}},
        "chunk_key_encoding": {"name": "default"},
        "codecs": codecs,
        "fill_value": "" if data_type == "string" else 0,
        "attributes": {},
    }
    folder.mkdir(parents=True)
    (folder / "zarr.json").write_text(json.dumps(document))
    (folder / "c").mkdir()
    for i in range(4):
        (folder / "c" / str(i)).write_bytes(chunk)


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


BYTES = codec("bytes", endian="little")
BLOSC3 = codec("blosc", cname="lz4", clevel=5, shuffle="noshuffle", typesize=1, blocksize=0)
INDEX = [BYTES, {"name": "crc32c"}]


def sharding(codecs: list[Any], chunk: int = CHUNK[0] // 4) -> dict[str, Any]:
    return codec("sharding_indexed", chunk_shape=[chunk], codecs=codecs, index_codecs=INDEX, index_location="end")


def shard(inner: bytes, count: int = 4) -> bytes:
    """A shard whose chunks are all the same bytes."""
    index = np.array([[0, len(inner)]] * count, "<u8").tobytes()
    return inner + crc32c(index)


def neighbours(root: Path) -> list[str]:
    """Good arrays of both formats, one of strings among them, and the keys of their chunks."""
    v2(
        root / "warm2.zarr",
        gzip.compress(bytes(CHUNK[0])),
        {"id": "gzip", "level": 1},
        filters=[{"id": "delta", "dtype": "|u1", "astype": "|u1"}],
    )
    v3(root / "warm3.zarr", zlib.compress(bytes(CHUNK[0])), [BYTES, codec("numcodecs.zlib", level=1)])
    texts = (16).to_bytes(4, "little") + ((1).to_bytes(4, "little") + b"x") * 16
    v3(root / "warmt.zarr", texts, [{"name": "vlen-utf8"}], data_type="string", shape=[64], chunk_shape=[16])
    return ["warm2!c/0", "warm3!c/0", "warmt!c/0"]


def write_plain(root: Path) -> list[str]:
    """One codec and nothing else: what is decoded natively, if it is known."""
    for name, (_, configuration) in PACKS.items():
        v2(root / f"v2_{name}.zarr", packed(name), {"id": name, **configuration})
    v3(root / "v3_gzip.zarr", packed("gzip"), [BYTES, codec("gzip", level=1)])
    v3(root / "v3_members.zarr", members(bytes(NBYTES)), [BYTES, codec("gzip", level=1)])
    v3(root / "v3_zstd.zarr", packed("zstd"), [BYTES, codec("zstd", level=1, checksum=False)])
    v3(root / "v3_unsized.zarr", unsized_zstd(bytes(NBYTES)), [BYTES, codec("zstd", level=1, checksum=False)])
    v3(root / "v3_blosc.zarr", packed("blosc"), [BYTES, BLOSC3])
    v3(root / "v3_crc32c.zarr", crc32c(packed("gzip")), [BYTES, codec("gzip", level=1), {"name": "crc32c"}])
    v3(root / "v3_shards.zarr", shard(packed("gzip")), [sharding([BYTES, codec("gzip", level=1)])])
    v3(root / "v3_small.zarr", packed("gzip"), [BYTES, codec("gzip", level=1)], shape=[64], chunk_shape=[16])
    return [f"{path.stem}!c/0" for path in sorted(root.iterdir())]


def write_odd(root: Path) -> list[str]:
    """What zarr-python decodes and our decoders do not.

    That is filters, two compressors, transposes, odd shards, other names of the same codecs, text.
    """
    delta = {"id": "delta", "dtype": "|u1", "astype": "|u1"}
    for name, (_, configuration) in PACKS.items():
        v2(root / f"v2_delta_{name}.zarr", packed(name), {"id": name, **configuration}, filters=[delta])
        v3(root / f"v3_named_{name}.zarr", packed(name), [BYTES, codec(f"numcodecs.{name}", **configuration)])
    nested = gzip.compress(gzip.compress(packed("gzip"), 9), 9)
    v2(root / "v2_nested.zarr", nested, {"id": "gzip", "level": 1}, filters=[{"id": "gzip", "level": 1}, {"id": "gzip", "level": 1}])
    v3(root / "v3_nested.zarr", nested, [BYTES, *[codec("gzip", level=1)] * 3])
    v3(root / "v3_delta.zarr", packed("gzip"), [codec("numcodecs.delta", dtype="u1"), BYTES, codec("gzip", level=1)])
    v3(root / "v3_transposed.zarr", packed("zstd"), [codec("transpose", order=[0]), BYTES, codec("zstd", level=1, checksum=False)])
    v3(root / "v3_unsized_crc.zarr", unsized_zstd(bytes(NBYTES)), [codec("transpose", order=[0]), BYTES, codec("zstd", level=1)])
    inner = codec("gzip", level=1)
    v3(root / "v3_packed_shards.zarr", packed("gzip"), [sharding([BYTES]), inner])
    v3(root / "v3_odd_shards.zarr", shard(packed("gzip")), [sharding([codec("transpose", order=[0]), BYTES, inner])])
    v3(root / "v3_inner_shards.zarr", shard(shard(packed("gzip")), 1), [sharding([sharding([BYTES, inner])], CHUNK[0])])
    v2(root / "v2_text.zarr", packed("gzip", TEXT_NBYTES), {"id": "gzip", "level": 1}, filters=[{"id": "vlen-utf8"}], dtype="|O")
    v3(root / "v3_text.zarr", packed("zstd", TEXT_NBYTES), [{"name": "vlen-utf8"}, codec("zstd", level=1)], data_type="string")
    many = (2**31 - 1).to_bytes(4, "little") + bytes(60)
    v2(root / "v2_counted.zarr", gzip.compress(many), {"id": "gzip", "level": 1}, filters=[{"id": "vlen-utf8"}], dtype="|O")
    v3(root / "v3_counted.zarr", many, [{"name": "vlen-utf8"}], data_type="string")
    long = (16).to_bytes(4, "little") + (TEXT_NBYTES // 16).to_bytes(4, "little") + bytes(TEXT_NBYTES // 16)
    long += ((TEXT_NBYTES // 16).to_bytes(4, "little") + bytes(TEXT_NBYTES // 16)) * 15
    v3(root / "v3_long.zarr", gzip.compress(long, 1), [{"name": "vlen-utf8"}, codec("gzip", level=1)], data_type="string")
    wide = {"id": "astype", "encode_dtype": "|u1", "decode_dtype": "<U50000000"}
    v2(root / "v2_wide.zarr", bytes(16), None, filters=[wide])
    v2(root / "v2_bits.zarr", bytes(200 * 2**20), None, filters=[{"id": "packbits"}], dtype="|b1")
    return [f"{path.stem}!c/0" for path in sorted(root.iterdir())]


def write_sparse(root: Path) -> list[str]:
    """Files of 1 GiB that take no room on the disk."""
    codecs = {"gzip": codec("gzip", level=1), "zstd": codec("zstd", level=1)}
    for name, one in codecs.items():
        v3(root / f"v3_{name}.zarr", b"", [BYTES, one])
        v3(root / f"v3_odd_{name}.zarr", b"", [codec("transpose", order=[0]), BYTES, one])
    v2(root / "v2_none.zarr", b"", None)
    v3(root / "v3_shards.zarr", b"", [sharding([codec("transpose", order=[0]), BYTES])])
    v3(root / "v3_plain_shards.zarr", b"", [sharding([BYTES, codec("gzip", level=1)])])
    keys = [f"{path.stem}!c/0" for path in sorted(root.iterdir())]
    for path in [*root.glob("*/c/*"), *root.glob("*/[0-9]")]:
        with path.open("r+b") as file:
            file.truncate(2**30)
    ends = crc32c(np.array([[0, 2**29]] * 4, "<u8").tobytes())
    for path in root.glob("*shards*/c/*"):
        with path.open("r+b") as file:
            file.seek(2**30 - len(ends))
            file.write(ends)
    return keys
