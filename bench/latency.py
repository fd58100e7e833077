"""How long clients wait for metadata: under a load of chunks, on a walk, and for a large tree.

    python bench/latency.py [--quick] [--servers uvicorn hypercorn granian] [--rounds 7]
        [--seconds 2] [--connections 16]

Under a load, one connection requests the documents of an image while others request its chunks of 2
MiB, none of them cached. A walk requests each `zarr.json` of 1000 nodes once. The large tree has
the consolidated metadata of 100,000 nodes, requested from a server that has just started, and
again. It prints one line per figure and appends it to bench/record/latency.csv.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import _client
import _effort
import _nodes
import _record
from _client import Answer
from _effort import Effort
from _images import Tiles
from _servers import Server, ours, running
from _spread import Spread

SERVERS = ("uvicorn", "hypercorn", "granian")
LOAD = Tiles(1024)
DOCUMENTS = {"array": "/zarr/v3/image/zarr.json", "group": "/zarr/v3/zarr.json"}
START_SECONDS = 0.25
"""Seconds that a client needs to start."""
WALKERS = {1: "one connection", 8: "8 connections"}
CONSOLIDATED = {"v2": "/zarr/v2/.zmetadata", "v3": "/zarr/v3/zarr.json"}
NODE_NBYTES = 1000
"""Bytes that we assume a node of a tree in memory needs itself."""


class Figure(NamedTuple):
    """A measured value with its unit, and the value that we aim for."""

    name: str
    value: Spread
    goal: str = ""

    def __str__(self) -> str:
        goal = f"goal {self.goal}: " if self.goal else ""
        return f"{self.name}: {goal}{self.value}"


def beside_a_load(server_name: str, effort: Effort) -> None:
    """The latency of documents while other clients request chunks."""
    shape = f"{LOAD.edge},{LOAD.edge}"
    chunks = LOAD.paths("/zarr/v3/image/c/")
    with running(ours("ours", server_name, chunks, chunk_shape=shape, cache_size=0)) as server:
        figures = []
        for kind, document in DOCUMENTS.items():
            rounds = [asked_beside(server, document, effort) for _ in range(effort.rounds)]
            figures += [
                Figure(f"{kind} p50 ms", Spread.of(answer.p50 for answer, _ in rounds)),
                Figure(f"{kind} p99 ms", Spread.of(answer.p99 for answer, _ in rounds), "< 10"),
                Figure(f"{kind}: chunks/s meanwhile", Spread.of(load.rate for _, load in rounds)),
            ]
        report(server_name, f"documents beside {effort.connections} connections that pull uncached chunks of 2 MiB", server, figures)


def asked_beside(server: Server, document: str, effort: Effort) -> tuple[Answer, Answer]:
    """The answers of a client that requests one document all the time, and of the load."""
    load = _client.started(server.port, server.program.paths, effort.connections, effort.seconds + 2 * START_SECONDS)
    time.sleep(START_SECONDS)
    answer = _client.ask(server.port, [document], 1, effort.seconds)
    return answer, _client.heard(load)


def walk(server_name: str, effort: Effort) -> None:
    """Documents a second, each requested once."""
    paths = _nodes.paths(_nodes.thousand(), "zarr.json", "/zarr/v3/")
    goal = "> 1000" if server_name == "uvicorn" else ""
    program = ours("ours", server_name, paths, source=("pyobject", "_nodes:thousand"), source_nbytes=len(paths) * NODE_NBYTES)
    with running(program) as server:
        figures = [
            Figure(f"documents/s, {spelled}", Spread.of(_client.ask(server.port, paths, count, 0).rate for _ in range(effort.rounds)), goal)
            for count, spelled in WALKERS.items()
        ]
        report(server_name, f"a walk of {len(paths)} nodes", server, figures)


def at_once(server_name: str, format_name: str, effort: Effort) -> None:
    """The time of the first answer in seconds, and of later ones in milliseconds."""
    path = CONSOLIDATED[format_name]
    count = len(_nodes.paths(_nodes.hundred_thousand(), "", ""))
    program = ours(
        "ours",
        server_name,
        ["/healthz"],
        source=("pyobject", "_nodes:hundred_thousand"),
        source_nbytes=count * NODE_NBYTES,
        consolidated_nodes=2 * count,
        consolidated_bytes=10**9,
    )
    with running(program) as server:
        first, nbytes = timed(server, path)
        again = [timed(server, path)[0] for _ in range(effort.rounds)]
        figures = [
            Figure("first answer s", Spread.of([first]), "< 3"),
            Figure("again ms", Spread.of(1000 * seconds for seconds in again), "< 50"),
            Figure("MB", Spread.of([nbytes / 1e6])),
        ]
        report(server_name, f"consolidated metadata of {count} nodes, {format_name}", server, figures)


def timed(server: Server, path: str) -> tuple[float, int]:
    """The seconds until a body has arrived, and its length."""
    start = time.perf_counter()
    body = server.get(path)
    return time.perf_counter() - start, len(body)


def report(server_name: str, what: str, server: Server, figures: list[Figure]) -> None:
    """Print the figures and the peak of the server's memory, and record them."""
    limit = server.program.limit
    assert limit is not None
    memory = Figure("peak MiB", Spread.of([server.peak()]), f"< {limit:.0f}")
    case = f"{server_name}, {what}"
    print(f"\n{case}")
    for figure in [*figures, memory]:
        print(f"    {figure}", flush=True)
        row = {"case": case, "what": figure.name, "goal": figure.goal, **figure.value._asdict()}
        _record.append("latency", row, [server_name])


def main() -> None:
    parser = _effort.parser(__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS)
    options = parser.parse_args()
    effort = _effort.effort(options)
    for server_name in options.servers or (SERVERS[:1] if options.quick else SERVERS):
        beside_a_load(server_name, effort)
        walk(server_name, effort)
        for format_name in CONSOLIDATED:
            at_once(server_name, format_name, effort)


if __name__ == "__main__":
    main()
