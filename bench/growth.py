"""What documents and chunks cost as the work grows, beside the least that any reader must do.

    python bench/growth.py [files|frames|columns|datasets|depth ...] [--quick] [--rounds 3]

Each case makes its data in a temporary folder, waits until listings of it are trusted, and serves
it in process. `beside` is the rival, in the same run: the time to scan all folders (files, frames), to
pass once over the footer (columns), to visit the file with h5py (datasets), to stat the file
(depth). `first` is the first document after opening (of depth, and of the chunks of frames: the
first chunk), `again` the next one, with nothing changed; all are medians over the rounds, each
round with new caches. `opened` and `stats` count the files opened and the calls of `stat` and
`lstat` in the server's process, for the first and for the next. It prints one line per case and
appends it to bench/record/growth.csv.

The goals: 100,000 files at most 3 times scandir with no file opened, and again under 10 ms; 100,000
numbered ones, which are one stack, at most 6 times scandir with two files opened; 5,000 columns at
most 5 s on two cores; 8,000 datasets at most 2 times h5py; and `first` and `again` grow no faster
than n log n. `--quick` leaves out the largest case of each kind.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile

import _record
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.resources import Resources

SETTLING = 2.5
"""Seconds after which a listing is trusted: coarse clocks may give two writes the same time."""
ROW_GROUPS = 10
FOLDERS = 100
BESIDE = {"files": "scandir", "frames": "scandir", "columns": "footer", "datasets": "h5py", "depth": "stat"}
DATASETS = 50
"""Elements of the largest dataset; triggers of a detector have different lengths."""


@dataclass(frozen=True)
class Case:
    """A source of `size` parts; `beside` is the rival's work, `key` the document or chunk."""

    kind: str
    name: str
    size: int
    make: Callable[[Path], None]
    beside: Callable[[Path], object]
    key: str = "zarr.json"


class Counts:
    """Counts `stat`, `lstat` and files opened while `counting`; nothing else pays for it."""

    def __init__(self) -> None:
        self.stats = self.opened = 0
        self.is_on = False
        sys.addaudithook(self._hear)

    @contextmanager
    def counting(self) -> Iterator[None]:
        functions = os.stat, os.lstat
        self.stats = self.opened = 0
        self.is_on = True
        os.stat, os.lstat = map(self._counted, functions)
        try:
            yield
        finally:
            os.stat, os.lstat = functions
            self.is_on = False

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.stats += 1
            return function(*args, **kwargs)

        return call

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event == "open" and isinstance(arguments[2], int) and not arguments[2] & os.O_DIRECTORY:
            self.opened += 1


def scan(folder: Path) -> int:
    """Count the files of all folders."""
    with os.scandir(folder) as entries:
        return sum(scan(Path(entry.path)) if entry.is_dir() else 1 for entry in entries)


def make_files(folder: Path, folders: int, count: int) -> None:
    np.save(folder / "first.npy", np.zeros(4))
    content = (folder / "first.npy").read_bytes()
    (folder / "first.npy").unlink()
    for i in range(count):
        below = folder / f"run{i % folders:03}" if folders > 1 else folder
        below.mkdir(exist_ok=True)
        (below / f"scan{i:06}x.npy").write_bytes(content)  # without an end in digits, which would make them one stack


def make_frames(folder: Path, count: int) -> None:
    tifffile.imwrite(folder / "first.tif", np.zeros((64, 64), "u2"))
    content = (folder / "first.tif").read_bytes()
    (folder / "first.tif").unlink()
    for i in range(count):
        (folder / f"scan_{i:06}.tif").write_bytes(content)


