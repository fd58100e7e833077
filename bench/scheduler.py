"""Sixteen tiles in one dear block of a dask array, wherever its tasks run.

    python bench/scheduler.py

The image has 4096 x 4096 u2 in one block, which takes a second of processor time; a tile has
1024 x 1024. A server in a process of its own serves it (`tiled_zarr.serve`) with each value of the
setting `scheduler`; a scheduler with two workers runs beside it. Four clients ask for all tiles,
and then for all again, the cache of encoded chunks being off: the block is kept, and each tile is
cut and encoded anew. `computed` is how often the block was. `grown` is by how many MiB the server's
peak of resident memory is above what it had when it was ready, `moved` how many MiB came to it from
workers. It prints one line per scheduler and appends it to bench/record/scheduler.csv.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import _record

SIDE, TILE, CLIENTS = 4096, 1024, 4
WORK = 1.0
"""Seconds of processor time that the block takes."""
MIB = 2**20
DASK = "from distributed.cli.dask_{0} import main; main()"
SECONDS = 120


class Outcome(NamedTuple):
    """What a server has done for all tiles, twice."""

    scheduler: str
    computed: int
    first: float
    again: float
    grown: float
    moved: float

    def line(self) -> str:
        return (
            f"{self.scheduler:12}  computed {self.computed}  16 tiles {self.first:5.2f} s, again {self.again:5.2f} s  "
            f"server {self.grown:+6.1f} MiB  moved {self.moved:6.1f} MiB"
        )


def image(folder: str) -> Any:
    """One block of noise, which notes each time it is computed."""
    import dask.array
    import numpy as np

    def block(side: int = SIDE, seconds: float = WORK) -> Any:
        import time
        import uuid
        from pathlib import Path

        Path(folder, uuid.uuid4().hex).touch()
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return np.random.default_rng(0).poisson(1000, (side, side)).astype("u2")

    return dask.array.map_blocks(block, chunks=((SIDE,), (SIDE,)), dtype="u2", meta=np.empty((0, 0), "u2"))


def serve(folder: str, **settings: str) -> None:
    """Serve the image until the input ends; then print what was moved, and the peak of memory."""
    import distributed

    import tiled_zarr

    moved = 0
    gather = distributed.Client.gather

    def gathered(self: Any, futures: Any, **options: Any) -> Any:
        nonlocal moved
        values = gather(self, futures, **options)
        moved += sum(value.nbytes for value in values)
        return values

    distributed.Client.gather = gathered
    with tiled_zarr.serve(
        {"image": image(folder)}, public=True, chunk_shape=f"{TILE},{TILE}", cache_size=0, codec="none", **settings
    ) as server:
        urllib.request.urlopen(f"{server.url}/zarr/v3/image/zarr.json").read()
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        print(server.url, flush=True)
        sys.stdin.read()
        print(json.dumps({"grown": (peak() - before) / MIB, "moved": moved / MIB}), flush=True)


def peak() -> int:
    """The peak of resident bytes of this process since it was last reset."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    file = folder / "scheduler.json"
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    started = [subprocess.Popen([sys.executable, "-c", DASK.format("scheduler"), *scheduler], **options)]
    try:
        end = time.monotonic() + SECONDS
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.1)
        started += [subprocess.Popen([sys.executable, "-c", DASK.format("worker"), *worker], **options) for _ in range(2)]
        address: str = json.loads(file.read_text())["address"]
        wait_for_workers(address)
        yield address
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def wait_for_workers(address: str) -> None:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=SECONDS)


def measured(name: str, scheduler: str | None) -> Outcome:
    """What a server with this scheduler does for all tiles."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "serve", folder, *([scheduler] if scheduler else [])]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            first, again = all_tiles(url), all_tiles(url)
            said = json.loads(server.communicate(timeout=SECONDS)[0])
        finally:
            server.kill()
            server.wait()
        return Outcome(name, len(list(Path(folder).iterdir())), first, again, said["grown"], said["moved"])


def all_tiles(url: str) -> float:
    """Seconds for all tiles, asked for by CLIENTS at once."""
    keys = [f"c/{row}/{column}" for row, column in product(range(SIDE // TILE), repeat=2)]
    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        for body in clients.map(lambda key: urllib.request.urlopen(f"{url}/zarr/v3/image/{key}", timeout=SECONDS).read(), keys):
            assert len(body) == 2 * TILE * TILE
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder)) as address:
        for name, scheduler in {"none": None, "threads": "threads", "processes": "processes", "distributed": address}.items():
            outcome = measured(name, scheduler)
            print(outcome.line(), flush=True)
            _record.append("scheduler", outcome._asdict(), ("dask", "distributed"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], **({"scheduler": sys.argv[3]} if sys.argv[3:] else {}))
    else:
        main()
