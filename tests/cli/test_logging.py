"""What a real server writes: every line of its log has the time, whoever wrote it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from live import Live, live

from .conftest import PATIENCE, SERVERS, until

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) tiled-zarr\[\d+\]: .*")
GARBAGE = (b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01")
TREE = """
import numpy as np
from tiled_zarr import Array, Group

def read(region):
    raise ValueError("a bug")

tree = Group(children={"bug": Array(shape=(4,), dtype=np.dtype("u1"), read=read)})
"""


@contextmanager
def serving(folder: Path, server: str, *options: str) -> Iterator[Live]:
    (folder / "served_with_a_bug.py").write_text(TREE)
    with live("pyobject", "served_with_a_bug:tree", "--public", *options, server=server, cwd=folder) as running:
        yield running


def send_garbage(url: str) -> None:
    """Requests that are none, which servers log in their own ways."""
    address = urlsplit(url)
    for garbage in GARBAGE:
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as client:
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass


@pytest.mark.parametrize("server", SERVERS)
def test_every_line_has_the_time(tmp_path: Path, server: str) -> None:
    with serving(tmp_path, server, "--log-level", "info") as running:
        assert httpx.get(f"{running.url}/zarr/v3/zarr.json").status_code == 200
        send_garbage(running.url)
        [worker] = running.workers()
        os.kill(worker, signal.SIGKILL)
        until(lambda: "another starts" in running.printed())
        assert httpx.get(f"{running.url}/zarr/v3/bug/zarr.json", timeout=PATIENCE).status_code == 200
        until(lambda: "/zarr/v3/bug/zarr.json 200 " in running.printed())
        os.kill(running.pid, signal.SIGTERM)
        running.exit_code(PATIENCE)
        printed = running.printed()
    _, _, log = printed.partition("Anyone can read the data.\n")
    assert len(log.splitlines()) >= 3
    assert [line for line in log.splitlines() if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize("server", SERVERS)
def test_every_line_is_json(tmp_path: Path, server: str) -> None:
    with serving(tmp_path, server, "--log-level", "info", "--log-format", "json") as running:
        for _ in range(2):
            assert httpx.get(f"{running.url}/zarr/v3/bug/c/0").status_code == 500
        send_garbage(running.url)
        until(lambda: running.printed().count('"path": "/zarr/v3/bug/c/0"') == 2)
        os.kill(running.pid, signal.SIGTERM)
        running.exit_code(PATIENCE)
        printed = running.printed()
    _, _, log = printed.partition("Anyone can read the data.\n")
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["status"] for line in lines if line.get("path") == "/zarr/v3/bug/c/0"] == [500, 500]
    assert [line["message"] for line in lines if line["level"] == "error"] == ["'/zarr/v3/bug/c/0' failed: ValueError: a bug"] * 2
    assert [line["traceback"].count("in read\n") for line in lines if "traceback" in line] == [1], "each place once"


def test_by_default_there_is_no_access_log(tmp_path: Path) -> None:
    with serving(tmp_path, "hypercorn") as running:
        assert "server-timing" not in httpx.get(f"{running.url}/zarr/v3/zarr.json").headers
        assert httpx.get(f"{running.url}/zarr/v3/bug/c/0").status_code == 500
        until(lambda: "a bug" in running.printed())
        assert "GET /zarr" not in running.printed()


def test_the_bare_application_logs_as_the_command_does(tmp_path: Path) -> None:
    (tmp_path / "served_with_a_bug.py").write_text(TREE)
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    settings = {"TILED_ZARR_TREE": "served_with_a_bug:tree", "TILED_ZARR_PUBLIC": "1", "TILED_ZARR_LOG_LEVEL": "info"}
    with live(server="uvicorn", env={**settings, "PYTHONPATH": path}) as running:
        assert httpx.get(f"{running.url}/zarr/v3/bug/zarr.json").status_code == 200
        until(lambda: "/zarr/v3/bug/zarr.json" in running.printed())
        [line] = [line for line in running.printed().splitlines() if "/zarr/v3/bug/zarr.json" in line]
    assert LINE.fullmatch(line)
