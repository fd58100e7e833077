"""How much memory a server takes in minutes of mixed use.

    python bench/soak.py --minutes 10 --server hypercorn

The clients request cached chunks, documents, listings and names that do not exist, over connections
that they keep and over connections that they close after one answer; some disconnect before their
answer. It prints the resident memory of the server's largest process every 15 s, and at the end the
growth since the first minute.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import _processes

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from live import live

CHUNKS = [f"/zarr/v3/nested/images/medium_image/c/{row}/{column}" for row in range(2) for column in range(2)]
PATHS = [
    *CHUNKS,
    "/zarr/v3/zarr.json",
    "/zarr/v2/.zmetadata",
    "/zarr/v3/nested",
    "/zarr/v3/nothing",
    "/zarr/v3/nested/images/medium_image/c/99/99",
    "/healthz",
]
RESET = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which closing a socket resets the connection."""


class Clients:
    """Sends requests in three ways, in turns."""

    def __init__(self, address: str) -> None:
        self.host, _, port = address.partition(":")
        self.port = int(port)
        self.kept = [HTTPConnection(self.host, self.port, timeout=60) for _ in range(4)]
        self.turns: Iterator[tuple[Callable[[str], None], str]] = zip(
            itertools.cycle([self.keep, self.keep, self.keep, self.close, self.keep, self.keep, self.leave]),
            itertools.cycle(PATHS),
            strict=False,
        )

    def ask(self) -> None:
        way, path = next(self.turns)
        way(path)

    def keep(self, path: str) -> None:
        """Send a request over one of the connections that stay open."""
        connection = self.kept.pop(0)
        answered(connection, path)
        self.kept.append(connection)

    def close(self, path: str) -> None:
        """Send one request over a new connection."""
        connection = HTTPConnection(self.host, self.port, timeout=60)
        answered(connection, path)
        connection.close()

    def leave(self, path: str) -> None:
        """Send a request, and reset the connection without waiting for the answer."""
        connection = socket.create_connection((self.host, self.port), timeout=60)
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()


def answered(connection: HTTPConnection, path: str) -> None:
    """Send a GET and read the whole answer. Raises ConnectionError unless it is 200 or 404."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status not in {200, 404}:
        raise ConnectionError(f"{path} is answered {answer.status}")


def soak(server: str, minutes: float, rate: float, every: float) -> float:
    """Use a server for `minutes`, and print its memory.

    Returns the growth after the first minute, as a fraction.
    """
    with live("demo", server=server) as running:
        clients = Clients(running.url.removeprefix("http://"))
        start = time.monotonic()
        asked, first, resident = 0, 0.0, 0.0
        for look in range(1, round(minutes * 60 / every) + 1):
            until = start + look * every
            while (now := time.monotonic()) < until:
                clients.ask()
                asked += 1
                time.sleep(max(0.0, min(until, start + asked / rate) - now))
            resident = _processes.resident(running.pid)
            first = first or (resident if until - start >= 60 else 0.0)
            print(f"{server:10} {until - start:5.0f} s {asked:8} requests {resident:8.2f} MiB", flush=True)
    return resident / first - 1 if first else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="hypercorn", choices=["hypercorn", "uvicorn", "granian"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--every", type=float, default=15, help="seconds between two looks")
    options = parser.parse_args()
    growth = soak(options.server, options.minutes, options.rate, options.every)
    print(f"{options.server:10} grew by {growth:.2%} after its first minute")


if __name__ == "__main__":
    main()
