"""Compares this checkout with an older one of the same project, in one run.

    python bench/commits.py CHECKOUT [--servers uvicorn hypercorn granian] [--rounds 15]
        [--seconds 1] [--connections 16]

CHECKOUT is a folder with the older commit and its native module, built in place (`maturin develop`
there, in its own environment) or copied in, and a `__main__.py` in its package, which commits
before November 2026 lack. Both serve the same images and trees under the same server, and the
client requests from them in turns: chunks of 512 x 512 u2 with the cache on and off, chunks of
gzipped HDF5, a walk over 1000 documents, the consolidated metadata of 100,000 nodes, and the first
view and the panning of an image in memory. A ratio above 1 means that this checkout is faster. Its
interval is a bootstrap interval for the median of the rounds (95 %, 10,000 draws).
It prints one line per comparison and appends it to bench/record/commits.csv.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import _client
import _effort
import _hdf5
import _nodes
import _record
import viewer
from _contest import contest
from _effort import Effort
from _images import Tiles
from _servers import BENCH, SOURCES, Program, ours, running

SERVERS = ("uvicorn", "hypercorn", "granian")
USUAL = Tiles(512)
NEW, OLD = "this", "older"
FLOOR = 0.97
"""A change is a loss if the whole interval of a ratio is below this."""
LARGE_ROUNDS = 5
"""Rounds of measurements that start a server with 100,000 nodes, which takes seconds."""
ROUNDS, SECONDS = 15, 1.0


class Ratio(NamedTuple):
    """The median of the rounds' ratios, and its interval."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Iterable[float]) -> Ratio:
        values = np.array(list(ratios))
        draws = np.median(np.random.default_rng(1).choice(values, (10_000, len(values))), axis=1)
        low, high = np.quantile(draws, [0.025, 0.975])
        return cls(float(np.median(values)), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f}){'  SLOWER' if self.high < FLOOR else ''}"


def both(older: Path, make: Callable[[str], Program]) -> list[Program]:
    """The same program from both checkouts; `make` gets the name of the checkout."""
    sources = {NEW: SOURCES, OLD: f"{older / 'python'}:{BENCH}"}
    programs = {name: make(name) for name in sources}
    return [replace(program, env={**program.env, "PYTHONPATH": sources[name]}) for name, program in programs.items()]


def chunks(older: Path, server: str, effort: Effort) -> None:
    """Chunks a second, with the cache and encoded each time; then those of an HDF5 file."""
    paths, shape = USUAL.paths("/zarr/v3/image/c/"), f"{USUAL.edge},{USUAL.edge}"
    folder = _hdf5.folder()
    source = {"source": ("directory", folder), "source_nbytes": (folder / "camera.h5").stat().st_size}
    stack = _hdf5.TILES.paths("/zarr/v2/camera/gzip/", ".")
    cases: Mapping[str, tuple[Tiles, Callable[[str], Program]]] = {
        "cache on": (USUAL, lambda name: ours(name, server, paths, chunk_shape=shape)),
        "cache off": (USUAL, lambda name: ours(name, server, paths, chunk_shape=shape, cache_size=0)),
        "HDF5 gzip": (_hdf5.TILES, lambda name: ours(name, server, stack, cache_size=0, codec="blosc:lz4:5", **source)),
    }
    for case, (tiles, make) in cases.items():
        results = contest(both(older, make), tiles, effort)
        new, old = results[NEW].samples, results[OLD].samples
        report(f"{server}, {case}, {tiles}, chunks/s", [a.rate / b.rate for a, b in zip(new, old, strict=True)], server)
        report(f"{server}, {case}, {tiles}, processor time", [b.cost / a.cost for a, b in zip(new, old, strict=True)], server)


def documents(older: Path, server: str, effort: Effort) -> None:
    """Documents a second on a walk over 1000 nodes.

    Then the seconds for the consolidated metadata of 100,000 nodes.
    """
    paths = _nodes.paths(_nodes.thousand(), "zarr.json", "/zarr/v3/")
    rates: dict[str, list[float]] = {NEW: [], OLD: []}
    with ExitStack() as stack:
        programs = both(older, lambda name: ours(name, server, paths, source=("pyobject", "_nodes:thousand")))
        servers = [stack.enter_context(running(program)) for program in programs]
        for _ in range(effort.rounds):
            for one in servers:
                rates[one.program.name].append(_client.ask(one.port, paths, 8, 0).rate)
    report(f"{server}, a walk of {len(paths)} nodes, documents/s", divided(rates[NEW], rates[OLD]), server)
    seconds: dict[str, list[float]] = {NEW: [], OLD: []}
    again: dict[str, list[float]] = {NEW: [], OLD: []}
    for _ in range(LARGE_ROUNDS):
        for program in both(older, lambda name: large(name, server)):
            with running(program) as one:
                for kept in (seconds, again):
                    kept[program.name].append(timed(lambda: one.get("/zarr/v3/zarr.json")))
    report(f"{server}, a document of 100,000 nodes, first", divided(seconds[OLD], seconds[NEW]), server)
    report(f"{server}, a document of 100,000 nodes, again", divided(again[OLD], again[NEW]), server)


def large(name: str, server: str) -> Program:
    source = ("pyobject", "_nodes:hundred_thousand")
    return ours(name, server, ["/healthz"], source=source, consolidated_nodes=10**6, consolidated_bytes=10**9)


def panning(older: Path, server: str, rounds: int) -> None:
    """The first view of an image in memory, and the tiles of a trace through it.

    Each round starts a new server, so that nothing is cached.
    """
    first: dict[str, list[float]] = {NEW: [], OLD: []}
    tiles: dict[str, list[float]] = {NEW: [], OLD: []}
    program = lambda name: ours(name, server, ["/healthz"], source=("pyobject", "_images:ramp"))  # noqa: E731 - it is short
    for _ in range(rounds):
        for one in both(older, program):
            with running(one) as started:
                url = f"http://127.0.0.1:{started.port}/ome-zarr/0.4/picture"
                image, _, took = asyncio.run(viewer.first_view(url))
                first[one.name].append(took)
                tiles[one.name].append(viewer.percentile(asyncio.run(viewer.walk(image)), 50))
    report(f"{server}, first view of an image in memory", divided(first[OLD], first[NEW]), server)
    report(f"{server}, tiles of a trace, p50", divided(tiles[OLD], tiles[NEW]), server)


def divided(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def report(case: str, ratios: Sequence[float], server: str) -> None:
    ratio = Ratio.of(ratios)
    print(f"{case:70} {ratio}", flush=True)
    _record.append("commits", {"case": case, "rounds": len(ratios), **ratio._asdict()}, [server])


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    options = parser.parse_args()
    effort = Effort(options.rounds or ROUNDS, options.seconds or SECONDS, options.connections)
    for server in options.servers:
        chunks(options.checkout.resolve(), server, effort)
    documents(options.checkout.resolve(), options.servers[0], effort)
    panning(options.checkout.resolve(), options.servers[0], LARGE_ROUNDS)


if __name__ == "__main__":
    main()
