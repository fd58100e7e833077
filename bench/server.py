"""Chunks a second through a web server, compared with the highest rate of that web server.

    python bench/server.py [--quick] [--servers hypercorn uvicorn granian] [--rounds 7]
        [--seconds 2] [--connections 16]

Ours serves chunks of a camera image of 4096 x 4096 uint16 in memory, once from its cache and once
encoded for each request. The ceiling is a bare ASGI application that has the same bodies and
headers ready. `numpy encoder` is ours without its cache and with numpy and numcodecs in place of
the native encoder. All run at once, each in its own process, and a client in another process
requests from them in turns. Then it compares two workers with one. It prints one line per
comparison and appends it to bench/record/server.csv. If other programs use the machine, compare the
processor time.
"""

from __future__ import annotations

from dataclasses import replace

import _effort
from _contest import contest
from _effort import Effort
from _images import Tiles
from _report import Comparison, report
from _servers import Program, asgi, ours

SERVERS = ("hypercorn", "uvicorn", "granian")
USUAL = Tiles(512)
OTHERS = (Tiles(256), Tiles(1024))
WORKERS = {1: "one worker", 2: "two workers"}
CACHE_ON, CACHE_OFF, NUMPY, CEILING = "cache on", "cache off", "numpy encoder", "ceiling"
GOAL_ON = 0.85
GOALS_OFF = {"hypercorn": 0.6, "uvicorn": 0.45}
"""Goals for the usual chunks from one process with the cache off; GOAL_ON with it on."""


def programs(server: str, tiles: Tiles, workers: int = 1) -> list[Program]:
    """The programs to measure, all with the same chunks."""
    paths = tiles.paths("/zarr/v3/image/c/")
    shape = f"{tiles.edge},{tiles.edge}"
    env = {
        "BENCH_TILE": str(tiles.edge),
        "TILED_ZARR_TREE": "_images:tree",
        "TILED_ZARR_PUBLIC": "1",
        "TILED_ZARR_CACHE_SIZE": "0",
        "TILED_ZARR_CHUNK_SHAPE": shape,
    }
    return [
        ours(CACHE_ON, server, paths, workers=workers, chunk_shape=shape),
        ours(CACHE_OFF, server, paths, workers=workers, chunk_shape=shape, cache_size=0),
        asgi(NUMPY, "_ablation:app", server, paths, workers=workers, env=env),
        asgi(CEILING, "_ceiling:app", server, paths, workers=workers, env=env),
    ]


def against_the_ceiling(server: str, tiles: Tiles, effort: Effort) -> None:
    """One worker of ours, compared with the ceiling and with an encoder in Python."""
    results = contest(programs(server, tiles), tiles, effort)
    is_promised = tiles == USUAL
    comparisons = [
        Comparison(CACHE_ON, CEILING, GOAL_ON if is_promised else None),
        Comparison(CACHE_OFF, CEILING, GOALS_OFF.get(server) if is_promised else None),
    ]
    if results[NUMPY].body == results[CACHE_OFF].body:
        print(f"{NUMPY} is LEFT OUT: its bodies are the native encoder's, so it was not used", flush=True)
    else:
        comparisons.append(Comparison(CACHE_OFF, NUMPY))
    report("server", f"{server}, one worker, {tiles}", tiles, results, comparisons, server, "numcodecs")


def two_workers_against_one(server: str, effort: Effort) -> None:
    """The gain from a second worker, compared with the gain of the ceiling."""
    names = [CACHE_ON, CACHE_OFF, CEILING]
    contestants = [
        replace(program, name=f"{program.name}, {spelled}")
        for workers, spelled in WORKERS.items()
        for program in programs(server, USUAL, workers)
        if program.name in names
    ]
    comparisons = [Comparison(f"{name}, {WORKERS[2]}", f"{name}, {WORKERS[1]}") for name in names]
    report("server", f"{server}, workers, {USUAL}", USUAL, contest(contestants, USUAL, effort), comparisons, server)


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    options = parser.parse_args()
    effort = _effort.effort(options)
    for server in options.servers:
        for tiles in [USUAL] if options.quick else [USUAL, *OTHERS]:
            against_the_ceiling(server, tiles, effort)
        if not options.quick:
            two_workers_against_one(server, effort)


if __name__ == "__main__":
    main()
