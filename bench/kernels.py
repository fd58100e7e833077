"""The native kernels, compared with numpy and numcodecs, and with sparse.

    python bench/kernels.py [PART OF A CASE'S NAME ...]

Times are processor time of the calling thread, and medians over rounds in which both sides take
turns; the spread is that of the middle half of the rounds' ratios. Two threads are measured in wall
time. `densify 1e8` runs only if it is named. It prints one line per case and appends it to
bench/record/kernels.csv.
"""

from __future__ import annotations

import csv
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numcodecs.blosc
import numpy as np
import sparse

from tiled_zarr import _native

RECORD = Path(__file__).parent / "record" / "kernels.csv"
ROUNDS = 31
TILE = (slice(512, 1024), slice(512, 1024))
SHAPE = (512, 512)
DTYPES = ["|b1", "|u1", "<u2", "<i4", "<i8", "<f2", "<f4", "<f8", "<c16"]


@dataclass(frozen=True)
class Case:
    """A call of ours and one of a rival; `clock` returns nanoseconds."""

    name: str
    ours: Callable[[], object]
    rival: Callable[[], object]
    clock: Callable[[], int] = time.thread_time_ns


@dataclass(frozen=True)
class Result:
    name: str
    ours_us: float
    rival_us: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        times = f"ours {self.ours_us:9.1f} us  rival {self.rival_us:9.1f} us"
        return f"{self.name:40} {times}  {self.ratio:6.2f}x  ({self.low:.2f} to {self.high:.2f})"


def scene(dtype: str) -> np.ndarray[Any, Any]:
    """A smooth image with a little noise."""
    y, x = np.mgrid[:2048, :2048]
    noise = np.random.default_rng(1).normal(0, 1, y.shape)
    waves = np.sin(x / 90) * np.cos(y / 70)
    kind, size = dtype[1], int(dtype[2:])
    if kind == "b":
        return waves > 0
    if kind == "c":
        return (waves + 0.01 * noise + 1j * waves).astype(dtype)
    if kind == "f":
        return (1000 * waves + noise).astype(dtype)
    scale = 100 if size == 1 else 10_000
    return (scale * (waves + 1) + 3 * noise).astype(dtype)


