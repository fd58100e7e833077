"""Every kind of object that is served, each as its library opens it, with what it holds.

The truths are what was written. An object with files behind it is opened before they are harmed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import anndata
import dask.array
import dask.dataframe
import h5netcdf
import h5py
import numpy as np
import obstore.store
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import tensorstore
import tifffile
import xarray as xr
import zarr
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, ZipStore

from tiled_zarr.testing import Truth

IMAGE = np.random.default_rng(20261127).integers(0, 20, (192, 256), "<u2")
CHUNKS = (96, 128)
LONG = np.random.default_rng(1).integers(0, 2**60, 3000)
FRAME = {"row": np.arange(3000), "n": LONG, "x": LONG / 7}
COLUMNS = {"n": LONG, "x": LONG / 7}


@dataclass
class Opened:
    """What a test has opened, and closes at its end."""

    stack: ExitStack = field(default_factory=ExitStack)

    def __call__(self, thing: Any) -> Any:
        self.stack.callback(thing.close)
        return thing


Make: TypeAlias = Callable[[Path, Opened], tuple[object, Truth]]


# zarr-python

STORES: Mapping[str, Callable[[Path], Any]] = {
    "memory": lambda _: MemoryStore(),
    "zip": lambda folder: ZipStore(folder / "a.zip", mode="a" if (folder / "a.zip").exists() else "w"),
    "fsspec": lambda folder: FsspecStore.from_url(f"file://{folder}/fsspec", storage_options={"auto_mkdir": True}),
    "obstore": lambda folder: ObjectStore(obstore.store.LocalStore(folder, mkdir=True)),
    "obstore in memory": lambda _: ObjectStore(obstore.store.MemoryStore()),
    "folder": lambda folder: LocalStore(folder / "a.zarr"),
}


def zarr_array(store: str, version: int, folder: Path, opened: Opened) -> tuple[object, Truth]:
    made = zarr.create_array(opened(STORES[store](folder)), data=IMAGE, chunks=CHUNKS, zarr_format=version)
    if store == "zip":
        made.store.close()
        return zarr.open_array(opened(ZipStore(folder / "a.zip", mode="r")), mode="r"), IMAGE
    return made, IMAGE


def zarr_group(store: str, folder: Path, opened: Opened) -> tuple[object, Truth]:
    group = zarr.create_group(opened(STORES[store](folder)))
    group.create_array("image", data=IMAGE, chunks=CHUNKS)
    group.create_group("inner").create_array("sharded", data=IMAGE, chunks=(48, 64), shards=CHUNKS)
    if store == "zip":
        group.store.close()
        group = zarr.open_group(opened(ZipStore(folder / "a.zip", mode="r")), mode="r")
    return group, {"image": IMAGE, "inner": {"sharded": IMAGE}}


def of_tifffile(folder: Path, opened: Opened) -> tuple[object, Truth]:
    return zarr.open_array(opened(tifffile.imread(tiff(folder), aszarr=True)), mode="r"), IMAGE


# HDF5 and netCDF


def hdf5(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("image", data=IMAGE, chunks=CHUNKS, compression="gzip", fletcher32=True)
        file.create_group("inner").create_dataset("long", data=LONG, chunks=(1000,), fletcher32=True)
    return folder / "a.h5"


HDF5 = {"image": IMAGE, "inner": {"long": LONG}}


def of_h5py(what: str, truth: Truth, folder: Path, opened: Opened) -> tuple[object, Truth]:
    return opened(h5py.File(hdf5(folder), "r"))[what], truth


def netcdf(folder: Path, engine: str) -> Path:
    data = {"image": (("y", "x"), IMAGE.astype("i4"), {"units": "K"})}
    encoding = {"image": {"chunksizes": CHUNKS, "zlib": True}} if engine in {"h5netcdf", "netcdf4"} else {}
    xr.Dataset(data, {"x": np.arange(256)}).to_netcdf(folder / "a.nc", engine=engine, encoding=encoding)
    return folder / "a.nc"


NETCDF = {"image": IMAGE.astype("i4"), "x": np.arange(256)}


def of_h5netcdf(what: str, truth: Truth, folder: Path, opened: Opened) -> tuple[object, Truth]:
    file = opened(h5netcdf.File(netcdf(folder, "h5netcdf"), "r"))
    return file[what] if what else file, truth


# xarray


def of_xarray(engine: str, chunks: Any, folder: Path, opened: Opened) -> tuple[object, Truth]:
    """A dataset that is opened and not loaded."""
    if engine == "zarr":
        xr.Dataset({"image": (("y", "x"), IMAGE.astype("i4"))}, {"x": np.arange(256)}).to_zarr(folder / "a.zarr", consolidated=False)
        return opened(xr.open_dataset(folder / "a.zarr", engine="zarr", consolidated=False, chunks=chunks)), NETCDF
    dataset = opened(xr.open_dataset(netcdf(folder, engine), engine=engine, chunks=chunks))
    return dataset, {name: NETCDF[name] if engine != "scipy" else NETCDF[name].astype(dataset[name].dtype) for name in NETCDF}


def data_tree(folder: Path, opened: Opened) -> tuple[object, Truth]:
    xr.DataTree(xr.Dataset({"v": ("x", LONG)}), {"inner": xr.DataTree(xr.Dataset({"image": (("y", "z"), IMAGE)}))}).to_netcdf(
        folder / "a.nc", engine="h5netcdf"
    )
    return opened(xr.open_datatree(folder / "a.nc", engine="h5netcdf")), {"v": LONG, "inner": {"image": IMAGE}}


# TIFF


def tiff(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", IMAGE, tile=(96, 128), compression="zlib", metadata={"axes": "YX"})
    return folder / "a.tif"


def tiff_file(folder: Path, opened: Opened) -> tuple[object, Truth]:
    return opened(tifffile.TiffFile(tiff(folder))), IMAGE


def tiff_series(folder: Path, opened: Opened) -> tuple[object, Truth]:
    return tiff_file(folder, opened)[0].series[0], IMAGE  # type: ignore[attr-defined] # a TiffFile


def tiff_in_memory(folder: Path, opened: Opened) -> tuple[object, Truth]:
    return opened(tifffile.TiffFile(io.BytesIO(tiff(folder).read_bytes()))), IMAGE


# numpy, and what speaks its protocols


def memmap(folder: Path, _: Opened) -> tuple[object, Truth]:
    (folder / "a.raw").write_bytes(b"a header" + IMAGE.tobytes())
    return np.memmap(folder / "a.raw", "<u2", "r", 8, IMAGE.shape), IMAGE


def open_memmap(order: bool, folder: Path, _: Opened) -> tuple[object, Truth]:
    array = np.lib.format.open_memmap(folder / "a.npy", "w+", "<u2", IMAGE.shape, fortran_order=order)
    array[:] = IMAGE
    array.flush()
    return array, IMAGE


def loaded(folder: Path, _: Opened) -> tuple[object, Truth]:
    np.save(folder / "a.npy", IMAGE)
    return np.load(folder / "a.npy", mmap_mode="r"), IMAGE


def part_of_memmap(folder: Path, opened: Opened) -> tuple[object, Truth]:
    return memmap(folder, opened)[0][10:, ::2], IMAGE[10:, ::2]  # type: ignore[index] # a memmap


def rows_of_memmap(folder: Path, opened: Opened) -> tuple[object, Truth]:
    return memmap(folder, opened)[0][10:], IMAGE[10:]  # type: ignore[index] # a memmap


class Tensor:
    """A tensor of torch as far as DLPack goes: a device, a capsule, no numpy protocol."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **options: Any) -> Any:
        return IMAGE.copy().__dlpack__(**options)


