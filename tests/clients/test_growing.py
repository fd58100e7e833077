"""Arrays that grow twenty times a second, and no request for them fails.

A client reads right values with a document of any moment. zarr-python raises for each answer that
is neither 200 nor 404, so a test that ends has seen no error.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest
import zarr

from clients import growing
from live import live

# on a busy machine two appends may fall into one read, which is a 503
pytestmark = pytest.mark.alone

TESTS = Path(__file__).parents[1]
APPENDS = 100
ROUNDS = 4
"""Readings of all arrays at least, however slow they are, and so many appends."""
EVERY = 3
"""The arrays are opened anew for every so many readings."""


class Writer:
    """A running writer, and how many items it has said that there are."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.count = 0
        command = [sys.executable, str(Path(growing.__file__)), kind, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.count = int(self.process.stdout.readline())
        self._thread = Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.count = int(line)

    def end(self) -> None:
        """Let it finish its append and close its files."""
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self._thread.join()

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        self._thread.join()
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def written(kind: str, folder: Path) -> Iterator[Writer]:
    writer = Writer(kind, folder)
    try:
        yield writer
    finally:
        writer.kill()


def opened(url: str, format_name: str, name: str) -> zarr.Array[Any]:
    return zarr.open_array(url.format(format_name) + f"/{name}", mode="r", zarr_format=int(format_name[1:]))


def check(name: str, array: zarr.Array[Any], known: int) -> None:
    """Check all that an array's document describes.

    The first `known` items are there; each later one is there, or still 0.
    """
    block = np.asarray(array[:])
    expected = growing.items(name, 0, len(block))
    np.testing.assert_array_equal(block[:known], expected[:known], name)
    assert ((block == expected) | (block == 0)).all(), name


class Reader:
    """Reads all arrays at a URL in both formats, with the first documents and with newer ones."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.first = {(format_name, name): opened(url, format_name, name) for format_name in ("v2", "v3") for name in growing.SHAPES}
        self.latest: dict[tuple[str, str], tuple[int, zarr.Array[Any]]] = {}
        self.rounds = 0

    def read(self, known: Callable[[], int], *, anew: bool) -> None:
        """Read each array once; `known()` is how many items there are at least at that moment."""
        for key, first in self.first.items():
            check(key[1], first, min(known(), first.shape[0]))
            if anew:
                self._open(key, known())
            there, array = self.latest[key]
            check(key[1], array, there)
        self.rounds += 1

    def _open(self, key: tuple[str, str], there: int) -> None:
        array = opened(self.url, *key)
        assert array.shape[0] >= there, key
        assert array.chunks == self.first[key].chunks
        self.latest[key] = there, array


def follow(url: str, writer: Writer) -> int:
    """Read while the writer appends, and once after; returns the number of items at the end."""
    reader = Reader(url)
    while reader.rounds < ROUNDS or writer.count < APPENDS:
        reader.read(lambda: writer.count, anew=reader.rounds % EVERY == 0)
    writer.end()
    reader.read(lambda: writer.count, anew=True)
    assert {array.shape[0] for _, array in reader.latest.values()} == {writer.count}
    assert max(array.shape[0] for array in reader.first.values()) < writer.count
    return writer.count


@pytest.mark.parametrize("kind", ["swmr", "zarr2", "zarr3", "sharded"])
def test_files(tmp_path: Path, kind: str) -> None:
    with live("directory", tmp_path, "--public", workers=2) as server, written(kind, tmp_path) as writer:
        follow(f"{server.url}/zarr/{{}}/{kind}/entry/data", writer)


def test_a_file_that_is_replaced(tmp_path: Path) -> None:
    """We replace it between readings: a change during both attempts at a reply is a 503."""
    writer = growing.reopened(tmp_path)
    with live("directory", tmp_path, "--public") as server:
        assert next(writer) == 1
        reader = Reader(f"{server.url}/zarr/{{}}/reopened/entry/data")
        for there in islice(writer, 12):
            reader.read(partial(int, there), anew=there % EVERY == 2)


@pytest.mark.parametrize("way", ["entry/data", "plain"])
def test_adapters(tmp_path: Path, way: str) -> None:
    env = {growing.FOLDER: tmp_path, "PYTHONPATH": os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))}
    with (
        written("counted", tmp_path) as writer,
        live("pyobject", "clients.growing:tree", "--public", workers=2, env=env) as server,
        httpx.Client() as http,
    ):
        url = f"{server.url}/zarr/{{}}/{way}"
        count = follow(url, writer)
        attributes = http.get(f"{url.format('v3')}/events/zarr.json").json()["attributes"]
        assert attributes == {"count": count}


def test_a_folder_of_files(tmp_path: Path) -> None:
    """Each file is an array of its own; the group names those that there are."""
    with (
        live("directory", tmp_path, "--public") as server,
        written("files", tmp_path) as writer,
        httpx.Client(base_url=server.url) as http,
    ):
        known = 0
        while known < APPENDS:
            known = writer.count
            group = zarr.open_group(f"{server.url}/zarr/v3/files", mode="r")
            assert group.attrs.asdict() == {}
            names = sorted(name for name, _ in group.arrays())
            assert names[:known] == [f"{i:04}x" for i in range(known)]
            np.testing.assert_array_equal(group[names[-1]][:], growing.items("frames", len(names) - 1, len(names))[0])
            assert len(http.get("/zarr/v2/files", headers={"accept": "application/json"}).json()) > 0


def test_a_scan_of_files(tmp_path: Path) -> None:
    """Numbered files are one array that grows; an array that was opened before still reads what it describes."""
    with live("directory", tmp_path, "--public") as server, written("scan", tmp_path) as writer:
        known, before = 0, None
        while known < APPENDS:
            known = writer.count
            if known < 2:
                continue
            array = zarr.open_array(f"{server.url}/zarr/v3/files/scan_", mode="r")
            assert array.shape[0] >= known
            assert array.chunks == (1, *array.shape[1:])
            np.testing.assert_array_equal(array[:], growing.items("frames", 0, array.shape[0]))
            if before is not None:
                np.testing.assert_array_equal(before[-1], growing.items("frames", before.shape[0] - 1, before.shape[0])[0])
            before = array