def opaque(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return a.view(f"V{a.itemsize}")


def gathers() -> Iterator[Case]:
    """A tile as plain bytes, compared with numpy's copy."""
    none = _native.Codec("none")
    for dtype in DTYPES:
        a = scene(dtype)
        views = {
            "tile": a[TILE],
            "transposed": a.T[TILE],
            "every third": a[:1536, :1536][::3, ::3],
            "swapped": a.astype(a.dtype.newbyteorder(">"))[TILE],
        }
        for name, view in views.items():
            if name == "swapped" and a.itemsize == 1:
                continue
            unit = a.itemsize // (2 if a.dtype.kind == "c" else 1)
            items = opaque(view)
            layout = [(0, a.itemsize, unit)] if name == "swapped" else None
            yield Case(
                f"gather {dtype} {name}",
                lambda v=items, layout=layout: _native.encode(v, SHAPE, none, layout),
                lambda v=view, dtype=dtype: v.astype(dtype, order="C").tobytes(),
            )


def compressor(cname: str, level: int, itemsize: int) -> tuple[_native.Codec, numcodecs.Blosc]:
    """Our Blosc codec and that of numcodecs, with the filter that our server chooses."""
    shuffle = "noshuffle" if itemsize == 1 else "shuffle"
    ours = _native.Codec("blosc", cname=cname, level=level, shuffle=shuffle, typesize=itemsize)
    return ours, numcodecs.Blosc(cname, level, numcodecs.Blosc.NOSHUFFLE if itemsize == 1 else numcodecs.Blosc.SHUFFLE)


def encodes() -> Iterator[Case]:
    """A compressed tile, and a compressed tile of a constant image."""
    for dtype in DTYPES:
        a = scene(dtype)
        for what, picture, choices in [
            ("encode", a, [("lz4", 5), ("zstd", 1)]),
            ("constant", np.full_like(a, 1), [("lz4", 5), ("zstd", 1)]),
        ]:
            items = opaque(picture)[TILE]
            for cname, level in choices:
                ours, theirs = compressor(cname, level, a.itemsize)
                yield Case(
                    f"{what} {dtype} {cname} {level}",
                    lambda v=items, codec=ours: _native.encode(v, SHAPE, codec),
                    lambda v=picture[TILE], codec=theirs: codec.encode(np.ascontiguousarray(v)),
                )


def densifies() -> Iterator[Case]:
    """A box of a sparse array with a million entries, made dense.

    The rival is the sparse package.
    """
    for shape, chunk_shape in [((8192, 8192), (512, 512)), ((400, 400, 400), (64, 64, 64))]:
        yield densify("densify", 1_000_000, shape, chunk_shape)


def densifies_huge() -> Iterator[Case]:
    """The same with a hundred million entries.

    It takes four minutes and 8 GB, so it runs only if `1e8` is named.
    """
    if "1e8" in sys.argv:
        yield densify("densify 1e8", 100_000_000, (100_000, 100_000), (1024, 1024))


def densify(name: str, nnz: int, shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> Case:
    """A box in the middle of about `nnz` entries at random places, in sorted order."""
    rng = np.random.default_rng(1)
    places = np.unique(rng.integers(0, np.prod(shape), nnz))
    coords = np.stack(np.unravel_index(places, shape)).astype(np.int64)
    data = rng.normal(size=places.size)
    coo, theirs = _native.Coo(coords, data, shape, "<f8"), sparse.COO(coords, data, shape, has_duplicates=False, sorted=True)
    start = tuple(n // 2 for n in shape)
    region = tuple(slice(first, first + n) for first, n in zip(start, chunk_shape, strict=True))
    none = _native.Codec("none")
    assert coo.encode(start, chunk_shape, none) == theirs[region].todense().tobytes()
    return Case(
        f"{name} {'x'.join(map(str, chunk_shape))}",
        lambda: coo.encode(start, chunk_shape, none),
        lambda: theirs[region].todense().tobytes(),
    )


def halves() -> Iterator[Case]:
    """A tile of half the rows and columns, compared with strided numpy."""
    for dtype in DTYPES[1:-1]:
        tile = scene(dtype)[TILE]
        items = opaque(tile)
        is_float = tile.dtype.kind == "f"
        yield Case(
            f"halve {dtype} mean",
            lambda v=items, dtype=dtype: _native.halve(v, dtype),
            (lambda v=tile: float_mean(v)) if is_float else (lambda v=tile: integer_mean(v)),
        )


def integer_mean(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    wide = a.astype(np.int64 if a.itemsize > 2 else np.int32)
    return ((wide[::2, ::2] + wide[::2, 1::2] + wide[1::2, ::2] + wide[1::2, 1::2] + 2) >> 2).astype(a.dtype)


def float_mean(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    four = np.stack([a[::2, ::2], a[::2, 1::2], a[1::2, ::2], a[1::2, 1::2]])
    return np.nanmean(four, axis=0, dtype=np.float64).astype(a.dtype)


def extremes() -> Iterator[Case]:
    """The smallest and largest of each 64 samples of a line, compared with numpy's reductions."""
    for dtype in DTYPES[1:-1]:
        line = scene(dtype).reshape(-1)[: 1 << 20]
        items, bins = opaque(line), line.reshape(-1, 64)
        low, high = (np.fmin, np.fmax) if line.dtype.kind == "f" else (np.minimum, np.maximum)
        yield Case(
            f"minmax {dtype}",
            lambda v=items, dtype=dtype: _native.minmax(v, dtype, 64),
            lambda v=bins, low=low, high=high: np.stack([low.reduce(v, axis=1), high.reduce(v, axis=1)], axis=1),
        )


def two_threads() -> Iterator[Case]:
    """Two chunks on two threads that live on, as in a server, compared with one chunk.

    The ratio is the time for one chunk divided by the time for two. At 1, the threads do not slow
    each other down.
    """
    v = opaque(scene("<f8"))[TILE]
    codec, _ = compressor("zstd", 1, 8)

    pool = ThreadPoolExecutor(2)

    def one(_: object = None) -> None:
        for _ in range(10):
            _native.encode(v, SHAPE, codec)

    def two() -> None:
        list(pool.map(one, range(2)))

    yield Case("two chunks on two threads", two, one, time.perf_counter_ns)


def measure(case: Case) -> Result:
    def timed(call: Callable[[], object], repeat: int) -> float:
        start = case.clock()
        for _ in range(repeat):
            call()
        return (case.clock() - start) / repeat / 1000

    timed(case.rival, 2)
    repeat = max(1, int(2_000 / max(timed(case.ours, 2), 1)))
    rounds = [(timed(case.ours, repeat), timed(case.rival, repeat)) for _ in range(ROUNDS)]
    ours, rival = (statistics.median(side) for side in zip(*rounds, strict=True))
    low, ratio, high = statistics.quantiles([theirs / mine for mine, theirs in rounds], n=4)
    return Result(case.name, ours, rival, ratio, low, high)


def record(results: list[Result], path: Path, packages: list[str]) -> None:
    """Append results to the record `path`, with the versions of `packages`."""
    versions = " ".join(f"{name}={version(name)}" for name in ["tiled-zarr", "numpy", "numcodecs", *packages])
    command = shlex.join(["python", f"bench/{path.stem}.py", *sys.argv[1:]])
    common = [datetime.now(UTC).isoformat(timespec="seconds"), machine(), f"python={platform.python_version()} {versions}", command]
    is_new = not path.exists()
    path.parent.mkdir(exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(["date", "machine", "versions", "command", "case", "ours_us", "rival_us", "ratio", "ratio_low", "ratio_high"])
        for result in results:
            figures = [f"{figure:.2f}" for figure in (result.ours_us, result.rival_us, result.ratio, result.low, result.high)]
            writer.writerow([*common, result.name, *figures])


def machine() -> str:
    """The name and number of processors, if the system lists them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.platform()


def main() -> None:
    numcodecs.blosc.use_threads = False
    results = []
    for make in (gathers, encodes, densifies, densifies_huge, halves, extremes, two_threads):
        for case in make():
            if all(word in case.name for word in sys.argv[1:]):
                results.append(measure(case))
                print(results[-1], flush=True)
    record(results, RECORD, ["sparse"])


if __name__ == "__main__":
    main()