class ByProtocol:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return IMAGE


# tables


def parquets(folder: Path) -> Path:
    for number, part in enumerate(np.array_split(np.arange(3000), 2)):
        pq.write_table(pa.table({name: column[part] for name, column in COLUMNS.items()}), folder / f"{number}.parquet", row_group_size=500)
    return folder


def dask_frame(folder: Path, _: Opened) -> tuple[object, Truth]:
    frame = pd.DataFrame(COLUMNS, index=pd.Index(np.arange(3000), name="row"))
    frame.to_parquet(folder / "a.parquet")
    return dask.dataframe.read_parquet(folder / "a.parquet"), FRAME


# others


def of_anndata(backed: bool, folder: Path, opened: Opened) -> tuple[object, Truth]:
    anndata.AnnData(IMAGE.astype("f4")).write_h5ad(folder / "a.h5ad", compression="gzip")
    found = anndata.read_h5ad(folder / "a.h5ad", backed="r" if backed else None)
    if backed:
        opened(found.file)
    names = {"obs": {"index": np.arange(192).astype(str).astype(object)}, "var": {"index": np.arange(256).astype(str).astype(object)}}
    return found, {"X": IMAGE.astype("f4"), **names, **{name: {} for name in ("layers", "obsm", "varm", "obsp", "varp", "uns")}}


CODECS: Mapping[str, Any] = {
    "zarr3": {"codecs": [{"name": "gzip", "configuration": {"level": 1}}, {"name": "crc32c"}]},
    "n5": {"compression": {"type": "gzip"}},
}