def make_columns(folder: Path, count: int) -> None:
    table = pa.table({f"column{i:05}": np.arange(100.0) for i in range(count)})
    pq.write_table(table, folder / "table.parquet", row_group_size=100 // ROW_GROUPS)


def pass_over_footer(folder: Path) -> int:
    """The stored bytes of a Parquet file, added up from its footer."""
    footer = pq.read_metadata(folder / "table.parquet")
    groups = map(footer.row_group, range(footer.num_row_groups))
    return sum(group.column(i).total_compressed_size for group in groups for i in range(footer.num_columns))


def make_datasets(folder: Path, count: int) -> None:
    with h5py.File(folder / "events.h5", "w", libver="latest") as file:
        events = file.create_group("events")
        for i in range(count):
            events.create_dataset(f"event{i:05}", data=np.arange(i % DATASETS + 1))


def visit(folder: Path) -> list[object]:
    """What a document tells of each object of an HDF5 file, as h5py has it."""
    found: list[object] = []

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        is_dataset = isinstance(item, h5py.Dataset)
        found.append((name, dict(item.attrs), *((item.shape, item.dtype, item.chunks, item.maxshape) if is_dataset else ())))

    with h5py.File(folder / "events.h5") as file:
        file.visititems(note)
    return found


def deep(depth: int) -> Path:
    """The path of a file with `depth` folders above it."""
    return Path(*(f"level{i}" for i in range(depth)), "image.npy")


def make_deep(folder: Path, depth: int) -> None:
    path = folder / deep(depth)
    path.parent.mkdir(parents=True)
    np.save(path, np.zeros((8, 8)))


def stat(folder: Path, depth: int) -> os.stat_result:
    """The one `stat` that tells whether the file has changed."""
    return (folder / deep(depth)).stat()


def cases() -> Iterator[Case]:
    for count in (1000, 10_000, 100_000):
        yield Case("files", f"{count:,} files in one folder", count, lambda path, n=count: make_files(path, 1, n), scan)
        yield Case("files", f"{count:,} files in {FOLDERS} folders", count, lambda path, n=count: make_files(path, FOLDERS, n), scan)
    for what in ("document", "chunk"):
        for count in (1000, 10_000, 100_000):
            key = {"document": "zarr.json", "chunk": f"scan_/c/{count // 2}/0/0"}[what]
            yield Case("frames", f"{count:,} frames, the {what}", count, lambda path, n=count: make_frames(path, n), scan, key)
    for count in (500, 5000):
        yield Case("columns", f"{count:,} columns", count, lambda path, n=count: make_columns(path, n), pass_over_footer)
    for count in (800, 8000):
        yield Case("datasets", f"{count:,} datasets", count, lambda path, n=count: make_datasets(path, n), visit)
    for depth in (2, 20, 200):
        key = f"{deep(depth).with_suffix('')}/c/0/0"
        yield Case(
            "depth", f"{depth} folders deep", depth, lambda path, n=depth: make_deep(path, n), lambda path, n=depth: stat(path, n), key
        )


def ask(keys: KeySpace, key: str) -> object:
    """A document, or the revision of a chunk, which is what a request needs if its body is kept."""
    found = keys.resolve(key)
    assert found is not None
    return found.revision() if isinstance(found, Chunk) else found.body()


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that some work takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


@contextmanager
def opened(folder: Path) -> Iterator[Callable[[], KeySpace]]:
    """A function that opens a folder anew, with caches of its own."""
    resources = Resources.of()
    try:
        yield lambda: KeySpace(open_directory(folder, resources), v3, resources=resources)
    finally:
        resources.close()


def one_round(case: Case, folder: Path) -> tuple[float, float, float]:
    """Milliseconds of the rival, of the first request from opening on, and of the next one."""
    with opened(folder) as keyspace:
        made: list[KeySpace] = []

        def first() -> None:
            made.append(keyspace())
            ask(made[0], case.key)

        return timed(lambda: case.beside(folder)), timed(first), timed(lambda: ask(made[0], case.key))


def measured(case: Case, folder: Path, rounds: int, counts: Counts) -> dict[str, Any]:
    """The figures of a case."""
    case.make(folder)
    time.sleep(SETTLING)
    case.beside(folder)  # brings the files into the page cache
    beside, first, again = (statistics.median(side) for side in zip(*(one_round(case, folder) for _ in range(rounds)), strict=True))
    with opened(folder) as keyspace:
        with counts.counting():
            keys = keyspace()
            ask(keys, case.key)
        at_first = counts.opened, counts.stats
        with counts.counting():
            ask(keys, case.key)
    return {
        "case": case.name,
        "size": case.size,
        "beside": BESIDE[case.kind],
        "beside_ms": beside,
        "first_ms": first,
        "again_ms": again,
        "ratio": first / beside,
        "opened_first": at_first[0],
        "opened_again": counts.opened,
        "stats_first": at_first[1],
        "stats_again": counts.stats,
        "rounds": rounds,
    }


def line(figures: dict[str, Any]) -> str:
    """The figures of a case for people."""
    times = "  ".join(f"{name} {figures[f'{name}_ms']:>9.4g} ms" for name in ("beside", "first", "again"))
    opened, stats = (f"{figures[f'{what}_first']}/{figures[f'{what}_again']}" for what in ("opened", "stats"))
    return f"{figures['case']:<32} {times}  {figures['ratio']:6.3g} x {figures['beside']}  opened {opened}  stats {stats}"


def growth(smaller: dict[str, Any], larger: dict[str, Any]) -> str:
    """How many times as much as n log n allows the larger of two cases took."""
    sizes = [figures["size"] for figures in (smaller, larger)]
    allowed = math.prod((sizes[1] / sizes[0], math.log(sizes[1]) / math.log(sizes[0])))
    factors = (f"{name} {larger[f'{name}_ms'] / smaller[f'{name}_ms'] / allowed:.2g}" for name in ("beside", "first", "again"))
    return f"    from {sizes[0]:,} to {sizes[1]:,}, of n log n: {', '.join(factors)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="files|frames|columns|datasets|depth")
    parser.add_argument("--quick", action="store_true", help="without the largest case of each kind")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    known = list(cases())
    if unknown := {*options.kinds} - {case.kind for case in known}:
        parser.error(f"no case of the kind {', '.join(unknown)}")
    largest = {case.kind: max(other.size for other in known if other.kind == case.kind) for case in known}
    counts, before = Counts(), dict[str, dict[str, Any]]()
    for case in known:
        if (options.kinds and case.kind not in options.kinds) or (options.quick and case.size == largest[case.kind]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            figures = measured(case, Path(folder), options.rounds, counts)
        print(line(figures), flush=True)
        series = case.name.partition(" ")[2]
        if series in before:
            print(growth(before[series], figures), flush=True)
        before[series] = figures
        _record.append("growth", figures, ("h5py", "pyarrow"))


if __name__ == "__main__":
    main()
