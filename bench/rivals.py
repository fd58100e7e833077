"""Chunks a second, compared with other Zarr servers: same image, web server and client, one run.

    python bench/rivals.py [--quick] [--servers hypercorn uvicorn granian] [--rounds 7]
        [--seconds 2] [--connections 16]

Tiled, xpublish-zarr and chunkmirage encode the image in memory for each request, as ours does with
its cache off; zarr-http-server and nginx send what zarr-python has stored. All have chunks of one
shape and Blosc lz4, except chunkmirage, which has only zstd: we measure it as it is, and with lz4
patched in. The first run makes their environments in build/bench/envs, which takes some minutes. It
prints one line per comparison and appends it to bench/record/rivals.csv.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import _effort
import _peers
from _contest import contest
from _images import Tiles
from _peers import CHUNKMIRAGE, CHUNKMIRAGE_LZ4, NGINX, STORED, STORED_IN_MEMORY, TILED, XPUBLISH, LeftOut
from _report import Comparison, report
from _servers import Program, ours
from _stores import store

SERVERS = ("hypercorn", "uvicorn", "granian")
CACHE_ON, CACHE_OFF = "cache on", "cache off"
USUAL = 512
TILED_GOALS = {"uvicorn": 20, "hypercorn": 12}
GOALS = {XPUBLISH.name: 5, CHUNKMIRAGE.name: 5, CHUNKMIRAGE_LZ4.name: 5, STORED.name: 1}
"""Goals for the ratios of our server with its cache off."""
NGINX_GOALS = {256: 0.35, 1024: 0.9}
"""Goals for ours with its cache on, by the edge of a chunk, under the faster web servers.

Chunks of 1024 x 1024 have bodies of more than 512 KiB.
"""
FASTER = {"uvicorn", "granian"}


def programs(server: str, tiles: Tiles, folder: Path) -> Iterator[Program]:
    """Our server, then all others that can run here; it prints why any cannot.

    With the usual chunk size all take part, with others only ours and nginx.
    """
    paths = tiles.paths("/zarr/v3/image/c/")
    shape = f"{tiles.edge},{tiles.edge}"
    yield ours(CACHE_ON, server, paths, chunk_shape=shape)
    yield ours(CACHE_OFF, server, paths, chunk_shape=shape, cache_size=0)
    others: dict[str, Callable[[], Program]] = {NGINX: lambda: _peers.nginx_program(tiles, folder)}
    if tiles.edge == USUAL:
        others |= {peer.name: lambda peer=peer: peer.program(server, tiles) for peer in _peers.ALL}
    for name, make in others.items():
        try:
            yield make()
        except LeftOut as reason:
            print(f"{name} is LEFT OUT: {reason}", flush=True)


def comparisons(server: str, tiles: Tiles, names: set[str]) -> list[Comparison]:
    """The comparisons of the programs that took part."""
    goals: dict[str, float | None] = {**GOALS, TILED.name: TILED_GOALS.get(server)}
    with_nginx = Comparison(CACHE_ON, NGINX, NGINX_GOALS.get(tiles.edge) if server in FASTER else None)
    uncached = [Comparison(CACHE_OFF, peer.name, goals.get(peer.name)) for peer in _peers.ALL]
    both_in_memory = Comparison(CACHE_ON, STORED_IN_MEMORY.name, 1)
    return [comparison for comparison in [with_nginx, *uncached, both_in_memory] if comparison.theirs in names]


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS)
    options = parser.parse_args()
    servers = options.servers or (["uvicorn"] if options.quick else SERVERS)
    for server in servers:
        for tiles in map(Tiles, [USUAL] if options.quick else [USUAL, *NGINX_GOALS]):
            store(tiles)
            with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
                results = contest(list(programs(server, tiles, Path(folder))), tiles, _effort.effort(options))
            case = f"{server}, {tiles}"
            report("rivals", case, tiles, results, comparisons(server, tiles, set(results)), server)


if __name__ == "__main__":
    main()
