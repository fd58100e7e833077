"""A bake by the workers of a Dask scheduler, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tiled_zarr
from baking.twins import files
from tiled_zarr.baking import CannotBake, cluster
from tiled_zarr.storage.targets import Folder

PATIENCE = 60
SOURCE = """
import os, time
import numpy as np
from tiled_zarr import Array

VALUES = np.random.default_rng(3).integers(0, 5000, (2600, 2100)).astype("u2")

def read(region):
    with open(os.environ["READERS"], "a") as log:
        log.write(f"{os.getpid()}\\n")
    time.sleep(0.02)
    return VALUES[region]

image = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=read, revision=lambda: "1")
"""


class Cluster:
    """A scheduler and its workers; `readers` notes the process of each read of the source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readers = folder / "readers"
        (folder / "far_source.py").write_text(SOURCE)
        path = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        self.env = {**os.environ, "PYTHONPATH": path, "READERS": str(self.readers)}
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        address: str = json.loads((self.folder / "scheduler.json").read_text())["address"]
        return address

    def start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}.log").open("ab") as log:
            code = f"from distributed.cli.dask_{kind} import main; main()"
            made = subprocess.Popen([sys.executable, "-c", code, *arguments, "--no-dashboard"], env=self.env, stdout=log, stderr=log)
        self.processes.append(made)
        return made

    def start_scheduler(self) -> None:
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        wait_for(lambda: file.exists() and file.read_text().endswith("}"))

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, "--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--death-timeout", "60")

    def pids(self) -> set[str]:
        return {*self.readers.read_text().split()} if self.readers.exists() else set()


def wait_for(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    made.start_scheduler()
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait(PATIENCE)


@pytest.fixture
def here(running: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster, and its source is also found in this process."""
    monkeypatch.setenv("READERS", str(running.readers))
    monkeypatch.syspath_prepend(str(running.folder))
    return running


def workers(running: Cluster, count: int) -> None:
    """Wait for so many workers."""
    from distributed import Client

    with Client(running.address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=PATIENCE)


def test_no_workers(here: Cluster, tmp_path: Path) -> None:
    with pytest.raises(CannotBake, match="has no workers; start one with `dask worker tcp://"):
        tiled_zarr.bake("far_source:image", tmp_path / "a", scheduler=here.address)


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "connected", partial(cluster.connected, seconds=0.5))
    with pytest.raises(CannotBake, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        tiled_zarr.bake("demo", tmp_path / "a", scheduler="tcp://127.0.0.1:9")


def test_objects_have_no_address(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its workers can open, got a ndarray; give a path or MODULE:NAME"):
        tiled_zarr.bake(np.zeros((300, 300)), tmp_path / "a", scheduler="tcp://127.0.0.1:9")
    assert not (tmp_path / "a").exists()


@pytest.mark.timeout(180)
def test_two_workers_make_the_bytes_of_one_process(here: Cluster, tmp_path: Path) -> None:
    here.start_worker()
    here.start_worker()
    workers(here, 2)
    tiled_zarr.bake("far_source:image", tmp_path / "a", shards=(512, 512))
    here.readers.unlink()
    steps: list[tuple[int, int]] = []
    made = tiled_zarr.bake(
        "far_source:image", tmp_path / "b", shards=(512, 512), scheduler=here.address, progress=lambda *step: steps.append(step)
    )
    assert files(tmp_path / "b") == files(tmp_path / "a")
    assert len(here.pids() - {str(os.getpid())}) == 2
    assert sum(nbytes for nbytes, _ in steps) == made.nbytes


@pytest.mark.timeout(180)
def test_a_worker_that_is_killed(here: Cluster, tmp_path: Path) -> None:
    """Another one does its work."""
    tiled_zarr.bake("far_source:image", tmp_path / "a", shards=(512, 512))
    here.readers.unlink()
    victim = here.start_worker()
    workers(here, 3)

    def kill(_: int, __: int) -> None:
        if victim.poll() is None and str(victim.pid) in here.pids():
            victim.send_signal(signal.SIGKILL)

    tiled_zarr.bake("far_source:image", tmp_path / "b", shards=(512, 512), scheduler=here.address, progress=kill)
    assert victim.wait(PATIENCE) == -signal.SIGKILL
    assert files(tmp_path / "b") == files(tmp_path / "a")


@pytest.mark.timeout(180)
def test_a_source_that_workers_cannot_open(here: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "near_source.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Exception, match="near_source"):
        tiled_zarr.bake("near_source:image", tmp_path / "a", scheduler=here.address)


def test_a_source_that_is_another_one_there(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    limits = Folder(tmp_path).limits
    order = cluster.Order.of(tmp_path / "a.npy", str(tmp_path / "a"), cluster.Choice(), limits=limits, files={}, source="another revision")
    with pytest.raises(CannotBake, match="is not the same here as where the bake was begun"):
        cluster.Opened(order)
