"""The client of every benchmark, in a process of its own: keeps connections busy, one request at a time on each.

    python bench/_client.py PORT CONNECTIONS SECONDS < paths.json

Asks for the paths in turns until the time is over and waits for what is then under way; where SECONDS is 0 it asks for each once. Prints an
`Answer` as JSON. Every reply has to be a 200 that is as long as it says; what is in it was compared before (`Tiles.check`). Replies are
taken into one large buffer, which costs less than wrk's small ones: nginx has sent it 36000 replies of 400 bytes a second, and 4 GB/s of
large ones, for 40 % of a core.
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
"""No head of a reply is longer."""
SILENCE = 30
"""Seconds after which a server is taken to have failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: complete replies, wall and processor time in seconds, latencies in milliseconds."""

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
        """The part of a core that the client itself took: near 1, it is the client that is measured."""
        return self.processor / self.seconds


def ask(port: int, paths: Sequence[str], connections: int, seconds: float) -> Answer:
    """The answer to one run of the client in another process. Raises CalledProcessError where a reply is not whole or no 200."""
    return heard(started(port, paths, connections, seconds))


def started(port: int, paths: Sequence[str], connections: int, seconds: float) -> subprocess.Popen[str]:
    """The client under way."""
    command = [sys.executable, __file__, str(port), str(connections), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(list(paths)))
    process.stdin.close()
    return process


def heard(process: subprocess.Popen[str]) -> Answer:
    """The answer of a client, as soon as it ends."""
    with process:
        assert process.stdout is not None
        printed = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Answer(**json.loads(printed))


@dataclass(slots=True)
class Connection:
    """A connection: when it was asked, the head of its reply so far, and what of the body is still to come."""

    socket: socket.socket
    asked: float = 0.0
    head: bytes = b""
    left: int | None = None

    def ask(self, request: bytes) -> None:
        self.asked = time.perf_counter()
        self.socket.sendall(request)

    def receive(self, buffer: memoryview) -> bool:
        """Take what is there; whether the reply is now complete. Raises ConnectionError where it is not what it says, or no 200."""
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
    """The Content-Length of a 200. Raises ConnectionError for every other reply."""
    status, *lines = head.lower().split(b"\r\n")
    lengths = [line.partition(b":")[2] for line in lines if line.startswith(b"content-length:")]
    if status.split()[1] != b"200" or len(lengths) != 1:
        raise ConnectionError(head.decode("latin-1"))
    return int(lengths[0])


class Client:
    """Connections to one port, and the latencies seen on them in milliseconds."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.port = port
        self.requests = requests
        self.latencies: list[float] = []

    def run(self, connections: int) -> None:
        """Ask until there are no more requests and the last reply is there. Raises TimeoutError where nothing comes for long."""
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
        """Note a reply and ask again; a connection with nothing more to ask is closed."""
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
