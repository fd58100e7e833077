"""A scheduler of Dask's and its workers, each a process of its own, and blocks that count.

with scheduler() as running:          running.address is tcp://127.0.0.1:PORT
    running.add_worker()

The workers cannot import `tiled_zarr`: the users' do not have it either.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask.array
import numpy as np

SECONDS = 60
RUN = "import sys; sys.modules['tiled_zarr'] = None; from distributed.cli.dask_{0} import main; main()"


class Running:
    """A scheduler and its workers. `folder` has their logs."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.env = {**os.environ, **(env or {})}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file))

    @property
    def address(self) -> str:
        address: str = json.loads(self.file.read_text())["address"]
        return address

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", RUN.format(kind), *arguments], stdout=log, stderr=log, env=self.env, cwd=self.folder
            )

    def add_worker(self) -> subprocess.Popen[bytes]:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0", "--death-timeout", "60"]
        self.workers.append(self.start("worker", self.address, *options))
        return self.workers[-1]

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait(SECONDS)


@contextmanager
def scheduler(workers: int = 0, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A running scheduler, with so many workers on their way to it."""
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder), env)
        try:
            wait_until(lambda: running.file.exists() and running.file.read_text().endswith("}"))
            for _ in range(workers):
                running.add_worker()
            yield running
        finally:
            running.end()


def wait_until(is_so: Any, seconds: float = SECONDS) -> None:
    """Return when `is_so()` is true. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def known(client: Any) -> int:
    """How many tasks the scheduler knows."""

    def tasks(dask_scheduler: Any = None) -> int:  # nested: it is sent as code
        return len(dask_scheduler.tasks)

    found: int = client.run_on_scheduler(tasks)
    return found


class Counted:
    """A dask array of numbers that notes each time a block of it begins to be computed.

    `array` is its truth. A block takes `seconds`, and waits as long as the file `gate` exists.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], chunks: tuple[int, ...], seconds: float = 0.0, dtype: str = "u2") -> None:
        self.folder = folder / uuid.uuid4().hex
        self.folder.mkdir()
        self.gate = folder / f"{self.folder.name}.gate"
        self.array = np.random.default_rng(len(shape)).integers(0, 60000, shape).astype(dtype)
        self.dask = self.made(chunks, seconds)

    @property
    def begun(self) -> int:
        """How many computations have begun."""
        return len(list(self.folder.iterdir()))

    def made(self, chunks: tuple[int, ...], seconds: float) -> Any:
        folder, gate = str(self.folder), str(self.gate)

        def noted(block: Any) -> Any:  # nested: it is sent as code, since the workers cannot import this module
            import time
            import uuid
            from pathlib import Path

            Path(folder, uuid.uuid4().hex).touch()
            time.sleep(seconds)
            while Path(gate).exists():
                time.sleep(0.01)
            return block

        return dask.array.from_array(self.array, chunks).map_blocks(
            noted, dtype=self.array.dtype, meta=np.empty((0,) * self.array.ndim, self.array.dtype)
        )
