"""Compares programs: all run at the same time, and the same client requests from them in turns.

Before that, every body is compared with the image.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

import _client
from _effort import Effort
from _images import Tiles, camera
from _servers import Program, Server, running


class Sample(NamedTuple):
    """One round of one program.

    It has replies a second, milliseconds of the program's processor time per reply, and the share
    of a core that the client took.
    """

    rate: float
    cost: float
    client: float


@dataclass
class Result:
    """All rounds of one program.

    `body` is the mean length of its bodies in KiB, and `peak` its highest memory in MiB.
    """

    program: Program
    body: float
    samples: list[Sample] = field(default_factory=list)
    peak: float = 0.0

    @property
    def median(self) -> Sample:
        return Sample(*map(statistics.median, zip(*self.samples, strict=True)))

    def __str__(self) -> str:
        rate, cost, client = self.median
        limit = f" of {self.program.limit:.0f}" if self.program.limit else ""
        return (
            f"{self.program.name:28} {rate:7.0f} chunks/s  {self.body:6.0f} KiB  {cost:6.2f} ms CPU  "
            f"peak {self.peak:.0f}{limit} MiB  client {client:.0%} of a core"
        )


def contest(programs: Sequence[Program], tiles: Tiles, effort: Effort) -> dict[str, Result]:
    """The results, by the names of the programs.

    A guest that does not start, or serves something else than the image, is left out. If it is one
    of our programs, that raises RuntimeError, ConnectionError or ValueError.
    """
    camera()  # make it before the servers load it
    with ExitStack() as stack:
        servers, results = [], {}
        for program in programs:
            try:
                server = stack.enter_context(running(program))
                results[program.name] = checked(server, tiles)
            except (RuntimeError, ConnectionError, ValueError) as reason:
                if not program.is_guest:
                    raise
                print(f"{program.name} is LEFT OUT: {reason}", flush=True)
            else:
                servers.append(server)
        for server in servers:
            sample(server, effort._replace(seconds=min(effort.seconds, 0.5)))
        for _ in range(effort.rounds):
            for server in servers:
                results[server.program.name].samples.append(sample(server, effort))
        for server in servers:
            results[server.program.name].peak = server.peak()
    return results


def checked(server: Server, tiles: Tiles) -> Result:
    """An empty result. Compares every body with the image, which also fills a cache."""
    bodies = server.bodies()
    tiles.check(bodies, server.program.decode)
    return Result(server.program, sum(map(len, bodies)) / len(bodies) / 1024)


def sample(server: Server, effort: Effort) -> Sample:
    """One round of one program."""
    before = server.processor_seconds()
    answer = _client.ask(server.port, server.program.paths, effort.connections, effort.seconds)
    cost = 1000 * (server.processor_seconds() - before) / answer.replies
    return Sample(answer.rate, cost, answer.busy)
