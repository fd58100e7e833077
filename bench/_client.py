"""The client of every benchmark, a process that has one request under way on each connection.

    python bench/_client.py PORT CONNECTIONS SECONDS < paths.json

It requests the paths in turns until the time is over, and waits for the last replies. If SECONDS is
0, it requests each path once. It prints an `Answer` as JSON. Every reply must be a 200 of the
length that it declares; `Tiles.check` has compared the contents before. The client reads replies
into one large buffer, which costs less than wrk's small ones: it has read 36000 replies of 400
bytes a second from nginx, and 4 GB/s of large ones, with 40 % of a core.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice, takewhile

HOST = "127.0.0.1"
BUFFER = 1 << 20
HEAD = 4096
"""Bytes: a longer head of a reply is an error."""
SILENCE = 30
"""Seconds without any data after which a server counts as failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a run: the number of complete replies, and what they cost.

    Wall and processor time are in seconds, latencies in milliseconds.
    """

    replies: int
    seconds: float
    processor: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Replies a second."""
        return self.replies / self.seconds

    @property
    def busy(self) -> float:
        """The share of a core that the client took; near 1, the client is the bottleneck."""
        return self.processor / self.seconds


def ask(port: int, paths: Sequence[str], connections: int, seconds: float) -> Answer:
    """The answer of a client that runs in another process. Blocks.

    Raises CalledProcessError if a reply is incomplete or not a 200.
    """
    return heard(started(port, paths, connections, seconds))


def started(port: int, paths: Sequence[str], connections: int, seconds: float) -> subprocess.Popen[str]:
    """A client that has started."""
    command = [sys.executable, __file__, str(port), str(connections), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(list(paths)))
    process.stdin.close()
    return process


def heard(process: subprocess.Popen[str]) -> Answer:
    """The answer of a client. Blocks until the client ends."""
    with process:
        assert process.stdout is not None
        printed = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Answer(**json.loads(printed))


@dataclass(slots=True)
class Connection:
    """A connection, when its request was sent, and how far its reply has arrived.

    It has the head of the reply so far, and the number of bytes of the body that are missing.
    """

    socket: socket.socket
    asked: float = 0.0
    head: bytes = b""
    left: int | None = None

    def ask(self, request: bytes) -> None:
        self.asked = time.perf_counter()
        self.socket.sendall(request)

    def receive(self, buffer: memoryview) -> bool:
        """Read what has arrived; return whether the reply is complete.

        Raises ConnectionError if it is not a 200 or not of the length that it declares.
        """
        count = self.socket.recv_into(buffer)
        if not count:
            raise ConnectionError("the server closed a connection")
        if self.left is None:
            seen = self.head + bytes(buffer[: min(count, HEAD)])
            head, blank, _ = seen.partition(b"\r\n\r\n")
            if not blank:
                self.head = seen
                return False
            self.left = len(head) + len(blank) + length(head) - len(self.head)
            self.head = b""
        self.left -= count
        if self.left < 0:
            raise ConnectionError(f"a reply is {-self.left} bytes longer than its Content-Length")
        if self.left:
            return False
        self.left = None
        return True


def length(head: bytes) -> int:
    """The Content-Length of a 200. Raises ConnectionError for any other reply."""
    status, *lines = head.lower().split(b"\r\n")
    lengths = [line.partition(b":")[2] for line in lines if line.startswith(b"content-length:")]
    if status.split()[1] != b"200" or len(lengths) != 1:
        raise ConnectionError(head.decode("latin-1"))
    return int(lengths[0])


class Client:
    """Connections to one port, and the latencies of their replies in milliseconds."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.port = port
        self.requests = requests
        self.latencies: list[float] = []

    def run(self, connections: int) -> None:
        """Send all requests, and return when the last reply has arrived.

        Raises TimeoutError if nothing arrives for too long.
        """
        buffer = memoryview(bytearray(BUFFER))
        with selectors.DefaultSelector() as selector:
            for request in islice(self.requests, connections):
                connection = Connection(socket.create_connection((HOST, self.port)))
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.ask(request)
            while selector.get_map():
                ready = selector.select(timeout=SILENCE)
                if not ready:
                    raise TimeoutError(f"no reply within {SILENCE} s")
                for key, _ in ready:
                    if key.data.receive(buffer):
                        self.go_on(key.data, selector)

    def go_on(self, connection: Connection, selector: selectors.BaseSelector) -> None:
        """Record a reply and send the next request; without one, close the connection."""
        self.latencies.append(1000 * (time.perf_counter() - connection.asked))
        request = next(self.requests, None)
        if request is None:
            selector.unregister(connection.socket)
            connection.socket.close()
        else:
            connection.ask(request)


def until(end: float, requests: Iterable[bytes]) -> Iterator[bytes]:
    """The requests in turns, until the time `end`."""
    return takewhile(lambda _: time.perf_counter() < end, cycle(requests))


def main(port: int, connections: int, seconds: float) -> None:
    requests = [f"GET {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\n\r\n".encode() for path in json.load(sys.stdin)]
    start, processor = time.perf_counter(), time.process_time()
    client = Client(port, until(start + seconds, requests) if seconds else iter(requests))
    client.run(connections)
    elapsed, processor = time.perf_counter() - start, time.process_time() - processor
    percentiles = statistics.quantiles(client.latencies, n=100, method="inclusive")
    print(json.dumps(asdict(Answer(len(client.latencies), elapsed, processor, percentiles[49], percentiles[98]))))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
