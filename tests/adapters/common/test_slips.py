"""Errors that look like damage of a file and may be a mistake of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tiled_zarr.adapters.common import slips, snapshot
from tiled_zarr.adapters.common.snapshot import Snapshot, read_exactly
from tiled_zarr.nodes import Damaged


@pytest.fixture
def taken(tmp_path: Path) -> Snapshot:
    (tmp_path / "x.png").write_bytes(b"123")
    return Snapshot.of(tmp_path / "x.png")


def in_ours() -> None:
    """A call of one of our functions with a value of the wrong type, as a mistake would make it."""
    read_exactly(None, 0, 1)  # type: ignore[arg-type] # the mistake


def in_a_library() -> None:
    json.loads(None)  # type: ignore[arg-type] # the mistake


def damaged() -> None:
    json.loads("{")


def fail(taken: Snapshot, read: Callable[[], None]) -> None:
    with pytest.raises(Damaged, match=r"'x.png' cannot be read as a PNG file"), taken.failures_as("a PNG file"):
        read()


def test_a_mistake_of_ours_is_logged_with_its_traceback(taken: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    fail(taken, in_ours)
    [record] = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "'x.png', read as a PNG file: a mistake of ours, or of a library?")
    assert "AttributeError" in caplog.text
    assert snapshot.__file__ in caplog.text
    assert vars(record)["once"] is True, "so that our log writes each place once (tests/test_logs.py)"


def test_one_in_a_library_is_there_for_who_asks(taken: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    """pytest's own log shows warnings unless it is told otherwise, as ours does."""
    fail(taken, in_a_library)
    assert caplog.records == []
    with caplog.at_level(logging.DEBUG, "tiled_zarr"):
        fail(taken, in_a_library)
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


def test_damage_is_not_logged(taken: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "tiled_zarr"):
        fail(taken, damaged)
    assert caplog.records == []


def test_the_innermost_frame_decides() -> None:
    def error_of(raising: Callable[[], None]) -> BaseException:
        with pytest.raises((TypeError, AttributeError)) as raised:
            raising()
        return raised.value

    assert slips.is_ours(error_of(in_ours))
    assert not slips.is_ours(error_of(in_a_library))
    assert not slips.is_ours(TypeError("never raised"))
