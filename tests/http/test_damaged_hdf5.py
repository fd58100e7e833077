"""Real servers of a folder with HDF5 files on which the library hangs: only those files suffer."""

from __future__ import annotations

import http.client
import json
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import h5py
import numpy as np
import pytest

import damagedhdf5
from live import STOP_SECONDS, Live, live

pytestmark = pytest.mark.slow

LONG = 60.0
ROOT = "/zarr/v3/zarr.json"
HANG = "/zarr/v3/hangs_when_read/text/c/0"
GOOD = "/zarr/v3/good/x/c/0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hdf5")
    with h5py.File(made / "good.h5", "w") as file:
        file["x"], file["text"] = np.arange(3, dtype="<i4"), ["a", "b"]
    damagedhdf5.flipped(damagedhdf5.small(made / "superblock.h5"), 8 * damagedhdf5.FLAGS)
    damagedhdf5.hangs_when_opened(made / "hangs_when_opened.h5")
    damagedhdf5.hangs_when_read(made / "hangs_when_read.h5")
    damagedhdf5.left_and_damaged(made / "left_and_damaged.h5")
    damagedhdf5.links_to_a_pipe(made / "links_to_a_pipe.h5")
    return made


@contextmanager
def serving(folder: Path, server: str = "hypercorn", workers: int = 1, seconds: float = 2.0) -> Iterator[tuple[Live, str]]:
    """A server of the folder that gives a read `seconds`, and the mark that its helpers carry."""
    mark = uuid.uuid4().hex
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    env = {
        "TILED_ZARR_DIRECTORY": folder,
        "TILED_ZARR_PUBLIC": "1",
        "TILED_ZARR_CODEC": "none",
        "PYTHONPATH": path,
        "MARK": mark,
        "HURRY": str(seconds),
    }
    with live(app="hurried_hdf5:app", server=server, workers=workers, env=env) as running:
        yield running, mark


def get(server: Live, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=LONG)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def helpers(mark: str) -> set[int]:
    """Processes of helpers whose environment has a mark."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = f"MARK={mark}".encode() in (process / "environ").read_bytes()
            if is_ours and b"helpers.serve" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def processor_time(mark: str) -> float:
    """Seconds that the helpers have computed."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in helpers(mark)]
    return sum(int(user) + int(system) for user, system in (part[11:13] for part in fields)) / os.sysconf("SC_CLK_TCK")


def until(condition, seconds: float = LONG):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def check_neighbours(server: Live) -> None:
    assert get(server, "/healthz")[0] == 200
    status, _, body = get(server, GOOD)
    assert (status, np.frombuffer(body, "<i4").tolist()) == (200, [0, 1, 2])


SERVERS = [("hypercorn", 1), ("hypercorn", 2), ("uvicorn", 1), ("granian", 1)]


@pytest.mark.parametrize(("name", "workers"), SERVERS, ids=[f"{name}-{workers}" for name, workers in SERVERS])
def test_only_the_damaged_files_suffer(folder: Path, name: str, workers: int) -> None:
    with serving(folder, name, workers) as (server, mark):
        status, _, body = get(server, ROOT)
        assert status == 200
        document = json.loads(body)
        bad = document["attributes"]["tiled_zarr"]["unavailable"]
        assert set(bad) == {"hangs_when_opened", "left_and_damaged", "superblock"}
        assert "did not answer within 2 seconds" in bad["hangs_when_opened"]
        assert "did not answer within 2 seconds" in bad["left_and_damaged"]
        assert {"good", "good/x", "good/text", "links_to_a_pipe/x"} <= set(document["consolidated_metadata"]["metadata"])
        for key, expected in {"hangs_when_opened": 503, "left_and_damaged": 503, "superblock": 500}.items():
            status, headers, body = get(server, f"/zarr/v3/{key}/zarr.json")
            assert (status, "retry-after" in headers) == (expected, expected == 503), body
        check_neighbours(server)
        pids = helpers(mark)
        assert pids
    until(lambda: not helpers(mark), STOP_SECONDS)


def test_a_hang_in_a_read_ends_and_delays_nobody(folder: Path) -> None:
    with serving(folder) as (server, _), ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(get, server, HANG)
        answered = 0
        while not hanging.done():
            check_neighbours(server)
            answered += 1
        assert answered > 1
        status, headers, body = hanging.result()
        assert (status, "retry-after" in headers) == (503, True)
        assert b"the HDF5 library did not answer within 2 seconds on 'hangs_when_read.h5'" in body
        assert get(server, HANG)[0] == 503
        check_neighbours(server)


def test_a_hang_does_not_keep_the_server_from_ending(folder: Path) -> None:
    with serving(folder, seconds=1000) as (server, mark), ThreadPoolExecutor(1) as threads:
        check_neighbours(server)
        before = processor_time(mark)
        hanging = threads.submit(get, server, HANG)
        until(lambda: processor_time(mark) > before + 0.5)
        os.kill(server.pid, 15)
        until(lambda: not is_running(server.pid), STOP_SECONDS)
        assert hanging.exception(LONG) is not None or hanging.result()[0] >= 500
    until(lambda: not helpers(mark), STOP_SECONDS)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_helpers_end_when_the_server_is_killed(folder: Path) -> None:
    with serving(folder, seconds=1000) as (server, mark), ThreadPoolExecutor(1) as threads:
        check_neighbours(server)
        before = processor_time(mark)
        hanging = threads.submit(get, server, HANG)
        until(lambda: processor_time(mark) > before + 0.5)
        os.kill(server.pid, 9)
        until(lambda: not helpers(mark))
        assert hanging.exception(LONG) is not None


def test_there_are_no_helpers_without_hdf5(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    with serving(tmp_path) as (server, mark):
        assert get(server, ROOT)[0] == 200
        assert get(server, "/zarr/v3/a/c/0")[0] == 200
        assert helpers(mark) == set()
