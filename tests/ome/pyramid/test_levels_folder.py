"""The setting `levels_folder`.

If it cannot be used, the message is clear. The server goes on if its disk fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asgi import ask
from disks import remount_read_only, small_disk
from live import live
from ome.twins import node_of
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Group
from tiled_zarr.settings import Settings, SettingsError

SECONDS = 60
NOBODY = 65534
VALUES = np.random.default_rng(0).integers(0, 60_000, (3000, 3000)).astype("u2")


def halved(values: np.ndarray) -> np.ndarray:
    """Means of squares, rounded half up, where rows and columns are even."""
    sums = values.astype("u8").reshape(values.shape[0] // 2, 2, values.shape[1] // 2, 2).sum(axis=(1, 3))
    return ((sums + 2) // 4).astype(values.dtype)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Without the rights of root, who may write anywhere."""
    user = os.geteuid()
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def a_file(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def below_a_file(path: Path) -> Path:
    return a_file(path) / "levels"


def locked(path: Path) -> Path:
    path.mkdir(mode=0o500)
    return path


def below_a_locked_one(path: Path) -> Path:
    return locked(path) / "levels"


@pytest.mark.parametrize("make", [a_file, below_a_file, locked, below_a_locked_one])
def test_a_folder_that_cannot_be_used_is_an_error_of_the_settings(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    folder = make(tmp_path / "folder")
    with somebody_else(), pytest.raises(SettingsError, match="levels_folder") as error:
        create_app(Group(children={}), Settings(public=True, levels_folder=folder))
    assert str(folder) in str(error.value)
    assert "leave levels_folder out" in str(error.value)


def test_a_read_only_file_system_is_an_error_of_the_settings(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2**20) as disk:
        remount_read_only(disk)
        with pytest.raises(SettingsError, match=r"levels_folder: cannot keep files in .*: Read-only file system"):
            create_app(Group(children={}), Settings(public=True, levels_folder=disk))


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    create_app(Group(children={}), Settings(public=True, levels_folder=tmp_path / "a" / "b"))
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "TILED_ZARR_LEVELS_FOLDER": str(a_file(tmp_path / "levels"))}
    command = [sys.executable, "-m", "tiled_zarr", "serve", "demo", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode != 0
    assert "Error: TILED_ZARR_LEVELS_FOLDER: cannot keep files in" in done.stderr
    assert "Traceback" not in done.stderr


def test_flipped_bytes_on_disk_never_reach_a_client(tmp_path: Path) -> None:
    """A server that takes over levels from another finds them damaged, and makes them again."""
    settings: dict[str, Any] = {"public": True, "tile_budget": 1, "levels_folder": tmp_path, "codec": "none"}
    chunk, expected = "/ome-zarr/0.4/image/1/2/2", halved(VALUES)[1024:, 1024:]
    for is_damaged in (False, True):
        app = create_app(Group(children={"image": node_of(VALUES)}), Settings(**settings))
        for path in tmp_path.rglob("c/*/0"):
            body = bytearray(path.read_bytes())
            body[len(body) // 8 :: 1024] = bytes(len(body[len(body) // 8 :: 1024]))
            path.write_bytes(body)
        assert is_damaged == bool(list(tmp_path.iterdir()))
        ask(app, chunk)
        settle(lambda path, app=app: ask(app, path).body)
        tile = np.frombuffer(ask(app, chunk).body, "<u2").reshape(512, 512)
        np.testing.assert_array_equal(tile[: expected.shape[0], : expected.shape[1]], expected)


def settle(get: Callable[[str], bytes]) -> None:
    """Ask as a viewer does until no level is sampled any more."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for level in (1, 2, 3):
            get(f"/ome-zarr/0.4/image/{level}/0/0")
        if json.loads(get("/ome-zarr/0.4/image/.zattrs"))["multiscales"][0]["metadata"]["sampled"] == []:
            return
        time.sleep(0.05)
    raise AssertionError("levels are still sampled")


@pytest.mark.slow
@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
def test_a_server_outlives_a_full_disk(tmp_path: Path, server: str) -> None:
    """Levels of 6 MB on a disk of 1: they are kept in memory, with one line in the log."""
    data = tmp_path / "data"
    data.mkdir()
    np.save(data / "image.npy", VALUES)
    with small_disk(tmp_path / "disk", 2**20) as disk:
        env = {
            "TILED_ZARR_DIRECTORY": str(data),
            "TILED_ZARR_PUBLIC": "1",
            "TILED_ZARR_CODEC": "none",
            "TILED_ZARR_TILE_BUDGET": "1",
            "TILED_ZARR_LEVELS_FOLDER": str(disk),
        }
        with live(env=env, server=server) as running:

            def get(path: str) -> bytes:
                with urllib.request.urlopen(running.url + path, timeout=SECONDS) as reply:
                    body: bytes = reply.read()
                return body

            settle(get)
            tile = np.frombuffer(get("/ome-zarr/0.4/image/1/1/1"), "<u2").reshape(512, 512)
            np.testing.assert_array_equal(tile, halved(VALUES)[512:1024, 512:1024])
            assert get("/healthz") == b"ok\n"
            assert running.printed().count("cannot use levels_folder") == 1
            assert "No space left on device" in running.printed()
        assert list(disk.iterdir()) == []
