"""The camera image in every object and store, for our server, and for its reference reader.

BENCH_SOURCE names one of `SOURCES`. `tree` has what our server is given. `reference` has an array
whose `read` only calls the library of the format, for `_ablation`, which encodes with numcodecs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

import _images
from tiled_zarr import Array, Group
from tiled_zarr.adapters import adapt

FOLDER = _images.FOLDER / "objects"
EDGE = 512
CHUNKS = (EDGE, EDGE)
ROWS = 1 << 18
"""Rows of a row group."""
COLUMN = "v"


@dataclass(frozen=True)
class Source:
    """A kind of object or file, all with the same image.

    `write` makes the file that is needed, `made` gives what our server is given, and `reader` the
    object whose `[region]` is the reference.
    """

    made: Callable[[Path], object]
    reader: Callable[[Path], Any]
    suffix: str = ""
    write: Callable[[Path], object] | None = None
    below: str = ""
    """The path of the array below what is served."""

    def path(self, name: str) -> Path:
        """The file, which is written at the first call."""
        path = FOLDER / f"{name.replace(' ', '-')}{self.suffix}"
        if self.write is not None and not path.exists():
            FOLDER.mkdir(parents=True, exist_ok=True)
            writing = path.with_name(f"writing-{path.name}")
            self.write(writing)
            writing.rename(path)
        return path


class Called:
    """A reader that is a function of a region."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __getitem__(self, region: Any) -> Any:
        return self.read(region)


