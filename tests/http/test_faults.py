"""Faults under real servers.

Sources hang, clients leave, and requests want more memory than there is.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from live import Live, live

pytestmark = pytest.mark.slow

SERVERS = ("hypercorn", "uvicorn", "granian")
TESTS = Path(__file__).parents[1]
WAIT = 60
MIB = 2**20
EDGE = 192 * MIB
"""Bytes of a chunk of the file, one to an item."""
CHUNKS = 12
CACHE, IN_FLIGHT, DECODED, SLACK = 16, 320, 256, 128
"""MiB: as set, as set, what adapters keep of decoded pieces, and for all else."""


@contextmanager
def serving(tree: str, server: str, **settings: str | Path) -> Iterator[Live]:
    env = {f"TILED_ZARR_{name}": value for name, value in settings.items() if name.isupper()}
    env |= {"TILED_ZARR_TREE": f"faulty:{tree}", "TILED_ZARR_PUBLIC": "1", "PYTHONPATH": python_path()}
    with live(env=env | {name.upper(): value for name, value in settings.items() if name.islower()}, server=server) as running:
        yield running


def python_path() -> str:
    return os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < end, "it does not become so"
        time.sleep(0.05)


def threads(server: Live, state: str) -> int:
    text = httpx.get(f"{server.url}/metrics", timeout=WAIT).text
    found = re.search(rf'tiled_zarr_threads{{pool="sources",state="{state}"}} (\d+)', text)
    assert found is not None
    return int(found[1])


def asking(server: Live, path: str) -> socket.socket:
    """A connection on which something was asked for that has not been answered."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=WAIT)
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("server", SERVERS)
def test_sources_that_hang_and_clients_that_leave(server: str) -> None:
    with serving("hanging", server, READ_TIMEOUT="3", THREADS="12") as running, ThreadPoolExecutor(10) as pool:
        gone = [asking(running, f"/zarr/v3/hung/c/{number}") for number in range(12)]
        until(lambda: threads(running, "busy") == 6)
        for connection in gone:
            connection.close()
        lost = [pool.submit(httpx.get, f"{running.url}/zarr/v3/hung/c/{number}", timeout=WAIT) for number in range(20, 30)]
        for path in ("/zarr/v3/good/c/0", "/zarr/v3/zarr.json", "/zarr/v3/", "/zarr/v2/.zmetadata", "/", "/view/opening", "/readyz"):
            assert httpx.get(f"{running.url}{path}", timeout=WAIT).status_code == 200, path
        assert (
            "did not answer" in httpx.get(f"{running.url}/zarr/v2/opening/.zattrs", timeout=WAIT).json()["tiled_zarr"]["unavailable"]["bad"]
        )
        answers = [future.result(WAIT) for future in lost]
        assert {(answer.status_code, answer.headers["retry-after"]) for answer in answers} == {(503, "5")}
        assert threads(running, "stuck") >= 6
        assert httpx.get(f"{running.url}/readyz", timeout=WAIT).status_code == 200
        assert httpx.get(f"{running.url}/zarr/v3/good/c/0", timeout=WAIT).status_code == 200
        begun = time.monotonic()
        os.kill(running.pid, signal.SIGTERM)
        until(lambda: has_ended(running.pid))
        assert time.monotonic() - begun < 30, "the end waits for no thread that is stuck"
        assert "Traceback" not in running.printed()


def has_ended(process: int) -> bool:
    """Whether a child of ours runs no longer."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of large chunks, all with the same content."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path_factory.mktemp("greedy") / "large_chunks.h5"
    with h5py.File(path, "w") as made:
        data = made.create_dataset("data", (CHUNKS * EDGE,), "u1", chunks=(EDGE,), compression="gzip", compression_opts=1)
        data[:EDGE] = np.zeros(EDGE, "u1")
        _, stored = data.id.read_direct_chunk((0,))
        for number in range(1, CHUNKS):
            data.id.write_direct_chunk((number * EDGE,), stored)
    assert path.stat().st_size < 32 * MIB
    return path


@pytest.mark.parametrize("server", SERVERS)
def test_memory_stays_within_what_is_set(server: str, file: Path) -> None:
    with (
        serving("greedy", server, faulty_file=file, CACHE_SIZE=f"{CACHE}MiB", IN_FLIGHT=f"{IN_FLIGHT}MiB") as running,
        closing(httpx.Client(base_url=running.url, timeout=WAIT)) as client,
        ThreadPoolExecutor(CHUNKS) as pool,
    ):
        served = client.get("/zarr/v3/file/data/zarr.json").json()["chunk_grid"]["configuration"]["chunk_shape"][0]
        assert client.get("/zarr/v3/good/c/0").status_code == 200
        before = peak(running.pid)
        paths = [f"/zarr/v3/file/data/c/{number * EDGE // served}" for number in range(CHUNKS)]
        answers = list(pool.map(client.get, paths))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        strings = list(pool.map(client.get, ["/zarr/v3/strings/c/0"] * CHUNKS))
        assert {answer.status_code for answer in strings} == {413}
        assert "MiB of memory at once" in strings[0].text
        assert "raise the setting in_flight" in strings[0].text
        assert client.get(f"/zarr/v3/endless/{'a/' * 4000}zarr.json").status_code == 414
        assert client.get(f"/zarr/v3/endless/{'a' * 9000}/zarr.json").status_code == 414
        assert client.get(f"/zarr/v3/endless/{'a/' * 400}zarr.json").status_code == 200
        assert client.head("/zarr/v3/strings/c/0").status_code == 413, "which is encoded for its length alone"
        assert client.get("/zarr/v3/good/c/0").status_code == 200
        assert peak(running.pid) - before < CACHE + IN_FLIGHT + DECODED + SLACK


def peak(session: int) -> int:
    """MiB that the largest process of a session has had in memory at once."""
    peaks = [0]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            status = (folder / "status").read_text()
        except OSError:
            continue
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        if int(fields[3]) == session and found:
            peaks.append(int(found[1]) // 1024)
    return max(peaks)
