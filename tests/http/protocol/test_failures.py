"""The log of a failed request: one line if we expect it, a traceback if it may be a bug."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.directory.open import open_directory
from tiled_zarr.http.protocol.failures import in_full
from tiled_zarr.nodes import Busy, Changed, Damaged, TooLarge, TooSlow, Unavailable

EXPECTED = {
    "damaged": (Damaged("'x' is truncated"), 500, "'/zarr/v3/a/c/0' failed: Damaged: 'x' is truncated"),
    "unavailable": (Unavailable("no such codec"), 500, "'/zarr/v3/a/c/0' failed: Unavailable: no such codec"),
    "no right": (PermissionError(13, "denied", "/d/x"), 500, "'/zarr/v3/a/c/0' failed: PermissionError: [Errno 13] denied: '/d/x'"),
    "no connection": (ConnectionResetError("gone"), 503, "'/zarr/v3/a/c/0' failed: ConnectionResetError: gone"),
    "no memory": (MemoryError("1 TB"), 503, "'/zarr/v3/a/c/0' failed: MemoryError: 1 TB"),
    "too large": (TooLarge("9 GB"), 413, "'/zarr/v3/a/c/0': 9 GB"),
    "too slow": (TooSlow("60 s"), 503, "'/zarr/v3/a/c/0': 60 s"),
    "busy": (Busy("60 s"), 503, "'/zarr/v3/a/c/0': 60 s"),
}
BUGS = {
    "value": ValueError("x"),
    "type": TypeError("x"),
    "key": KeyError("x"),
    "runtime": RuntimeError("x"),
    "assertion": AssertionError("x"),
}


def failing(error: Exception) -> Group:
    def read(_: Any) -> Any:
        raise error

    return Group(children={"a": Array(shape=(4,), dtype=np.dtype("u1"), read=read, revision=lambda: "r")})


@pytest.mark.parametrize(("error", "status", "line"), EXPECTED.values(), ids=EXPECTED)
def test_an_expected_failure_is_one_line(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture, error: Exception, status: int, line: str
) -> None:
    assert ask(make(failing(error)), "/zarr/v3/a/c/0").status == status
    [record] = caplog.records
    assert (record.message, record.exc_info) == (line, None)


@pytest.mark.parametrize("error", BUGS.values(), ids=BUGS)
def test_a_bug_keeps_its_traceback(make: Callable[..., Any], caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    assert ask(make(failing(error)), "/zarr/v3/a/c/0").status == 500
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert f"line {read_line()}, in read" in caplog.text
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def read_line() -> int:
    """The line of this file that raises."""
    return next(number for number, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line == "        raise error")


def test_what_changes_again_and_again_is_no_bug(make: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    assert ask(make(failing(Changed("rewritten"))), "/zarr/v3/a/c/0").status == 503
    assert "Traceback" not in caplog.text


DAMAGED = {
    "x.png": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "x.npy": b"\x93NUMPY\x01\x00" + bytes(20),
    "x.tif": b"II*\0" + bytes(30),
    "x.jpg": b"",
    "x.parquet": b"PAR1",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_one_line_a_request(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture, tmp_path: Path, name: str
) -> None:
    """With what the library said, which the reply leaves out."""
    (tmp_path / name).write_bytes(DAMAGED[name])
    app = make(open_directory(tmp_path))
    statuses = [ask(app, f"/zarr/v3/x/{key}").status for key in ("zarr.json", "c/0/0")]
    assert statuses == [500, 500]
    ours = [record for record in caplog.records if record.name.startswith("tiled_zarr")]
    assert [record.exc_info for record in ours] == [None, None]
    assert all(f"'{name}'" in record.message for record in ours)


def test_causes_are_named_and_end() -> None:
    outer = Damaged("outer\nline")
    outer.__cause__ = KeyError("inner")
    assert in_full(outer) == "Damaged: outer line <- KeyError: 'inner'"
    circle = ValueError("x")
    circle.__cause__ = circle
    assert in_full(circle).count("ValueError: x") == 4
