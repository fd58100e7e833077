"""Data that grow while they are served: writers, and a tree of adapters that follow one.

    python growing.py KIND FOLDER

A writer makes RATE appends a second, or as many as the machine can, and prints after each how many
items there are; every value of item i is `truth(i)`. It ends when its input ends. A reader may see
a part of the append that is being made, but must see every append that was printed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from select import select
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

RATE = 20
SHAPES: dict[str, tuple[tuple[int, ...], str, tuple[int, ...]]] = {
    "events": ((), "<f8", (10,)),
    "times": ((), "<f8", (1024,)),
    "frames": ((64, 64), "<u2", (1, 64, 64)),
    "pictures": ((256, 300), "<u2", (1, 256, 300)),
}
"""By name: the shape of an item, the type, and the chunks of the store."""
FOLDER = "GROWING_FOLDER"
"""The environment variable that names the folder of the writer that `tree` follows."""
COUNT = "count"


def truth(i: Any) -> Any:
    """What item `i` holds, which is never a fill value."""
    return 3 * i + 1


def items(name: str, first: int, end: int) -> np.ndarray[Any, Any]:
    """Items as they are in the end."""
    shape, dtype, _ = SHAPES[name]
    values = truth(np.arange(first, end)).astype(dtype)
    return np.broadcast_to(values.reshape(-1, *[1] * len(shape)), (end - first, *shape))


def swmr(folder: Path) -> Iterator[int]:
    """An HDF5 file whose writer lets others read; it is closed in the end."""
    import h5py

    with h5py.File(folder / "swmr.h5", "w", libver="latest") as file:
        group = file.create_group("entry/data")
        for name, (shape, dtype, chunks) in SHAPES.items():
            group.create_dataset(name, (0, *shape), dtype, chunks=chunks, maxshape=(None, *shape), compression="gzip", compression_opts=1)
        file.swmr_mode = True
        for i in count():
            for name in SHAPES:
                group[name].resize(i + 1, 0)
                group[name][i] = truth(i)
                group[name].flush()
            yield i + 1


def reopened(folder: Path) -> Iterator[int]:
    """An HDF5 file that longer ones replace; a reply must be made while it stays the same."""
    import h5py

    for i in count():
        with h5py.File(folder / "next", "w") as file:
            for name, (shape, _, chunks) in SHAPES.items():
                file.create_dataset(f"entry/data/{name}", data=items(name, 0, i + 1), chunks=chunks, maxshape=(None, *shape))
        (folder / "next").rename(folder / "reopened.h5")
        yield i + 1


def zarr2(folder: Path) -> Iterator[int]:
    """Arrays of Zarr v2 that are made longer, then written."""
    return _zarr(folder / "zarr2.zarr", zarr_format=2)


def zarr3(folder: Path) -> Iterator[int]:
    """The same in v3."""
    return _zarr(folder / "zarr3.zarr", zarr_format=3)


def sharded(folder: Path) -> Iterator[int]:
    """The same with twenty chunks in a file, which is written anew for each of them."""
    return _zarr(folder / "sharded.zarr", zarr_format=3, inner=20)


def _zarr(path: Path, zarr_format: Literal[2, 3], inner: int = 0) -> Iterator[int]:
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=zarr_format).require_group("entry/data")
    arrays = {}
    for name, (shape, dtype, chunks) in SHAPES.items():
        shards = (inner * chunks[0], *chunks[1:]) if inner else None
        arrays[name] = group.create_array(name, shape=(0, *shape), dtype=dtype, chunks=chunks, shards=shards)
    for i in count():
        for name, array in arrays.items():
            if name == "times":
                array.append(items(name, i, i + 1))
            else:
                array.resize((i + 1, *array.shape[1:]))
                array[i] = truth(i)
        yield i + 1


def files(folder: Path) -> Iterator[int]:
    """A folder that gets one file after the other; their names do not end in numbers."""
    return numbered(folder, "{:04}x.npy")


def scan(folder: Path) -> Iterator[int]:
    """A folder that gets one frame of a scan after the other, with numbers of different length."""
    return numbered(folder, "scan_{}.npy")


def numbered(folder: Path, pattern: str) -> Iterator[int]:
    """A folder `files` that gets files with such names."""
    (folder / "files").mkdir()
    for i in count():
        with (folder / "next").open("wb") as file:
            np.save(file, items("frames", i, i + 1)[0])
        (folder / "next").rename(folder / "files" / pattern.format(i))
        yield i + 1


def counted(folder: Path) -> Iterator[int]:
    """Nothing but the number of items, for adapters that have as many as it says."""
    for i in count():
        (folder / "next").write_text(str(i + 1))
        (folder / "next").rename(folder / COUNT)
        yield i + 1


class Adapter:
    """As Tiled's: its structure and metadata change in place."""

    structure_family = "array"

    def __init__(self, name: str) -> None:
        self.name = name

    def structure(self) -> SimpleNamespace:
        size = length()
        shape, dtype, _ = SHAPES[self.name]
        chunks = ((size,), *((axis,) for axis in shape))
        return SimpleNamespace(
            data_type=SimpleNamespace(to_numpy_dtype=lambda: np.dtype(dtype)), shape=(size, *shape), chunks=chunks, dims=None
        )

    def metadata(self) -> dict[str, Any]:
        return {"count": length()}

    def read(self, slice: Any = ...) -> np.ndarray[Any, Any]:  # noqa: A002 - Tiled's word
        return items(self.name, 0, length())[slice]


class Container(dict[str, Any]):
    """As Tiled's."""

    structure_family = "container"

    def metadata(self) -> dict[str, Any]:
        return {"count": length()}


def length() -> int:
    """How many items there are."""
    return int(Path(os.environ[FOLDER], COUNT).read_text())


def tree() -> Container:
    """Adapters in a container, and in a dictionary."""
    adapters = {name: Adapter(name) for name in SHAPES}
    return Container({"entry": {"data": Container(adapters)}, "plain": adapters})


WRITERS = {writer.__name__: writer for writer in (swmr, reopened, zarr2, zarr3, sharded, files, scan, counted)}


def main() -> None:
    """Run a writer."""
    _, kind, folder = sys.argv
    with closing(WRITERS[kind](Path(folder))) as writer:
        began = time.monotonic()
        for done in writer:
            print(done, flush=True)
            pause = began + done / RATE - time.monotonic()
            if select([sys.stdin], [], [], max(0, pause))[0]:
                break


if __name__ == "__main__":
    main()
