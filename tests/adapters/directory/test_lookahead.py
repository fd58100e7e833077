"""Folders with several files on which a library hangs.

They are opened at the same time, each by itself, and good files are listed right.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

import damagedhdf5
from tiled_zarr.adapters.directory import lookahead, open_directory
from tiled_zarr.adapters.directory.lookahead import NOT_YET, WORKERS, Lookahead
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Busy, Group, TooSlow
from tiled_zarr.resources import default

pytestmark = pytest.mark.alone  # that hung files cost less than their sum is a matter of time

WAIT = 30
HANGING = 8
SECONDS = 3.0


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default().hdf5, "open_timeout", SECONDS)
    monkeypatch.setattr(lookahead, "PATIENCE", WAIT)  # however slowly helper processes start


def good(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)


@pytest.mark.usefixtures("hurried")
def test_files_that_hang_cost_a_listing_less_than_their_sum(tmp_path: Path) -> None:
    for number in range(HANGING):
        good(tmp_path / f"{number}_good.h5")
        damagedhdf5.hangs_when_opened(tmp_path / f"{number}_hangs.h5")
    keys = KeySpace(open_directory(tmp_path), v3)
    assert isinstance(keys.root, Group)
    began = time.monotonic()
    listed = [entry.name for entry in keys.listing(keys.root)]
    took = time.monotonic() - began
    assert listed == [f"{number}_good" for number in range(HANGING)]
    unavailable = keys.unavailable(keys.root)
    for number in range(HANGING):
        assert f"did not answer within 3 seconds on '{number}_hangs.h5'" in unavailable[f"{number}_hangs"]
    assert took < HANGING * SECONDS


def test_nobody_waits_for_long(tmp_path: Path) -> None:
    held, ahead = threading.Event(), Lookahead()
    names = [str(number) for number in range(WORKERS + 1)]
    ahead.begin(names, lambda _: held.wait(WAIT), 0.1)
    try:
        for name in names:
            with pytest.raises(TooSlow, match=NOT_YET):
                ahead.wait(name)
    finally:
        held.set()


def test_each_file_is_waited_for_until_it_was_looked_at() -> None:
    held = {"good": threading.Event(), "bad": threading.Event()}
    ahead = Lookahead()
    ahead.begin(held, lambda name: held[name].wait(WAIT), WAIT)
    held["good"].set()
    ahead.wait("good")
    ahead.wait("of another kind")
    waiting = threading.Thread(target=ahead.wait, args=["bad"])
    waiting.start()
    assert waiting.is_alive()
    held["bad"].set()
    waiting.join(WAIT)
    assert not waiting.is_alive()


def test_what_looking_raises_is_for_who_asks() -> None:
    ahead = Lookahead()

    def fail(name: str) -> None:
        raise OSError(name)

    ahead.begin(["a"], fail, WAIT)
    ahead.wait("a")


def test_who_finds_all_helpers_busy_is_looked_at_again() -> None:
    asked: list[str] = []

    def look(name: str) -> None:
        asked.append(name)
        if len(asked) == 1:
            raise Busy

    ahead = Lookahead()
    ahead.begin(["a"], look, WAIT)
    ahead.wait("a")
    assert asked == ["a", "a"]
