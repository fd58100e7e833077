"""Chunks per second through a real server, next to the most that this server can send.

    python bench/server.py [--quick] [--servers hypercorn uvicorn granian] [--rounds 7] [--seconds 2] [--connections 16]

Ours serves chunks of an in-memory camera image of 4096 x 4096 uint16, once out of its cache and once encoding each anew; the ceiling is a
bare ASGI application that has the same bodies and headers ready; `numpy encoder` is ours, uncached, with numpy and numcodecs in place of
the native encoder. All run at once, each in a process of its own, and are asked in turns by a client in another process.
One line a comparison, kept in bench/record/server.csv; where other programs run too, the processor time is what to compare.
"""

from __future__ import annotations

from typing import NamedTuple

import _effort
from _contest import contest
from _images import Tiles
from _report import Comparison, report
from _servers import Program, asgi, ours

SERVERS = ("hypercorn", "uvicorn", "granian")
CACHE_ON, CACHE_OFF, NUMPY, CEILING = "cache on", "cache off", "numpy encoder", "ceiling"
GOAL_ON = 0.85
GOALS_OFF = {"hypercorn": 0.6, "uvicorn": 0.45}
"""What is promised of 512 x 512 chunks from one process."""


class Case(NamedTuple):
    """Chunks of an edge in pixels, from so many workers of a server."""

    server: str
    edge: int
    workers: int

    def __str__(self) -> str:
        workers = "one worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{self.server}, {workers}, {self.edge} x {self.edge} u2"

    def programs(self) -> list[Program]:
        """What is measured, all in the same chunks."""
        tiles = Tiles(self.edge)
        paths = tiles.paths("/zarr/v3/image/c/")
        shape = f"{self.edge},{self.edge}"
        env = {
            "BENCH_TILE": str(self.edge),
            "TILED_ZARR_TREE": "_images:tree",
            "TILED_ZARR_PUBLIC": "1",
            "TILED_ZARR_CACHE_SIZE": "0",
            "TILED_ZARR_CHUNK_SHAPE": shape,
        }
        return [
            ours(CACHE_ON, self.server, paths, workers=self.workers, chunk_shape=shape),
            ours(CACHE_OFF, self.server, paths, workers=self.workers, chunk_shape=shape, cache_size=0),
            asgi(NUMPY, "_ablation:app", self.server, paths, workers=self.workers, env=env),
            asgi(CEILING, "_ceiling:app", self.server, paths, workers=self.workers, env=env),
        ]

    def comparisons(self) -> list[Comparison]:
        """What is said of it; the goals are for the usual chunks from one process."""
        is_promised = self.edge == 512 and self.workers == 1
        return [
            Comparison(CACHE_ON, CEILING, GOAL_ON if is_promised else None),
            Comparison(CACHE_OFF, CEILING, GOALS_OFF.get(self.server) if is_promised else None),
            Comparison(CACHE_OFF, NUMPY),
        ]


def cases(servers: list[str], *, quick: bool) -> list[Case]:
    """Chunks of 128 KiB, of 512 KiB, the usual ones, and of 2 MiB, and two workers; quickly only the usual ones."""
    edges = [512] if quick else [512, 256, 1024]
    one_worker = [Case(server, edge, 1) for server in servers for edge in edges]
    return one_worker if quick else [*one_worker, *(Case(server, 512, 2) for server in servers)]


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    options = parser.parse_args()
    for case in cases(options.servers, quick=options.quick):
        results = contest(case.programs(), Tiles(case.edge), _effort.effort(options))
        if results[NUMPY].body == results[CACHE_OFF].body:
            raise RuntimeError(f"{NUMPY}: its bodies are the native encoder's, so it was not used")
        report("server", str(case), Tiles(case.edge), results, case.comparisons(), case.server, "numcodecs")


if __name__ == "__main__":
    main()
