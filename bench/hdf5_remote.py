"""A gzip-compressed HDF5 image in a store that takes 60 ms for each request, read in three ways.

    python bench/hdf5_remote.py [--rounds 3]

The store is a server of objects in its own process (tests/objectserver.py), which waits 60 ms
before each answer. It holds a file with one image of 4096x4096 u2 in 64 chunks. `ours` opens the
address in process and makes all 64 chunks as Zarr v3 in 32 threads, without a cache of chunks, so
that each is read, decoded and encoded anew; `obstore` is h5py over `obstore.open_reader`, `fsspec`
is h5py over fsspec's HTTP file with its default cache. h5py runs one call at a time, so these read
one chunk after the other, and encode none. All ask for the chunks in the same random order. The
first pass is cold: it opens the file; our helper process, of which a server starts one for all
files, has started. The second one is warm: the file is open, and its chunk index is known.

Each way runs in a process of its own, and all take turns, round by round. It prints one line per
way and appends it to bench/record/hdf5_remote.csv.
"""

from __future__ import annotations

import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import _record
from _images import camera

ROOT = Path(__file__).resolve().parents[1]
DELAY = 0.06
"""Seconds before each answer of the store."""
IN_FLIGHT = 32
EDGE, CHUNK = 4096, 512
INDEXES = random.Random(14).sample(list(product(range(EDGE // CHUNK), repeat=2)), (EDGE // CHUNK) ** 2)
KEY, OTHER = "bucket/image.h5", "bucket/other.h5"


def content() -> bytes:
    """The file."""
    image = np.tile(camera(), (2, 2))[:EDGE, :EDGE].astype("u2")
    written = io.BytesIO()
    with h5py.File(written, "w") as file:
        file.create_dataset("image", data=image, chunks=(CHUNK, CHUNK), compression="gzip", compression_opts=4)
    return written.getvalue()


def serve(path: str) -> None:
    """Serve a file until standard input ends."""
    sys.path.append(str(ROOT / "tests"))
    from objectserver import ObjectServer

    body = Path(path).read_bytes()
    with ObjectServer({KEY: body, OTHER: body}, DELAY) as server:
        print(server.url, flush=True)
        sys.stdin.read()


@contextmanager
def store(path: Path) -> Iterator[str]:
    """The URL of the file in a store in its own process."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"{process.stdout.readline().strip()}/{KEY}"
    finally:
        process.communicate()


Read = Callable[[tuple[int, int]], Any]
"""Reads or makes a chunk."""


def ours(url: str) -> Callable[[], Read]:
    """A function that opens the image at an address."""
    from tiled_zarr.adapters.remote.open import open_remote
    from tiled_zarr.hierarchy import v3
    from tiled_zarr.hierarchy.keyspace import KeySpace
    from tiled_zarr.stores import value

    open_remote(url.replace(KEY, OTHER))  # starts a helper

    def begin() -> Read:
        keys = KeySpace(open_remote(url), v3)
        return lambda index: value(keys, f"image/c/{index[0]}/{index[1]}")

    return begin


class Reader(io.RawIOBase):
    """A reader of obstore's with `readinto`, which h5py needs."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.tell, self.seek = reader.tell, reader.seek

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; returns the number of bytes."""
        found = bytes(self._reader.read(len(buffer)))
        buffer[: len(found)] = found
        return len(found)


def by_obstore(url: str) -> Callable[[], Read]:
    """The same by h5py over a buffered reader of obstore."""
    import obstore
    from obstore.store import HTTPStore

    base, _, name = url.rpartition("/")
    made = HTTPStore(base, client_options={"allow_http": True})
    return lambda: partial(_chunk, h5py.File(Reader(obstore.open_reader(made, name)), "r")["image"])


def by_fsspec(url: str) -> Callable[[], Read]:
    """The same by h5py over a file of fsspec."""
    import fsspec

    fsspec.filesystem("http")  # imports what it needs
    return lambda: partial(_chunk, h5py.File(fsspec.open(url, "rb").open(), "r")["image"])


def _chunk(dataset: Any, index: tuple[int, int]) -> Any:
    return dataset[tuple(slice(CHUNK * i, CHUNK * (i + 1)) for i in index)]


WAYS: dict[str, Callable[[str], Callable[[], Read]]] = {"ours": ours, "obstore": by_obstore, "fsspec": by_fsspec}


def measure(way: str, url: str) -> dict[str, float]:
    """Seconds of both passes, and the most memory of this process, without helpers, in MiB."""
    begin = WAYS[way](url)
    began = time.perf_counter()
    read = begin()
    found = {}
    with ThreadPoolExecutor(IN_FLIGHT if way == "ours" else 1) as threads:
        for name in ("cold", "warm"):
            assert all(body is not None for body in threads.map(read, INDEXES))
            found[name] = time.perf_counter() - began
            began = time.perf_counter()
    most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {**found, "rss_mib": int(most.split()[1]) / 1024}


def measured(way: str, url: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--measure", way, url]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{Path(__file__).parent}"}
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    figures: dict[str, float] = json.loads(answer)
    return figures


def main() -> None:
    match sys.argv[1:]:
        case ["--serve", path]:
            serve(path)
        case ["--measure", way, url]:
            print(json.dumps(measure(way, url)), flush=True)
            os._exit(0)  # obstore's threads may abort a process that ends
        case options:
            rounds = int(options[options.index("--rounds") + 1]) if "--rounds" in options else 3
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "image.h5"
                path.write_bytes(content())
                report(path, rounds)


def report(path: Path, rounds: int) -> None:
    """Measure all ways in turns, and print and record their medians."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with store(path) as url:
        for _ in range(rounds):
            for way, figures in found.items():
                figures.append(measured(way, url))
    for way, figures in found.items():
        median = {name: statistics.median(one[name] for one in figures) for name in figures[0]}
        rates = {f"{name}_chunks_s": len(INDEXES) / median[name] for name in ("cold", "warm")}
        row = {"way": way, "stored_mib": path.stat().st_size / 2**20, "delay_ms": 1000 * DELAY, "rounds": rounds, **median, **rates}
        print({name: _record.spelled(value) for name, value in row.items()}, flush=True)
        _record.append("hdf5_remote", row, ["h5py", "obstore", "fsspec"])


if __name__ == "__main__":
    main()
