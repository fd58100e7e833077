"""Files that change in place and get their old size and time back are read again, of every kind.

Caches of the process compare the time of status and the inode as well, also if an instance leaves
both out of tags.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import blosc2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr
from PIL import Image

from asgi import ask
from tiled_zarr.adapters.directory.open import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.revisions import LAUNCH, launch_nonce
from tiled_zarr.settings import Settings

EDGE = 300
OLD, NEW = 1, 5


def image(value: int, dtype: str = "<u2") -> np.ndarray[Any, Any]:
    return np.full((EDGE, EDGE), value, dtype)


def hdf5(folder: Path, value: int, chunks: tuple[int, ...] | None) -> None:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("x", data=image(value), chunks=chunks)


def store(folder: Path, value: int, **options: Any) -> None:
    zarr.create_array(folder / "a.zarr", data=image(value), chunks=(100, 100), compressors=None, fill_value=9, **options)


def frames(folder: Path, value: int) -> None:
    for number in range(3):
        np.save(folder / f"a{number}.npy", image(value))


Writer = Callable[[Path, int], object]
KINDS: dict[str, tuple[Writer, str]] = {
    "NPY": (lambda folder, value: np.save(folder / "a.npy", image(value)), "a/c/0/0"),
    "NPZ": (lambda folder, value: np.savez(folder / "a.npz", one=image(value)), "a/one/c/0/0"),
    "frames": (frames, "a/c/1/0/0"),
    "HDF5": (lambda folder, value: hdf5(folder, value, None), "a/x/c/0/0"),
    "HDF5 in chunks": (lambda folder, value: hdf5(folder, value, (100, 100)), "a/x/c/0/0"),
    "TIFF": (lambda folder, value: tifffile.imwrite(folder / "a.tif", image(value)), "a/c/0/0"),
    "PNG": (lambda folder, value: Image.fromarray(image(value, "u1")).save(folder / "a.png", compress_level=0), "a/c/0/0"),
    "Blosc2": (lambda folder, value: blosc2.asarray(image(value), urlpath=str(folder / "a.b2nd"), cparams={"clevel": 0}), "a/c/0/0"),
    "Parquet": (
        lambda folder, value: pq.write_table(
            pa.table({"x": np.full(1000, value)}), folder / "a.parquet", compression="none", use_dictionary=False
        ),
        "a/x/c/0",
    ),
    "CSV": (lambda folder, value: (folder / "a.csv").write_text(f"x,y\n{value},2\n3,4\n"), "a/x/c/0"),
    "Zarr v2": (lambda folder, value: store(folder, value, zarr_format=2), "a/c/0/0"),
    "Zarr v3": (store, "a/c/0/0"),
    "Zarr shards": (lambda folder, value: store(folder, value, shards=(300, 300)), "a/c/0/0"),
}
"""What writes a source in which only a value differs, and a chunk with that value."""


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restores the revision of data in memory, which an application with an instance sets."""
    monkeypatch.setenv(LAUNCH, launch_nonce())
    yield
    launch_nonce.cache_clear()


def rewrite(folder: Path, source: Path) -> None:
    """Put the bytes of another folder into the same files, and give these their old times."""
    for new in source.rglob("*"):
        path = folder / new.relative_to(source)
        if new.is_file() and new.read_bytes() != path.read_bytes():
            status = path.stat()
            assert new.stat().st_size == status.st_size
            with path.open("r+b") as file:
                file.write(new.read_bytes())
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.usefixtures("launch")
@pytest.mark.parametrize("instance", [None, "one"], ids=["alone", "a replica"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_process_keeps_is_never_that_of_before(tmp_path: Path, kind: str, instance: str | None) -> None:
    write, key = KINDS[kind]
    folder, source = tmp_path / "served", tmp_path / "new"
    for place, value in ((folder, OLD), (source, NEW)):
        place.mkdir()
        write(place, value)
    app: Any = create_app(open_directory(folder), Settings(public=True, codec="none", instance=instance))
    addresses = [f"/zarr/v3/{key}", *([f"/ome-zarr/0.5/{key.replace('/c/', '/0/c/')}"] if key.endswith("/0/0") else [])]
    before = [ask(app, address) for address in addresses]
    rewrite(folder, source)
    after = [ask(app, address) for address in addresses]
    assert [answer.status for answer in (*before, *after)] == [200] * 2 * len(addresses)
    for old, new in zip(before, after, strict=True):
        assert (first(old.body), first(new.body)) == (OLD, NEW)
        assert instance or old.headers["etag"] != new.headers["etag"]


def first(body: bytes) -> int:
    """The first byte of a chunk, which is the first value: all are small and little endian."""
    return body[0]
