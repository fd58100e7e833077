"""Chunks of Zarr folders over HTTP: the stored bytes, with a tag that changes when they do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from asgi import ask
from tiled_zarr.adapters import open_file

CHUNK = "/zarr/v3/a/c/0/0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    zarr.create_array(tmp_path / "a.zarr", shape=(256, 256), chunks=(128, 256), dtype="f4", fill_value=7)
    settle(tmp_path)
    return tmp_path


def settle(folder: Path) -> None:
    """Make files look as if they had not just been written."""
    for file in folder.rglob("*"):
        if file.is_file() and time.time_ns() - file.stat().st_mtime_ns < 10**10:
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 60 * 10**9))


def test_a_tag_lasts_until_the_chunk_is_written(folder: Path, make: Callable[..., Any]) -> None:
    app = make(open_file(folder), max_age=60)
    missing = ask(app, CHUNK)
    assert missing.headers["cache-control"].endswith("max-age=60")
    array = zarr.open_array(folder / "a.zarr")
    for number in (1, 2):
        before = ask(app, CHUNK)
        tag = {"if-none-match": before.headers["etag"]}
        assert ask(app, CHUNK, headers=tag).status == 304
        array[:128] = np.full((128, 256), number, "f4")
        fresh = ask(app, CHUNK, headers=tag)
        assert (fresh.status, fresh.headers["cache-control"]) == (200, "no-cache")
        settle(folder)
        written = ask(app, CHUNK, headers=tag)
        assert written.status == 200
        assert written.body == fresh.body == (folder / "a.zarr/c/0/0").read_bytes() != before.body
    assert ask(app, "/zarr/v3/a/c/1/0").status == 200


def test_heads_and_ranges_are_of_the_same_bytes(folder: Path, make: Callable[..., Any]) -> None:
    zarr.open_array(folder / "a.zarr")[:128] = 3
    for _ in ("just written", "settled"):
        app = make(open_file(folder))
        body = (folder / "a.zarr/c/0/0").read_bytes()
        head = ask(app, CHUNK, method="HEAD")
        assert (head.status, head.headers["content-length"], head.body) == (200, str(len(body)), b"")
        part = ask(app, CHUNK, headers={"range": "bytes=-5"})
        assert (part.status, part.body) == (206, body[-5:])
        settle(folder)


def test_an_array_that_is_gone_is_no_absence(folder: Path, make: Callable[..., Any]) -> None:
    """A 404 or a chunk of zeros would be taken for data that were never written."""
    app = make(open_file(folder / "a.zarr"))
    path = "/zarr/v3/c/0/0"
    assert ask(app, path).status == 200
    (folder / "a.zarr/zarr.json").rename(folder / "elsewhere")
    assert ask(app, path).status >= 500
