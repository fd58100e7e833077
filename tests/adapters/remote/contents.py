"""Files of every kind that is read from stores, and what they hold, by the libraries of the formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from PIL import Image

IMAGE = np.add.outer(np.arange(700, dtype="u2"), 3 * np.arange(900, dtype="u2"))
STACK = np.arange(3 * 60 * 80, dtype=">f4").reshape(3, 60, 80)
ROWS = 20_000
TABLE = {"x": np.arange(ROWS) * 7, "y": np.sqrt(np.arange(ROWS)), "s": np.array([f"n{i % 100}" for i in range(ROWS)], object)}


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def tiff(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def png(array: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def hdf5(**arrays: Any) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        for name, array in arrays.items():
            made[name] = array
    return file.getvalue()


def parquet(group: int = 3000, **columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), file, row_group_size=group)
    return file.getvalue()


KINDS: dict[str, tuple[Callable[[], bytes], Any]] = {
    "flat.npy": (lambda: npy(IMAGE), IMAGE),
    "fortran.npy": (lambda: npy(np.asfortranarray(IMAGE)), IMAGE),
    "big.npy": (lambda: npy(STACK), STACK),
    "scalar.npy": (lambda: npy(np.array(2.5)), np.array(2.5)),
    "empty.npy": (lambda: npy(np.zeros((0, 4))), np.zeros((0, 4))),
    "tiled.tif": (lambda: tiff(IMAGE, tile=(256, 256), compression="zlib"), IMAGE),
    "raw_tiles.tif": (lambda: tiff(IMAGE, tile=(128, 256)), IMAGE),
    "strips.tif": (lambda: tiff(IMAGE, rowsperstrip=16, compression="zlib", predictor=True), IMAGE),
    "one_run.tif": (lambda: tiff(IMAGE), IMAGE),
    "pages.tif": (lambda: tiff(STACK.astype("f4"), compression="zlib", photometric="minisblack"), STACK.astype("f4")),
    "stack.ome.tif": (lambda: tiff(STACK.astype("f4"), photometric="minisblack"), STACK.astype("f4")),
    "table.parquet": (lambda: parquet(**TABLE), TABLE),
    "archive.npz": (lambda: npz(a=IMAGE, b=STACK), {"a": IMAGE, "b": STACK}),
    "picture.png": (lambda: png(IMAGE.astype("u1")), IMAGE.astype("u1")),
    "numbers.csv": (lambda: b"a,b\n1,2.5\n3,4.5\n", {"a": np.array([1, 3]), "b": np.array([2.5, 4.5])}),
    "deep.h5": (lambda: hdf5(a=IMAGE, b=STACK), {"a": IMAGE, "b": STACK}),
}
"""Bytes and content of files by name."""
