"""Small files of formats other than Zarr that decode to hundreds of megabytes."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import blosc2
import h5py
import imagecodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile

NBYTES = 128 * 2**20
LIBRARY_NBYTES = 640 * 2**20
"""More than a helper may take for texts."""
SIDE = 1024
"""Pixels: a tile of 1 MiB."""
PICTURE = 6000
"""Pixels: a picture of 108 MB with three samples."""


@cache
def deflated(nbytes: int = NBYTES) -> bytes:
    """Zeros in zlib's format."""
    return zlib.compress(bytes(nbytes), 1)


TIFF: dict[str, tuple[int, Callable[[], bytes]]] = {
    "lzw": (5, lambda: bytes(imagecodecs.lzw_encode(bytes(NBYTES // 4)))),
    "deflate": (8, deflated),
    "packbits": (32773, lambda: bytes(imagecodecs.packbits_encode(bytes(2**20))) * (NBYTES >> 20)),
    "lzma": (34925, lambda: bytes(imagecodecs.lzma_encode(bytes(NBYTES), level=0))),
    "zstd": (50000, lambda: bytes(imagecodecs.zstd_encode(bytes(NBYTES), level=1))),
}
PICTURES: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "png": (34933, lambda pixels: imagecodecs.png_encode(pixels, level=1)),
    "webp": (50001, lambda pixels: imagecodecs.webp_encode(pixels, lossless=True, level=0)),
    "jpeg2k": (33005, lambda pixels: imagecodecs.jpeg2k_encode(pixels, level=10)),
    "jpeg": (7, imagecodecs.jpeg8_encode),
    "jpegxl": (50002, lambda pixels: imagecodecs.jpegxl_encode(pixels, effort=1)),
}


def tiff(path: Path, compression: int, segment: bytes, *, samples: int = 1, tiled: bool = True) -> None:
    """A picture of one tile, or strip, of any bytes."""
    with tifffile.TiffWriter(path) as file:
        shape = (SIDE, SIDE, 3) if samples == 3 else (SIDE, SIDE)
        cut: dict[str, Any] = {"tile": (SIDE, SIDE)} if tiled else {"rowsperstrip": SIDE}
        photometric = "rgb" if samples == 3 else "minisblack"
        file.write(iter([segment]), shape=shape, dtype="u1", compression=compression, photometric=photometric, metadata=None, **cut)


def write_tiff(root: Path) -> list[str]:
    """Tiles and strips of more items than they should have."""
    for name, (code, encode) in TIFF.items():
        segment = encode()
        tiff(root / f"{name}.tif", code, segment)
        tiff(root / f"{name}_strip.tif", code, segment, tiled=False)
    return [f"{path.stem}!c/0/0" for path in sorted(root.iterdir())]


def write_tiff_pictures(root: Path) -> list[str]:
    """Tiles that are pictures of other sizes than the tile's."""
    pixels = np.zeros((PICTURE, PICTURE, 3), "u1")
    for name, (code, encode) in PICTURES.items():
        tiff(root / f"{name}.tif", code, encode(pixels), samples=3)
    return [f"{path.stem}!c/0/0/0" for path in sorted(root.iterdir())]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG: https://www.w3.org/TR/png/#5Chunk-layout."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(root: Path) -> list[str]:
    """Text, profiles and pixels that decode to more than they declare.

    One has 16 bits per sample, which imagecodecs decodes.
    """
    packed = deflated()
    extra = {
        "ztxt": png_chunk(b"zTXt", b"a\0\0" + packed),
        "itxt": png_chunk(b"iTXt", b"a\0\1\0\0\0" + packed),
        "iccp": png_chunk(b"iCCP", b"a\0\0" + packed),
        "many": png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 9)) * 200,
        "idat": b"",
    }
    keys = []
    for depth, colour, row, place in ((8, 0, 65, "c/0/0"), (16, 2, 385, "c/0/0/0")):
        head = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, depth, colour, 0, 0, 0))
        for name, one in extra.items():
            pixels = packed if name == "idat" else zlib.compress(bytes(row * 64))
            (root / f"{name}{depth}.png").write_bytes(head + one + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b""))
            keys.append(f"{name}{depth}!{place}")
    return keys


def npy_header(version: int, length: int) -> bytes:
    """The header of 64 items, padded to a length.

    https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    """
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (64,), }"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<I", length) + text + b" " * (length - len(text) - 1) + b"\n"


