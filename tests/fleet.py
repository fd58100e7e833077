"""Servers that serve one slow source, and clients that all ask for the same chunks.

The chunks of `x` take SECONDS each, and each computation is a line of a file. Servers are replicas.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from urllib.parse import urljoin, urlsplit

import numpy as np

from live import Live, live

EDGE = 64
PATIENCE = 60
TREE = """
import os, time
import numpy as np
from tiled_zarr import Array, Group
from tiled_zarr.nodes import Options

EDGE = 64

def read(region):
    with open(os.environ["READS"], "a") as log:
        log.write(f"{os.getpid()} {region[0].start // EDGE}\\n")
    if os.environ["HANGS"] and os.path.exists(os.environ["HANGS"]):
        time.sleep(1000)
    time.sleep(float(os.environ["SECONDS"]))
    rows = np.arange(region[0].start, region[0].stop, dtype="<u4")
    return (rows[:, None] * EDGE + np.arange(EDGE, dtype="<u4"))[:, region[1]]

count = int(os.environ["CHUNKS"])
x = Array(
    shape=(count * EDGE, EDGE), dtype=np.dtype("<u4"), read=read, revision=lambda: "r1", options=Options(chunk_shape=(EDGE, EDGE))
)
tree = Group({"x": x})
"""


def body(number: int) -> bytes:
    """The bytes of a chunk without a codec."""
    return np.arange(number * EDGE * EDGE, (number + 1) * EDGE * EDGE, dtype="<u4").tobytes()


class Fleet:
    """The folder of a source and what its servers have computed."""

    def __init__(self, folder: Path, chunks: int, seconds: float) -> None:
        self.folder = folder
        self.chunks = chunks
        self.seconds = seconds
        self.reads = folder / "reads"
        self.hangs = folder / "hangs"
        """While this file is there, computations never end."""
        self.reads.touch()
        (folder / "slow_source.py").write_text(TREE)

    @contextmanager
    def serving(self, count: int = 2, **settings: object) -> Iterator[list[Live]]:
        """Start servers with these settings, and stop them at the end."""
        env = {
            "READS": str(self.reads),
            "HANGS": str(self.hangs),
            "SECONDS": str(self.seconds),
            "CHUNKS": str(self.chunks),
            "PYTHONPATH": f"{self.folder}:{os.environ.get('PYTHONPATH', '')}",
            "TILED_ZARR_TREE": "slow_source:tree",
            "TILED_ZARR_PUBLIC": "1",
            "TILED_ZARR_CODEC": "none",
            "TILED_ZARR_INSTANCE": "fleet",
            **{f"TILED_ZARR_{name.upper()}": str(value) for name, value in settings.items()},
        }
        if count == 0:
            yield []
            return
        with live(env=env, server="uvicorn", cwd=self.folder) as one, self.serving(count - 1, **settings) as others:
            yield [one, *others]

    def computed(self) -> int:
        """How many chunks were computed since the last question."""
        return self.computed_by().total()

    def computed_by(self) -> Counter[int]:
        """How many chunks each process computed since the last question."""
        lines = self.reads.read_text().splitlines()
        self.reads.write_text("")
        return Counter(int(line.split()[0]) for line in lines)


class Answers:
    """What all clients got: the answers by status, by nginx's word for them, and wrong bodies."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.caches: list[str] = []
        self.wrong = 0


def frozen(url: str) -> str:
    """The address below which the array never changes."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
    connection.request("GET", "/zarr/v3/x/zarr.json")
    answer = connection.getresponse()
    json.loads(answer.read())
    connection.close()
    return urljoin(f"{url}/zarr/v3/x/zarr.json", answer.headers["content-location"]).removesuffix("/zarr.json")


def ask(addresses: Sequence[str], clients: int, chunks: int) -> Answers:
    """All clients ask for all chunks, each in an order of its own, the first ones at the same time.

    The clients take the addresses of the array in turns.
    """
    found, begin = Answers(), Barrier(clients)

    def read(client: int) -> None:
        parts = urlsplit(addresses[client % len(addresses)])
        connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
        numbers = list(range(chunks))
        random.Random(client // len(addresses)).shuffle(numbers)
        begin.wait(PATIENCE)
        for number in numbers:
            connection.request("GET", f"{parts.path}/c/{number}/0")
            answer = connection.getresponse()
            found.wrong += answer.read() != body(number) and answer.status == 200
            found.statuses.append(answer.status)
            found.caches.append(answer.headers.get("x-cache", ""))
        connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(read, range(clients)))
    return found


def kill(server: Live) -> None:
    """End a server at once, as the kernel does when memory runs out."""
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait(PATIENCE)
