"""Arrays that grow twenty times a second: a client reads right values by a document of any moment, and no request fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest
import zarr

from clients import growing
from live import live

TESTS = Path(__file__).parents[1]
APPENDS = 120
REPLACEMENTS = 20
EVERY = 3
"""The arrays are opened anew for every so many readings."""


class Writer:
    """A running writer, and how many items it has said that there are."""

    def __init__(self, kind: str, folder: Path, count: int) -> None:
        self.count = 0
        command = [sys.executable, str(Path(growing.__file__)), kind, str(folder), str(count)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.count = int(self.process.stdout.readline())
        self._thread = Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.count = int(line)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self.process.kill()
        self._thread.join()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def written(kind: str, folder: Path, count: int = APPENDS) -> Iterator[Writer]:
    writer = Writer(kind, folder, count)
    try:
        yield writer
    finally:
        writer.end()


def opened(url: str, format_name: str, name: str) -> zarr.Array[Any]:
    return zarr.open_array(url.format(format_name) + f"/{name}", mode="r", zarr_format=int(format_name[1:]))


def check(name: str, array: zarr.Array[Any], known: int) -> None:
    """All that an array's document describes: what was known to be written is there, the rest is there or not yet."""
    block = np.asarray(array[:])
    expected = growing.items(name, 0, len(block))
    np.testing.assert_array_equal(block[:known], expected[:known], name)
    assert ((block == expected) | (block == 0)).all(), name


def follow(url: str, writer: Writer, end: int) -> None:
    """Read all arrays at a URL in both formats until the writer ends, by documents of the beginning and by newer ones."""
    arrays = [(format_name, name) for format_name in ("v2", "v3") for name in growing.SHAPES]
    first = {key: opened(url, *key) for key in arrays}
    assert max(array.shape[0] for array in first.values()) < end
    latest = {}
    readings = 0
    is_over = False
    while not is_over:
        is_over = not writer.is_running
        for key in arrays:
            check(key[1], first[key], min(writer.count, first[key].shape[0]))
            if readings % EVERY == 0 or is_over:
                known = writer.count
                latest[key] = known, opened(url, *key)
                assert latest[key][1].shape[0] >= known, key
                assert latest[key][1].chunks == first[key].chunks
            known, array = latest[key]
            check(key[1], array, known)
        readings += 1
    assert all(known == array.shape[0] == end for known, array in latest.values())
    assert readings > 2


@pytest.mark.parametrize("kind", ["swmr", "zarr2", "zarr3", "sharded"])
def test_files(tmp_path: Path, kind: str) -> None:
    with live("directory", tmp_path, "--public", workers=2) as server, written(kind, tmp_path) as writer:
        follow(f"{server.url}/zarr/{{}}/{kind}/entry/data", writer, APPENDS)


def test_a_file_that_is_replaced(tmp_path: Path) -> None:
    with live("directory", tmp_path, "--public") as server, written("reopened", tmp_path, REPLACEMENTS) as writer:
        follow(f"{server.url}/zarr/{{}}/reopened/entry/data", writer, REPLACEMENTS)


@pytest.mark.parametrize("way", ["entry/data", "plain"])
def test_adapters(tmp_path: Path, way: str) -> None:
    env = {growing.FOLDER: tmp_path, "PYTHONPATH": os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))}
    with (
        written("counted", tmp_path) as writer,
        live("pyobject", "clients.growing:tree", "--public", workers=2, env=env) as server,
        httpx.Client() as http,
    ):
        url = f"{server.url}/zarr/{{}}/{way}"
        follow(url, writer, APPENDS)
        attributes = http.get(f"{url.format('v3')}/events/zarr.json").json()["attributes"]
        assert attributes == {"count": APPENDS}


def test_a_folder_of_files(tmp_path: Path) -> None:
    """Each file is an array of its own; the group names those that there are."""
    with (
        live("directory", tmp_path, "--public") as server,
        written("files", tmp_path) as writer,
        httpx.Client(base_url=server.url) as http,
    ):
        is_over = False
        while not is_over:
            is_over = not writer.is_running
            known = writer.count
            group = zarr.open_group(f"{server.url}/zarr/v3/files", mode="r")
            assert group.attrs.asdict() == {}
            names = sorted(name for name, _ in group.arrays())
            assert names[:known] == [f"{i:04}" for i in range(known)]
            np.testing.assert_array_equal(group[names[-1]][:], growing.items("frames", len(names) - 1, len(names))[0])
            assert len(http.get("/zarr/v2/files", headers={"accept": "application/json"}).json()) > 0
