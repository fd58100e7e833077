"""Data that change between two conditional requests never get a 304.

The second body holds the new data.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import zarr

import live
from clients import tiled_serving

BEFORE = np.arange(12.0).reshape(3, 4)
AFTER = BEFORE + 100
DYNAMIC_SECONDS = 3
Source = tuple[live.Live, str, Callable[[], None]]


@contextmanager
def dynamic(folder: Path) -> Iterator[Source]:
    with live.live() as server:
        yield server, "dynamic", lambda: time.sleep(DYNAMIC_SECONDS + 0.1)


@contextmanager
def rewritten_file(folder: Path) -> Iterator[Source]:
    file = folder / "data" / "array.npy"
    file.parent.mkdir()
    np.save(file, BEFORE)
    with live.live("directory", file.parent, "--public") as server:
        yield server, "array", lambda: np.save(file, AFTER)


@contextmanager
def replaced_file(folder: Path) -> Iterator[Source]:
    """Of the same size and, as far as the file system tells, of the same time."""
    file = folder / "data" / "array.npy"
    file.parent.mkdir()
    np.save(file, BEFORE)

    def replace() -> None:
        status = file.stat()
        np.save(folder / "new.npy", AFTER)
        os.utime(folder / "new.npy", ns=(status.st_atime_ns, status.st_mtime_ns))
        (folder / "new.npy").rename(file)

    with live.live("directory", file.parent, "--public") as server:
        yield server, "array", replace


@contextmanager
def tiled_adapter(folder: Path) -> Iterator[Source]:
    file = folder / "array.npy"
    np.save(file, BEFORE)

    def write() -> None:
        np.load(file, mmap_mode="r+")[:] = AFTER

    with tiled_serving.serving("clients.tiled_changing:tree", folder, {"CHANGING_FILE": file}) as server:
        yield server, "changing", write


SOURCES = [dynamic, rewritten_file, replaced_file, tiled_adapter]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_no_stale_304(source: Any, tmp_path: Path) -> None:
    with source(tmp_path) as (server, path, change), httpx.Client(base_url=server.url) as http:
        keys = [f"/zarr/v2/{path}/0.0", f"/zarr/v3/{path}/c/0/0"]
        tags = {key: http.get(key).raise_for_status().headers["etag"] for key in keys}
        first = value(server, path)
        change()
        for key in keys:
            again = http.get(key, headers={"If-None-Match": tags[key]})
            assert (again.status_code, again.headers["etag"] == tags[key]) == (200, False), key
            assert http.get(key, headers={"If-None-Match": again.headers["etag"]}).status_code in {200, 304}
        assert (value(server, path) > first).all()


@pytest.mark.parametrize("source", [rewritten_file, replaced_file, tiled_adapter], ids=lambda source: source.__name__)
def test_unchanged_data_are_304(source: Any, tmp_path: Path) -> None:
    with source(tmp_path) as (server, path, _), httpx.Client(base_url=server.url) as http:
        for key in (f"/zarr/v2/{path}/0.0", f"/zarr/v3/{path}/c/0/0", f"/zarr/v2/{path}/.zarray", f"/zarr/v3/{path}/zarr.json"):
            tag = http.get(key).raise_for_status().headers["etag"]
            assert http.get(key, headers={"If-None-Match": tag}).status_code == 304, key


def value(server: live.Live, path: str) -> np.ndarray[Any, Any]:
    return np.asarray(zarr.open_array(f"{server.url}/zarr/v3/{path}", mode="r")[:])


def test_a_file_of_another_shape_is_another_array(tmp_path: Path) -> None:
    """Documents follow the file too."""
    with rewritten_file(tmp_path) as (server, path, _), httpx.Client(base_url=server.url) as http:
        key = f"/zarr/v3/{path}/zarr.json"
        tag = http.get(key).raise_for_status().headers["etag"]
        np.save(tmp_path / "data" / "array.npy", np.zeros((5, 6, 7)))
        again = http.get(key, headers={"If-None-Match": tag})
        assert (again.status_code, again.json()["shape"]) == (200, [5, 6, 7])