def write_npz(root: Path) -> list[str]:
    """Members with headers, or with bytes behind the array, of hundreds of megabytes."""

    def archive(name: str, content: bytes) -> None:
        with zipfile.ZipFile(root / f"{name}.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.writestr("a.npy", content)

    good = io.BytesIO()
    np.save(good, np.arange(64, dtype="u1"))
    archive("longer", good.getvalue() + bytes(NBYTES))
    archive("header2", npy_header(2, NBYTES) + bytes(64))
    archive("header3", npy_header(3, NBYTES) + bytes(64))
    (root / "plain.npy").write_bytes(npy_header(2, NBYTES) + bytes(64))
    return [*(f"{path.stem}/a!c/0" for path in sorted(root.glob("*.npz"))), "plain!c/0"]


def write_parquet(root: Path) -> list[str]:
    """Texts, and dictionaries of texts, of hundreds of megabytes in one page."""
    text = pa.table({"a": ["x" * NBYTES] + ["y"] * 9})
    for codec in ("gzip", "zstd", "snappy"):
        pq.write_table(text, root / f"text_{codec}.parquet", compression=codec, use_dictionary=False, write_statistics=False)
    pq.write_table(text, root / "dictionary.parquet", compression="zstd", use_dictionary=["a"], write_statistics=False)
    repeated = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000, "i4")), ["x" * 1_000_000])
    pq.write_table(pa.table({"a": repeated}), root / "repeated.parquet", compression="zstd", write_statistics=False, store_schema=False)
    numbers = pa.table({"a": pa.array(np.zeros(NBYTES // 8, "<i8"))})
    pq.write_table(numbers, root / "numbers.parquet", compression="zstd", row_group_size=2**30)
    return [f"{path.stem}/a!c/0" for path in sorted(root.iterdir())]


def write_b2nd(root: Path) -> list[str]:
    """A folder whose chunk files, of another array, decode to more than this array's chunks."""
    big = blosc2.compress2(bytes(NBYTES))
    blosc2.asarray(np.arange(64, dtype="u1"), chunks=(16,), blocks=(16,), urlpath=str(root / "small.b2nd"), mode="w", contiguous=False)
    for file in (root / "small.b2nd").glob("*.chunk"):
        file.write_bytes(big)
    return ["small!c/0"]


def write_csv(root: Path) -> list[str]:
    """Gzipped text: a long line, and a quoted cell."""
    lines = {
        "line": b"a,b\n" + b"1" * 2**20,
        "quoted": b'a,b\n1,"' + b"x" * 2**20,
    }
    for name, text in lines.items():
        (root / f"{name}.csv.gz").write_bytes(gzip.compress(text, 1) + gzip.compress(text[4:], 1) * 270)
    return [f"{name}/a!c/0" for name in lines]


def write_hdf5(root: Path) -> list[str]:
    """Chunks of 16 elements that decode to 640 MiB.

    The native decoder reads some of them, and only the HDF5 library the others.
    """
    stored = deflated(LIBRARY_NBYTES)
    filters: dict[str, dict[str, Any]] = {
        "deflate": {"compression": "gzip"},
        "shuffle": {"compression": "gzip", "shuffle": True},
        "checked": {"compression": "gzip", "fletcher32": True},
        "offset": {"compression": "gzip", "scaleoffset": 0},
        "lzf": {"compression": "lzf"},
    }
    with h5py.File(root / "a.h5", "w") as file:
        for name, options in filters.items():
            dataset = file.create_dataset(name, shape=(64,), chunks=(16,), dtype="u1", **options)
            for i in range(0, 64, 16):
                dataset.id.write_direct_chunk((i,), stored)
        text = file.create_dataset("text", shape=(64,), chunks=(16,), dtype=h5py.string_dtype(), compression="gzip")
        for i in range(0, 64, 16):
            text.id.write_direct_chunk((i,), stored)
        long = file.create_dataset("long", shape=(4,), dtype=h5py.string_dtype())
        long[...] = ["x" * (LIBRARY_NBYTES // 4)] * 4
    return [f"a/{name}!c/0" for name in [*filters, "text", "long"]]


GOOD = np.arange(64, dtype="u1")


def neighbours(root: Path, kind: str) -> list[str]:
    """A good file of the same kind, and the keys of its chunks."""
    match kind:
        case "tiff" | "tiff_pictures":
            tiff(root / "warm.tif", 8, zlib.compress(bytes(SIDE**2)))
            tiff(root / "warm2.tif", 7, imagecodecs.jpeg8_encode(np.zeros((SIDE, SIDE, 3), "u1")), samples=3)
            return ["warm!c/0/0", "warm2!c/0/0/0"]
        case "png":
            (root / "warm.png").write_bytes(imagecodecs.png_encode(GOOD.reshape(8, 8)))
            (root / "warm2.png").write_bytes(imagecodecs.png_encode(np.zeros((8, 8, 3), "u2")))
            return ["warm!c/0/0", "warm2!c/0/0/0"]
        case "npz":
            np.savez_compressed(root / "warm.npz", a=GOOD)
            return ["warm/a!c/0"]
        case "parquet":
            pq.write_table(pa.table({"a": ["x", "y"], "b": [1, 2]}), root / "warm.parquet")
            return ["warm/a!c/0", "warm/b!c/0"]
        case "b2nd":
            blosc2.asarray(GOOD, urlpath=str(root / "warm.b2nd"), mode="w")
            return ["warm!c/0"]
        case "csv":
            (root / "warm.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
            return ["warm/a!c/0"]
        case "hdf5":
            with h5py.File(root / "warm.h5", "w") as file:
                file.create_dataset("a", data=GOOD, chunks=(16,), compression="gzip")
                file.create_dataset("b", data=GOOD, chunks=(16,), compression="gzip", scaleoffset=0)
            return ["warm/a!c/0", "warm/b!c/0"]
    raise ValueError(kind)
