"""Chunks per second through a real server, next to the most that this server can send.

    python bench/server.py [--seconds 2] [--rounds 7] [--servers hypercorn uvicorn] [--connections 8]

Ours encodes every 512x512 uint16 chunk of an in-memory camera image anew (cache off); the ceiling is a bare ASGI callable that returns
the same bodies prebuilt, with the same headers. Both run at the same time in processes of their own; a client in a third process asks
them in turns. One line a case, appended to bench/record/server.csv; where other programs run too, the processor time is what to compare.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

RECORD = Path(__file__).parent / "record" / "server.csv"
HOST = "127.0.0.1"
SIDE, TILE = 4096, 512
KINDS = ("ours", "ceiling")
KEYS = [f"/zarr/v3/image/c/{row}/{column}" for row in range(SIDE // TILE) for column in range(SIDE // TILE)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--servers", nargs="+", default=["hypercorn", "uvicorn"])
    parser.add_argument("--serve", nargs=3, metavar=("KIND", "SERVER", "FD"), help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=1, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        kind, server, descriptor = options.serve
        serve(kind, server, int(descriptor))
    elif options.ask:
        print(ask(int(options.ask[0]), options.seconds, options.connections))
    else:
        for server in options.servers:
            record(server, options, measure(server, options.rounds, options.seconds, options.connections))


# The servers


def serve(kind: str, server: str, descriptor: int) -> None:
    from tiled_zarr.cli.servers import RUNNERS

    RUNNERS[server](ours() if kind == "ours" else Ceiling(), socket.socket(fileno=descriptor), 1)


def ours():
    from tiled_zarr.app import create_app
    from tiled_zarr.settings import Settings

    return create_app(root(), Settings(public=True, cache_size=0))


class Ceiling:
    """The most that a server can do: every body and every header stands ready."""

    def __init__(self) -> None:
        from tiled_zarr import v3
        from tiled_zarr.encode import encode
        from tiled_zarr.http.endpoint import OCTETS
        from tiled_zarr.keyspace import Chunk, KeySpace

        keys = KeySpace(root(), v3)
        self.messages = {"/healthz": messages(b"ok", OCTETS)}
        for path in KEYS:
            chunk = keys.resolve(path.removeprefix("/zarr/v3/"))
            assert isinstance(chunk, Chunk)
            self.messages[path] = messages(encode(chunk), OCTETS)

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        for message in self.messages[scope["path"]]:
            await send(message)


def messages(body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> list[dict[str, object]]:
    known = [
        *headers,
        (b"cache-control", b"public, max-age=60"),
        (b"etag", b'"00000000000000000000000000000000"'),
        (b"content-length", b"%d" % len(body)),
    ]
    return [{"type": "http.response.start", "status": 200, "headers": known}, {"type": "http.response.body", "body": body}]


def root():
    from tiled_zarr import Group
    from tiled_zarr.adapters import adapt

    return Group(children={"image": adapt(camera())})


def camera():
    """An uneven field with the shot noise of photons, offset and gain, as a 16-bit camera gives it."""
    import numpy as np

    random = np.random.default_rng(7)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    photons = 200 + 900 * np.exp(-4 * ((x - 0.5) ** 2 + (y - 0.4) ** 2)) * (1 + 0.5 * np.sin(40 * x) * np.sin(30 * y))
    return (100 + 2.2 * random.poisson(photons)).astype(np.uint16)


# The client


@dataclass
class Connection:
    socket: socket.socket
    left: int = 0
    head: bytes = b""


def ask(port: int, seconds: float, connections: int) -> float:
    """Whole replies per second over several connections, one request at a time on each."""
    selector = selectors.DefaultSelector()
    requests = [f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode() for path in KEYS]
    asked = done = 0
    for _ in range(connections):
        connection = Connection(socket.create_connection((HOST, port)))
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.socket.sendall(requests[asked % len(requests)])
        asked += 1
    buffer = memoryview(bytearray(1 << 20))
    start = time.perf_counter()
    end = start + seconds
    while time.perf_counter() < end:
        for key, _ in selector.select():
            connection = key.data
            if received(connection, buffer):
                done += 1
                connection.socket.sendall(requests[asked % len(requests)])
                asked += 1
    return done / (time.perf_counter() - start)


def received(connection: Connection, buffer: memoryview) -> bool:
    """Read what is there; whether the reply is now complete."""
    count = connection.socket.recv_into(buffer)
    if not count:
        raise ConnectionError("the server closed a connection")
    if connection.left:
        connection.left -= count
        return connection.left == 0
    connection.head += bytes(buffer[:count])
    head, blank, rest = connection.head.partition(b"\r\n\r\n")
    if not blank:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.decode())
    length = next(int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    connection.head, connection.left = b"", length - len(rest)
    return connection.left == 0


# Measuring


class Sample(NamedTuple):
    """Chunks per second, and milliseconds of processor time that the server spent on one."""

    rate: float
    cost: float


class Server(NamedTuple):
    port: int
    pid: int

    def sample(self, seconds: float, connections: int) -> Sample:
        before = processor_seconds(self.pid)
        rate = asked_by_another_process(self.port, seconds, connections)
        return Sample(rate, 1000 * (processor_seconds(self.pid) - before) / (rate * seconds))


def measure(server: str, rounds: int, seconds: float, connections: int) -> dict[str, list[Sample]]:
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(running(kind, server)) for kind in KINDS}
        for kind in KINDS:
            servers[kind].sample(0.5, connections)
        samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                samples[kind].append(servers[kind].sample(seconds, connections))
    return samples


@contextmanager
def running(kind: str, server: str) -> Iterator[Server]:
    """A server in a process of its own."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        command = [sys.executable, __file__, "--serve", kind, server, str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
    try:
        urlopen(f"http://{HOST}:{port}/healthz").close()
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its threads so far (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked_by_another_process(port: int, seconds: float, connections: int) -> float:
    command = [sys.executable, __file__, "--ask", str(port), "--seconds", str(seconds), "--connections", str(connections)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def record(server: str, options: argparse.Namespace, samples: dict[str, list[Sample]]) -> None:
    ratios = [ours.rate / ceiling.rate for ours, ceiling in zip(samples["ours"], samples["ceiling"], strict=True)]
    ratio = statistics.median(ratios)
    ours, ceiling = (Sample(*map(statistics.median, zip(*samples[kind], strict=True))) for kind in KINDS)
    print(
        f"{server:10} ours {ours.rate:6.0f} chunks/s {ours.cost:5.2f} ms   ceiling {ceiling.rate:6.0f} chunks/s {ceiling.cost:5.2f} ms   "
        f"ratio {ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f}, {options.rounds} rounds)",
        flush=True,
    )
    row = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "versions": " ".join(f"{name}={version(name)}" for name in ("tiled-zarr", server, "numpy"))
        + f" python={platform.python_version()}",
        "command": f"bench/server.py --seconds {options.seconds:g} --rounds {options.rounds} --connections {options.connections}",
        "case": f"{server}: 512x512 u2 chunks, cache off",
        "ours_per_second": f"{ours.rate:.1f}",
        "ceiling_per_second": f"{ceiling.rate:.1f}",
        "ratio": f"{ratio:.4f}",
        "lowest_ratio": f"{min(ratios):.4f}",
        "highest_ratio": f"{max(ratios):.4f}",
        "ours_cpu_ms": f"{ours.cost:.3f}",
        "ceiling_cpu_ms": f"{ceiling.cost:.3f}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }
    is_new = not RECORD.exists()
    RECORD.parent.mkdir(exist_ok=True)
    with RECORD.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
