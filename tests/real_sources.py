"""What the libraries of file formats read: each dataset of a file, by its path inside."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import hdf5plugin  # noqa: F401 - h5py reads its filters then
import imagecodecs
import numpy as np
import pandas
import pyarrow.parquet
import tifffile
import zarr
from PIL import Image

Found: TypeAlias = Any
"""An array, what is sliced like one, a column of pandas, or None for what is no array."""
Items: TypeAlias = Iterator[tuple[tuple[str, ...], Found]]


def is_served(path: Path) -> bool:
    """Whether a path is a visible file or store of a kind that we serve, and not inside a store."""
    is_inside = any(above.suffix == ".zarr" for above in path.parents)
    is_known = path.suffix.lower() in READERS or path.name.lower().endswith(TEXTS)
    return is_known and path.is_dir() == (path.suffix == ".zarr") and not is_inside and path.name[0] != "."


def found_in(path: Path, dialect: Mapping[str, Any]) -> Items:
    """The datasets of a file; `dialect` says how a text table is written.

    A dataset that its library cannot open must be named by us, and is given as (), None.
    """
    try:
        yield from text(path, dialect) if path.name.lower().endswith(TEXTS) else READERS[path.suffix.lower()](path)
    except Exception:  # noqa: BLE001 - each library has its own
        yield (), None


def hdf5(path: Path) -> Items:
    with h5py.File(path, "r") as file:
        yield from members(file, (), (file.id,))


def members(group: h5py.Group, path: tuple[str, ...], above: tuple[Any, ...]) -> Items:
    """What is in a group and below it; a link back to a group above leads nowhere."""
    for name in group:
        try:
            item = group[name]
        except (KeyError, OSError):
            yield (*path, name), None
            continue
        if isinstance(item, h5py.Dataset):
            yield (*path, name), None if is_shapeless(item) else item
        elif isinstance(item, h5py.Group):
            is_cycle = item.id in above
            yield from [((*path, name), None)] if is_cycle else members(item, (*path, name), (*above, item.id))


def is_shapeless(dataset: h5py.Dataset) -> bool:
    """Whether a dataset is no numpy array: without a shape, or of references or lists."""
    try:
        dtype = dataset.dtype
    except (TypeError, ValueError):
        return True
    no_array = h5py.check_ref_dtype(dtype) is not None or h5py.check_vlen_dtype(dtype) not in {None, str, bytes}
    return dataset.shape is None or no_array


def tiff(path: Path) -> Items:
    with tifffile.TiffFile(path) as file:
        names = [series.name for series in file.series]
        if len(names) == 1:
            yield (), file.series[0].asarray()
        else:
            are_good = all(names) and len(set(names)) == len(names)
            yield from (((name if are_good else str(i),), file.series[i].asarray()) for i, name in enumerate(names))


def picture(path: Path) -> Items:
    Image.MAX_IMAGE_PIXELS = None
    content = path.read_bytes()
    # Pillow halves its bits
    if content.startswith(b"\x89PNG") and content[24] == 16 and content[25] in DEEP_COLOUR:
        yield (), imagecodecs.png_decode(content)
        return
    with Image.open(path) as image:
        yield (), np.asarray(image.convert("RGBA") if image.mode == "PA" else image)


def npy(path: Path) -> Items:
    found = np.load(path, mmap_mode="r")
    yield from (((), found),) if isinstance(found, np.ndarray) else (((name,), member(found, name)) for name in found)


def member(archive: Any, name: str) -> Found:
    try:
        return archive[name]
    except ValueError:  # Python objects
        return None


def parquet(path: Path) -> Items:
    frame = pyarrow.parquet.read_table(path).to_pandas(ignore_metadata=True)
    yield from (((str(name),), frame[name]) for name in frame.columns)


def text(path: Path, dialect: Mapping[str, Any]) -> Items:
    """The columns of a text table, read by pandas as the attributes say that it is written."""
    delimiter = dialect.get("delimiter", ",")
    content = (gzip.decompress if path.suffix.lower() == ".gz" else bytes)(path.read_bytes()).decode(dialect.get("encoding", "utf-8"))
    for line in dialect.get("preamble", ()):
        content = content[content.index(line) + len(line) :]
    frame = pandas.read_csv(
        io.StringIO(content),
        sep=r"\s+" if delimiter == "blanks" else delimiter,
        header=0 if dialect.get("header", True) is True else None,
        decimal=dialect.get("decimal", "."),
        comment=dialect.get("comment"),
    )
    names = ["" if str(name).startswith("Unnamed: ") and str(name) not in content else str(name) for name in frame.columns]
    yield from (((name,), frame.iloc[:, place]) for place, name in enumerate(numbered(names)))


def numbered(names: Iterable[str]) -> Iterator[str]:
    """Names of columns as we number those that repeat: `a_1` where pandas has `a.1`."""
    seen: Counter[str] = Counter()
    for name in names:
        base, _, number = name.rpartition(".")
        own = base if number.isdecimal() and base in seen else name
        yield f"{own}_{seen[own]}" if seen[own] else own
        seen[own] += 1


def store(path: Path) -> Items:
    found = zarr.open(path, mode="r", use_consolidated=False)
    yield from [((), found)] if isinstance(found, zarr.Array) else arrays(found, path, ())


def arrays(group: zarr.Group, folder: Path, path: tuple[str, ...]) -> Items:
    for below in sorted(one for one in folder.iterdir() if any((one / document).exists() for document in DOCUMENTS)):
        try:
            item = group[below.name]
        except Exception:  # noqa: BLE001 - unknown codecs, types and grids each raise another one
            item = None
        yield from arrays(item, below, (*path, below.name)) if isinstance(item, zarr.Group) else [((*path, below.name), item)]


DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
DEEP_COLOUR = {2, 4, 6}
TEXTS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
HDF5 = (".h5", ".h5ad", ".hdf5", ".hdf", ".he5", ".cxi", ".loom", ".nc", ".nc4", ".nwb", ".nxs", ".nx5", ".mat", ".cdf")
READERS = {
    **dict.fromkeys(HDF5, hdf5),
    **dict.fromkeys((".tif", ".tiff", ".svs", ".btf"), tiff),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), picture),
    **dict.fromkeys((".npy", ".npz"), npy),
    **dict.fromkeys((".parquet", ".pq"), parquet),
    ".zarr": store,
}
