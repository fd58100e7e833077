"""What a server says at its start if it cannot use a scheduler; the modules that tasks need."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest

import tiled_zarr
from dasks import Running, scheduler, wait_until
from live import live
from tiled_zarr.clusters import clients
from tiled_zarr.clusters.clients import CannotConnect, checked, connected, share
from tiled_zarr.clusters.cluster import Cluster
from tiled_zarr.clusters.executor import Executor
from tiled_zarr.settings import SettingsError
from tiled_zarr.settings.values import SETTINGS

MODULE = """
import dask.array
import numpy

def twice(block):
    return 2 * block

image = dask.array.from_array(numpy.arange(64, dtype="u2").reshape(8, 8), 4).map_blocks(twice, dtype="u2")
numbers = numpy.arange(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ours.py").write_text(MODULE)
    return tmp_path


@pytest.fixture
def nowhere() -> Iterator[str]:
    """The address of a port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{held.getsockname()[1]}"


def test_no_scheduler_there_says_what_to_do(nowhere: str) -> None:
    with pytest.raises(CannotConnect, match=f"no Dask scheduler answers at {nowhere} within 0.5 s; start one with `dask scheduler`"):
        connected(nowhere, 0.5)


def test_a_server_does_not_start_without_its_scheduler(nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients.connected, "__defaults__", (0.5,))
    with pytest.raises(SettingsError, match=f"scheduler: no Dask scheduler answers at {nowhere}"):
        tiled_zarr.serve({}, scheduler=nowhere)


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [
        ("threads", True),
        ("processes", True),
        ("tcp://10.0.0.5:8786", True),
        ("tls://dask.example.org:8786", True),
        ("tcp://[::1]:8786", True),
        ("tcp://10.0.0.5", False),
        ("10.0.0.5:8786", False),
        ("http://10.0.0.5:8786", False),
        ("synchronous", False),
        (8786, False),
    ],
)
def test_what_the_setting_takes(value: object, is_valid: bool) -> None:
    parse = SETTINGS["scheduler"].parse
    if is_valid:
        assert parse(value) == value
    else:
        with pytest.raises(ValueError, match="expected threads, processes, or the address of a Dask scheduler"):
            parse(value)


class Versions:
    """A client that has the versions of another, but for some."""

    def __init__(self, client: Any, **changes: dict[str, str]) -> None:
        self.found = deepcopy(client.get_versions(check=False))
        self.is_closed = False
        self.found["scheduler"]["packages"] |= changes.get("scheduler", {})
        for worker in self.found["workers"].values():
            worker["packages"] |= changes.get("workers", {})

    def get_versions(self, check: bool) -> Any:
        assert not check
        return self.found

    def close(self) -> None:
        self.is_closed = True


def test_equal_versions_pass(client: Any) -> None:
    assert checked(Versions(client))
    patched = {"dask": re.sub(r"\d+$", "99", client.get_versions(check=False)["client"]["packages"]["dask"])}
    assert checked(Versions(client, workers=patched))


@pytest.mark.parametrize(
    ("where", "package", "version", "said"),
    [
        ("scheduler", "dask", "2020.1.0", r"dask is \S+ here, and 2020.1.0 on the scheduler; .*install the same version of dask"),
        ("workers", "python", "3.9.1.final.0", r"python is \S+ here, and 3.9.1.final.0 on the worker tcp://.*, the worker tcp://"),
        ("workers", "distributed", "", "and none on the worker"),
    ],
)
def test_other_versions_are_refused(client: Any, where: str, package: str, version: str, said: str) -> None:
    versions = Versions(client, **{where: {package: version}})
    with pytest.raises(CannotConnect, match=said):
        checked(versions)
    assert versions.is_closed


def test_processors_are_shared() -> None:
    assert share(10**6) == 1
    assert share(1) >= share(2)


def test_a_module_that_is_not_there_is_said_at_the_start(folder: Path, running: Running) -> None:
    with (
        pytest.raises(RuntimeError) as caught,
        live("pyobject", "ours:image", "--public", "--scheduler", running.address, cwd=folder),
    ):
        pass
    said = str(caught.value)
    assert "ours:image: the module 'ours' cannot be imported on the scheduler, the worker tcp://" in said
    assert "ModuleNotFoundError: No module named 'ours'" in said


def test_a_module_that_is_there_is_served(folder: Path) -> None:
    """Two workers of the server; the scheduler and its worker find the module by PYTHONPATH."""
    with (
        scheduler(workers=1, env={"PYTHONPATH": str(folder)}) as own,
        live("pyobject", "ours:image", "--public", "--scheduler", own.address, "--workers", "2", cwd=folder) as server,
    ):
        import zarr

        image = zarr.open_array(f"{server.url}/zarr/v3/image", mode="r")
        assert image[:].tolist() == [[2 * (8 * row + column) for column in range(8)] for row in range(8)]


def test_processes_of_its_own_find_the_folder_and_end_with_the_server(folder: Path) -> None:
    with live("pyobject", "ours:image", "--public", "--scheduler", "processes", cwd=folder) as server:
        import zarr

        assert zarr.open_array(f"{server.url}/zarr/v3/image", mode="r")[1].tolist() == list(range(16, 32, 2))
        (worker,) = server.workers()
        started = {pid for pid in children(worker) if is_dask(pid)}
        assert len(started) == share(1)
    wait_until(lambda: not any(map(is_dask, started)))


def children(pid: int) -> list[str]:
    return [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


def is_dask(pid: str) -> bool:
    """Whether a process that multiprocessing has started runs."""
    try:
        return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def test_data_without_tasks_need_no_module_there(cluster: Cluster) -> None:
    executor = Executor(cluster=cluster)
    numbers = np.arange(3)
    assert executor.computable(numbers, "ours") is numbers
    zeros = dask.array.zeros(3)
    assert executor.computable(zeros, "math") is zeros
    for computed in (zeros, {"a": numbers, "b": zeros}):
        with pytest.raises(CannotConnect, match="the module 'ours' cannot be imported on the scheduler"):
            executor.computable(computed, "ours")
