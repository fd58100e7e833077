"""Servers with several workers, over a tree whose reads tell of themselves."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from live import Live, live

PATIENCE = 60
"""Seconds after which what should have happened counts as not happening, on a slow machine too."""
SERVERS = ("hypercorn", "uvicorn", "granian")
TREE = """
import ctypes, os, threading, time
import numpy as np
from tiled_zarr import Array, Group
from tiled_zarr.nodes import Options

def noted(name):
    with open(os.environ["READS"], "a") as log:
        log.write(name + "\\n")

def slow(region):
    noted("slow")
    time.sleep(1)
    return np.ones((8,))[region]

def hung(region):
    noted("hung")
    threading.Event().wait()

def frozen(region):
    noted("frozen")
    ctypes.PyDLL(None).sleep(1000)

def array(read, shape=(2,), **options):
    return Array(shape=shape, dtype=np.dtype("f8"), read=read, **options)

tree = Group(children={
    "pid": array(lambda region: np.array(float(os.getpid())), (), blocking=False),
    "slow": array(slow, (8,), options=Options(chunk_shape=(1,))),
    "big": array(lambda region: np.ones((2**20,))[region], (2**20,), options=Options(chunk_shape=(2**20,))),
    "hung": array(hung), "frozen": array(frozen),
})
values = {"x": np.arange(3)}
other = {"y": np.arange(4), "x": np.arange(3)}
"""
CONFIG = """
public: true
codec: none
trees:
  - {path: /tree, pyobject: "served_by_workers:tree"}
  - {path: /in, pyobject: "served_by_workers:%s"}
"""


class Workers:
    """A folder with a configuration to serve, and the servers that serve it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "server.yml"
        self.reads = folder / "reads"
        self.configure("values")
        (folder / "served_by_workers.py").write_text(TREE)

    def configure(self, name: str) -> None:
        self.config.write_text(CONFIG % name)

    def environment(self) -> dict[str, str]:
        """What the tree needs."""
        return {"READS": str(self.reads), "PYTHONPATH": f"{self.folder}:{os.environ.get('PYTHONPATH', '')}"}

    @contextmanager
    def serving(self, server: str, workers: int = 2, **settings: object) -> Iterator[Live]:
        env = {f"TILED_ZARR_{name.upper()}": str(value) for name, value in settings.items()}
        env |= self.environment()
        with live("config", self.config, server=server, workers=workers, env=env) as running:
            yield running

    def wait_for_reads(self, count: int) -> None:
        until(lambda: self.reads.exists() and len(self.reads.read_text().split()) >= count)


def until(happens: Callable[[], bool]) -> None:
    """Wait for something. Raises AssertionError if it does not happen."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended: it is a zombie, or is not there."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


class Readers:
    """Threads that request one path all the time, half over kept connections, half over new ones.

    Each failure is noted with the time at which its connection began, since a kept connection ends
    with the worker at its other end.
    """

    def __init__(self, address: str, path: str, count: int = 4) -> None:
        self.address, self.path = address, path
        self.answered = 0
        self.failures: list[tuple[float, str]] = []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.read, args=(i % 2 == 0,)) for i in range(count)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        self.read_more()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def read_more(self, count: int = 50) -> None:
        """Wait for so many answers more."""
        until(lambda wanted=self.answered + count: self.answered >= wanted)  # type: ignore[misc] # a lambda with a default

    def read(self, is_kept: bool) -> None:
        connection, began = HTTPConnection(self.address, timeout=PATIENCE), 0.0
        while not self.is_over.is_set():
            began = began if connection.sock else time.monotonic()
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status
                self.answered += 1
            except Exception as error:  # noqa: BLE001 - any failure is one
                self.failures.append((began, repr(error)))
                connection.close()
            if not is_kept:
                connection.close()
        connection.close()


@pytest.fixture(autouse=True, scope="session")
def hears_sighup() -> None:
    """Under nohup SIGHUP is ignored, and a server started so is right to go on ignoring it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    return Workers(tmp_path)
