"""Files of every format, each with what its reference library now reads from it.

That is a mapping from paths below the file to arrays.
"""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import blosc2
import h5py
import numpy as np
import pandas as pd
import PIL.Image
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import tifffile
import zarr

Array: TypeAlias = "np.ndarray[Any, Any]"
Arrays: TypeAlias = dict[str, Array]

RANDOM = np.random.default_rng(20261126)
GREY = (np.arange(300 * 280, dtype="<u2").reshape(300, 280) * 7) + 1
NOISE = RANDOM.integers(1, 60_000, (300, 280), dtype="u2")
STACK = RANDOM.integers(1, 60_000, (9, 64, 80), dtype="u2")
COLOUR = RANDOM.integers(1, 255, (90, 70, 3), dtype="u1")
ROWS = np.arange(1, 3001)
COLUMNS = {"number": ROWS, "half": ROWS / 2, "text": np.array([f"row {i}" for i in ROWS], object)}


@dataclass(frozen=True)
class Source:
    """A format: how to write a file (or folder), and how its reference library reads all of it."""

    suffix: str
    write: Callable[[Path], object]
    read: Callable[[Path], Arrays]
    chunk_shape: tuple[int, ...] | None = None


def texts(column: pa.ChunkedArray) -> Array:
    """A column as numpy; text without null."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([text or "" for text in column.to_pylist()], object)
    return np.asarray(column.to_numpy())


def columns(table: pa.Table) -> Arrays:
    return {name: texts(table.column(i)) for i, name in enumerate(table.column_names)}


def parquet(path: Path, **options: Any) -> None:
    pq.write_table(pa.table(COLUMNS), path, row_group_size=1000, **options)


def read_parquet(path: Path) -> Arrays:
    return columns(pq.ParquetFile(path).read())


def text_table(separator: str) -> bytes:
    rows = [separator.join(COLUMNS), *(separator.join(map(str, row)) for row in zip(*COLUMNS.values(), strict=True))]
    return ("\n".join(rows) + "\n").encode()


def csv(path: Path, separator: str = ",") -> None:
    path.write_bytes(text_table(separator))


def csv_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(text_table(","), mtime=0))


def read_csv(path: Path, separator: str = ",") -> Arrays:
    """A text table, read whole, since pyarrow infers types from what it reads first.

    gzip is decoded by the standard library. pandas mostly reads what pyarrow refuses: text that is
    not UTF-8, and rows that are cut short.
    """
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    try:
        text.decode()
    except UnicodeDecodeError:
        text = text.decode("cp1252", "replace").encode()
    if any(line.count(separator.encode()) < 2 for line in text.splitlines()):
        text = pd.read_csv(io.BytesIO(text), sep=separator, dtype=str, keep_default_na=False).to_csv(index=False, sep=separator).encode()
    options = pyarrow.csv.ReadOptions(block_size=len(text) + 1), pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    return columns(pyarrow.csv.read_csv(io.BytesIO(text), *options))


def read_npy(path: Path) -> Arrays:
    loaded = np.load(path)
    return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}


def hdf5(path: Path, **options: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("grey", data=GREY, **options)
        file.create_dataset("rows", data=ROWS)


def read_hdf5(path: Path) -> Arrays:
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def pages_apart(path: Path, **options: Any) -> None:
    with tifffile.TiffWriter(path, **options) as file:
        for page in STACK:
            file.write(page, contiguous=False, metadata=None)


def read_tiff(path: Path) -> Arrays:
    with tifffile.TiffFile(path) as file:
        return {"": file.series[0].asarray()} if len(file.series) == 1 else {str(i): one.asarray() for i, one in enumerate(file.series)}


def read_image(path: Path) -> Arrays:
    with PIL.Image.open(path) as image:
        return {"": np.array(image)}


def b2nd(path: Path, **options: Any) -> None:
    blosc2.asarray(GREY, urlpath=str(path), mode="w", chunks=(150, 140), blocks=(50, 70), **options)


def read_b2nd(path: Path) -> Arrays:
    return {"": np.asarray(blosc2.open(str(path), "r")[:])}


def zarr_store(path: Path, **options: Any) -> None:
    zarr.create_array(path, data=GREY, chunks=(150, 140), **options)


def read_zarr(path: Path) -> Arrays:
    return {"": np.asarray(zarr.open_array(path, mode="r")[:])}


def tiff(data: Array, **options: Any) -> Source:
    return Source(".tif", partial(tifffile.imwrite, data=data, **options), read_tiff)


def image(data: Array, suffix: str, **options: Any) -> Source:
    return Source(suffix, lambda path: PIL.Image.fromarray(data).save(path, **options), read_image)


SOURCES: Mapping[str, Source] = {
    "parquet": Source(".parquet", parquet, read_parquet, (1000,)),
    "parquet_plain": Source(".parquet", partial(parquet, compression="none", use_dictionary=False), read_parquet, (1000,)),
    "csv": Source(".csv", csv, read_csv, (1000,)),
    "tsv": Source(".tsv", partial(csv, separator="\t"), partial(read_csv, separator="\t"), (1000,)),
    "csv_gz": Source(".csv.gz", csv_gz, read_csv, (1000,)),
    "npy": Source(".npy", lambda path: np.save(path, GREY), read_npy, (150, 140)),
    "npy_fortran": Source(".npy", lambda path: np.save(path, np.asfortranarray(GREY)), read_npy, (150, 140)),
    "npz": Source(".npz", lambda path: np.savez(path, grey=GREY, rows=ROWS), read_npy, (150, 140)),
    "npz_compressed": Source(".npz", lambda path: np.savez_compressed(path, grey=GREY, rows=ROWS), read_npy, (150, 140)),
    "hdf5_contiguous": Source(".h5", hdf5, read_hdf5, (150, 140)),
    "hdf5_chunked": Source(".h5", partial(hdf5, chunks=(150, 140)), read_hdf5),
    "hdf5_gzip": Source(".h5", partial(hdf5, chunks=(150, 140), compression="gzip", shuffle=True), read_hdf5),
    "hdf5_checksum": Source(".h5", partial(hdf5, chunks=(150, 140), fletcher32=True), read_hdf5),
    "tiff_strips": tiff(GREY, rowsperstrip=50),
    "tiff_lzw": tiff(GREY, rowsperstrip=50, compression="lzw", predictor=True),
    "tiff_tiles": tiff(GREY, tile=(128, 128), compression="zlib"),
    "tiff_stack": tiff(STACK, photometric="minisblack"),
    "tiff_imagej": tiff(STACK, imagej=True, metadata={"axes": "ZYX"}),
    "tiff_ome": Source(
        ".ome.tif", partial(tifffile.imwrite, data=STACK, ome=True, metadata={"axes": "ZYX"}, compression="zlib"), read_tiff
    ),
    "tiff_pages": Source(".tif", pages_apart, read_tiff),
    "tiff_big": Source(".tif", partial(pages_apart, bigtiff=True), read_tiff),
    "png": image(COLOUR, ".png"),
    "png_deep": image(NOISE, ".png"),
    "jpeg": image(COLOUR, ".jpg", quality=95),
    "b2nd": Source(".b2nd", b2nd, read_b2nd, (150, 140)),
    "b2nd_sparse": Source(".b2nd", partial(b2nd, contiguous=False), read_b2nd, (150, 140)),
    "zarr2": Source(".zarr", partial(zarr_store, zarr_format=2), read_zarr),
    "zarr3": Source(".zarr", zarr_store, read_zarr),
    "zarr3_sharded": Source(".zarr", partial(zarr_store, shards=(300, 280)), read_zarr),
}


def remove(path: Path) -> None:
    """A file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy(path: Path, target: Path) -> None:
    """A file or a folder. Raises FileNotFoundError if there is none."""
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copyfile(path, target)