def of_tensorstore(driver: str, place: str, folder: Path, _: Opened) -> tuple[object, Truth]:
    kvstore = {"driver": "memory"} if place == "memory" else {"driver": "file", "path": str(folder / "a")}
    spec = {"driver": driver, "kvstore": kvstore}
    layout = tensorstore.ChunkLayout(read_chunk_shape=CHUNKS)
    made = {"create": True, "dtype": tensorstore.uint16, "shape": IMAGE.shape, "chunk_layout": layout}
    array = tensorstore.open({**spec, "metadata": CODECS[driver]}, **made).result()
    array.write(IMAGE).result()
    return tensorstore.open(spec, context=tensorstore.Context()).result() if place == "file" else array, IMAGE


def of_dask(folder: Path, _: Opened) -> tuple[object, Truth]:
    np.save(folder / "a.npy", IMAGE)
    return dask.array.from_array(np.load(folder / "a.npy", mmap_mode="r").copy(), chunks=CHUNKS), IMAGE


IN_MEMORY: Mapping[str, Make] = {
    **{f"zarr.Array v{version} in memory": partial(zarr_array, "memory", version) for version in (2, 3)},
    "zarr.Array in obstore's memory": partial(zarr_array, "obstore in memory", 3),
    **{f"zarr.Group in {name}": partial(zarr_group, name) for name in ("memory", "obstore in memory")},
    "TiffFile in memory": tiff_in_memory,
    "AnnData": partial(of_anndata, False),
    "tensorstore in memory": partial(of_tensorstore, "zarr3", "memory"),
    "dask.array": of_dask,
    "pyarrow Dataset in memory": lambda *_: (pyarrow.dataset.dataset(pa.table(COLUMNS)), COLUMNS),
    "polars DataFrame": lambda *_: (polars.DataFrame(COLUMNS), COLUMNS),
    "polars LazyFrame": lambda *_: (polars.LazyFrame(COLUMNS), COLUMNS),
    "polars Series": lambda *_: (polars.Series("n", LONG), {"n": LONG}),
    "DLPack": lambda *_: (Tensor(), IMAGE),
    "__array__": lambda *_: (ByProtocol(), IMAGE),
    "numpy": lambda *_: (IMAGE, IMAGE),
}
"""Objects without files."""
ENGINES = ("zarr", "h5netcdf", *(["netcdf4"] if find_spec("netCDF4") else []))
"""The last has an HDF5 of its own, and becomes xarray's default: it is tested where it is."""
COMPRESSED: Mapping[str, Make] = {
    **{
        f"zarr.Array v{version} in {name}": partial(zarr_array, name, version)
        for name in ("zip", "fsspec", "obstore", "folder")
        for version in (2, 3)
    },
    **{f"zarr.Group in {name}": partial(zarr_group, name) for name in ("zip", "fsspec", "obstore", "folder")},
    "zarr.Array of tifffile": of_tifffile,
    "h5py.File": partial(of_h5py, "/", HDF5),
    "h5py.Group": partial(of_h5py, "inner", HDF5["inner"]),
    "h5py.Dataset": partial(of_h5py, "image", IMAGE),
    "h5netcdf.File": partial(of_h5netcdf, "", NETCDF),
    "h5netcdf.Variable": partial(of_h5netcdf, "image", NETCDF["image"]),
    "TiffFile": tiff_file,
    "TiffPageSeries": tiff_series,
    "AnnData backed": partial(of_anndata, True),
    "tensorstore zarr3": partial(of_tensorstore, "zarr3", "file"),
    "tensorstore n5": partial(of_tensorstore, "n5", "file"),
    "dask.dataframe": dask_frame,
    "pyarrow Dataset": lambda folder, _: (pyarrow.dataset.dataset(parquets(folder)), COLUMNS),
    **{f"xarray of {engine}": partial(of_xarray, engine, None) for engine in ENGINES},
    **{f"xarray of {engine} by dask": partial(of_xarray, engine, {}) for engine in ("zarr", "h5netcdf")},
}
"""Objects whose files are compressed or have checksums, so that garbage in them is noticed."""
RAW: Mapping[str, Make] = {
    "memmap": memmap,
    "numpy over a memmap": lambda folder, opened: (np.asarray(memmap(folder, opened)[0]), IMAGE),
    "part of a memmap": part_of_memmap,
    "rows of a memmap": rows_of_memmap,
    "open_memmap": partial(open_memmap, False),
    "open_memmap in Fortran order": partial(open_memmap, True),
    "numpy.load": loaded,
    "DataTree": data_tree,
    "xarray of scipy": partial(of_xarray, "scipy", None),
}
"""Objects whose files have the bare numbers: only what is missing in them is noticed."""
OBJECTS = IN_MEMORY | COMPRESSED | RAW