class Tensor:
    """An array that has DLPack and nothing else, as a tensor of torch."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)


def called(array: Any, read: Callable[[Any, Any], Any]) -> Called:
    """A reader of an array that is opened once."""
    return Called(lambda region: read(array, region))


def locked(dataset: Any) -> Called:
    """h5py and HDF5 have one lock for all threads."""
    lock = Lock()

    def read(region: Any) -> Any:
        with lock:
            return dataset[region]

    return Called(read)


def hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=_images.camera(), chunks=CHUNKS, compression="gzip", shuffle=True)


def dataset(path: Path) -> Any:
    import h5py

    return h5py.File(path, "r")["image"]


def tiff(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, _images.camera(), tile=CHUNKS, compression="zlib", predictor=True)


def tiff_file(path: Path) -> Any:
    import tifffile

    return tifffile.TiffFile(path)


def tiff_reader(path: Path) -> Any:
    import tifffile
    import zarr

    return zarr.open_array(tifffile.imread(path, aszarr=True), mode="r")


def zarr_written(store: Any, version: int, shards: tuple[int, int] | None = None) -> Any:
    import zarr

    return zarr.create_array(store, data=_images.camera(), chunks=CHUNKS, shards=shards, zarr_format=version)


def zarr_opened(store: Any) -> Any:
    import zarr

    return zarr.open_array(store, mode="r")


def zipped(path: Path) -> None:
    from zarr.storage import ZipStore

    with ZipStore(path, mode="w") as store:
        zarr_written(store, 3)


def unzipped(path: Path) -> Any:
    from zarr.storage import ZipStore

    return zarr_opened(ZipStore(path, mode="r"))


def in_memory(_: Path) -> Any:
    from zarr.storage import MemoryStore

    return zarr_written(MemoryStore(), 3)


def in_obstore(_: Path) -> Any:
    import obstore.store
    from zarr.storage import ObjectStore

    return zarr_written(ObjectStore(obstore.store.MemoryStore()), 3)


def tensorstore_of(path: Path) -> Any:
    import tensorstore

    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}}
    return tensorstore.open(spec, read=True).result()


def in_xarray(path: Path) -> Any:
    import xarray

    return xarray.open_dataset(path, engine="h5netcdf", phony_dims="sort")


def in_dask(_: Path) -> Any:
    import dask.array

    return dask.array.from_array(_images.camera(), chunks=CHUNKS)


def b2nd(path: Path) -> None:
    import blosc2

    blosc2.asarray(_images.camera(), urlpath=str(path), mode="w", chunks=CHUNKS)


def b2nd_reader(path: Path) -> Any:
    import blosc2

    return blosc2.open(str(path), "r")


def parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({COLUMN: _images.camera().ravel()}), path, row_group_size=ROWS)


def parquet_reader(path: Path) -> Called:
    """Reads the row groups that hold a region."""
    import pyarrow.parquet as pq

    def read(region: Any) -> Any:
        (rows,) = region
        first = rows.start // ROWS
        table = pq.ParquetFile(path).read_row_groups(range(first, -(-rows.stop // ROWS)), [COLUMN])
        return table.column(0).to_numpy()[rows.start - first * ROWS : rows.stop - first * ROWS]

    return Called(read)


def image(_: Path) -> Any:
    return _images.camera()


def npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, _images.camera())


def mapped(path: Path) -> Any:
    return np.load(path, mmap_mode="r")


def same(path: Path) -> Path:
    """A file that our server opens itself."""
    return path


SOURCES: Mapping[str, Source] = {
    "numpy": Source(image, image),
    "DLPack": Source(lambda path: Tensor(image(path)), lambda path: np.from_dlpack(Tensor(image(path)))),
    "memmap": Source(mapped, mapped, ".npy", npy),
    "NPY file": Source(same, mapped, ".npy", npy),
    "dask": Source(in_dask, lambda path: called(in_dask(path), lambda array, region: array[region].compute(scheduler="synchronous"))),
    "b2nd file": Source(same, b2nd_reader, ".b2nd", b2nd),
    "HDF5 file": Source(same, lambda path: locked(dataset(path)), ".h5", hdf5, "image"),
    "h5py": Source(dataset, lambda path: locked(dataset(path)), ".h5", hdf5),
    "xarray": Source(
        in_xarray, lambda path: called(in_xarray(path)["image"], lambda array, region: array[region].to_numpy()), ".h5", hdf5, "image"
    ),
    "TIFF file": Source(same, tiff_reader, ".tif", tiff),
    "TiffFile": Source(tiff_file, tiff_reader, ".tif", tiff),
    "Zarr v2 folder": Source(same, zarr_opened, ".zarr", lambda path: zarr_written(path, 2)),
    "Zarr v3 folder": Source(same, zarr_opened, ".zarr", lambda path: zarr_written(path, 3)),
    "Zarr shards": Source(same, zarr_opened, ".zarr", lambda path: zarr_written(path, 3, (2048, 2048))),
    "zarr in memory": Source(in_memory, in_memory),
    "zarr in a zip": Source(unzipped, unzipped, ".zip", zipped),
    "zarr in obstore": Source(in_obstore, in_obstore),
    "tensorstore": Source(
        tensorstore_of,
        lambda path: called(tensorstore_of(path), lambda array, region: array[region].read().result()),
        ".zarr",
        lambda path: zarr_written(path, 3),
    ),
    "Parquet file": Source(same, parquet_reader, ".parquet", parquet, COLUMN),
}
"""All local ones; bench/remote.py has object stores and HTTP."""


def source() -> tuple[Source, Path]:
    """What this server process serves, and its file."""
    name = os.environ["BENCH_SOURCE"]
    return SOURCES[name], SOURCES[name].path(name)


def tree() -> Group:
    """The tree of our server."""
    from tiled_zarr import open as opened

    found, path = source()
    made = found.made(path)
    return Group({"image": opened(made) if isinstance(made, Path) else adapt(made)})


def reference() -> Group:
    """The tree of the reference, below the same path."""
    found, path = source()
    reader = found.reader(path)
    shape = (_images.SIDE**2,) if found.below == COLUMN else (_images.SIDE, _images.SIDE)
    chunks = None if found.below == COLUMN else CHUNKS
    array = Array(shape=shape, dtype=np.dtype("<u2"), read=lambda region: np.asarray(reader[region]), chunks=chunks)
    return Group({"image": Group({found.below: array}) if found.below else array})
