"""Files, mapped or not, that are rewritten or cut short while they are served.

Each answer was in the file at some time, or is a 5xx.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile

import live
from asgi import ask
from tiled_zarr import revisions
from tiled_zarr.adapters.common import mapped
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.encoding import encode
from tiled_zarr.http.site import thumbnails
from unmapped import WAYS

FIRST = np.full((300, 400), 7, "<u2")
SECOND = np.full((300, 400), 9, "<u2")
CHUNK = "/zarr/v3/a/c/0/0"
WRITE: dict[str, Callable[[Path, np.ndarray[Any, Any]], None]] = {
    "a.npy": np.save,
    "a.tif": lambda path, data: tifffile.imwrite(path, data, metadata=None),
    "a.tiff": lambda path, data: tifffile.imwrite(path, data, metadata=None, tile=(128, 128)),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_native", request.param)


@pytest.fixture(params=WRITE)
def path(request: pytest.FixtureRequest, tmp_path: Path, native: None) -> Path:
    WRITE[request.param](tmp_path / request.param, FIRST)
    return tmp_path / request.param


def app_of(make: Callable[..., Any], path: Path) -> Any:
    return make(open_directory(path.parent), codec="none", chunk_shape=(300, 400))


def before_encoding(monkeypatch: pytest.MonkeyPatch, *actions: Callable[[], object]) -> None:
    """Do one thing after the other, each when a block has been read and not yet encoded."""
    waiting, read = list(actions), encode.read_block

    def read_and_act(*args: Any) -> Any:
        block = read(*args)
        if waiting:
            waiting.pop(0)()
        return block

    monkeypatch.setattr(encode, "read_block", read_and_act)


def rewrite(path: Path) -> None:
    WRITE[path.name](path, SECOND)


def test_a_file_rewritten_under_the_encoder_is_read_again(make, monkeypatch, path):
    app = app_of(make, path)
    before = ask(app, CHUNK)
    before_encoding(monkeypatch, lambda: os.truncate(path, 200), lambda: None)
    os.utime(path)
    answer = ask(app, CHUNK)
    assert (before.status, before.body) == (200, FIRST.tobytes())
    assert answer.status == 500, "it is truncated, and stays so"
    rewrite(path)
    before_encoding(monkeypatch, lambda: (os.truncate(path, 0), rewrite(path)))
    assert (answer := ask(app, CHUNK)).status == 200
    assert answer.body == SECOND.tobytes()


def test_a_file_that_is_always_being_rewritten_is_busy(make, monkeypatch, path):
    app = app_of(make, path)
    before_encoding(monkeypatch, *[lambda: (os.truncate(path, 0), rewrite(path))] * 2)
    assert ask(app, CHUNK).status == 503
    assert ask(app, CHUNK).body == SECOND.tobytes()


def test_pages_that_cannot_be_read_are_never_zeros(make, monkeypatch, path):
    """A disk error keeps a file's revision, so we put the file back, except its status time.

    The revisions of this test leave that out.
    """
    monkeypatch.setattr(revisions, "_described", lambda status: f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}")
    app = app_of(make, path)
    content, status = path.read_bytes(), path.stat()

    def fail() -> None:
        path.write_bytes(b"")

    def heal() -> None:
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    encoded = encode._native.encode

    def encode_and_heal(*args: Any) -> bytes:
        body = encoded(*args)
        heal()
        return body

    monkeypatch.setattr(encode._native, "encode", encode_and_heal)
    before_encoding(monkeypatch, fail)
    assert ask(app, CHUNK).body == FIRST.tobytes()
    app = app_of(make, path)
    before_encoding(monkeypatch, fail, fail)
    assert ask(app, CHUNK).status in {200, 503}
    assert ask(app, CHUNK).body == FIRST.tobytes()


def test_a_thumbnail_of_a_file_that_is_cut_short_is_no_picture(make, monkeypatch, path):
    shaded = thumbnails.shaded

    def cut_and_shade(*args: Any) -> Any:
        path.write_bytes(b"")
        return shaded(*args)

    monkeypatch.setattr(thumbnails, "shaded", cut_and_shade)
    assert ask(app_of(make, path), "/thumbnail/a.png").status == 500


@pytest.mark.slow
def test_a_server_survives_a_writer_that_cuts_its_file(tmp_path: Path) -> None:
    """np.save cuts a file to nothing before it writes."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "a.npy"
    contents = [np.full((1500, 2000), number, "<u2") for number in range(1, 6)]
    np.save(path, contents[0])
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for content in contents:
                np.save(path, content)

    with live.live("directory", path.parent, "--public", "--codec", "none", "--cache-size", "0") as server:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            with httpx.Client(base_url=server.url, timeout=30) as http:
                answers = [http.get(f"/zarr/v3/a/c/{number % 2}/{number % 3}") for number in range(300)]
        finally:
            done.set()
            writer.join()
        with httpx.Client(base_url=server.url) as http:
            assert http.get("/zarr/v3/a/c/0/0").status_code == 200
    assert {answer.status_code for answer in answers} <= {200, 500, 503}
    for answer in answers:
        if answer.status_code == 200:
            values = np.unique(np.frombuffer(answer.content, "<u2").reshape(512, 512))
            assert len(values) == 1
            assert values[0] in range(1, 6)
