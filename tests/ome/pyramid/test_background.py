"""Work that nobody waits for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event

import pytest

from tiled_zarr.ome.pyramid.background import RETRY, STUCK, Background


def test_the_newest_request_goes_first_and_jobs_are_done_once() -> None:
    background, started, done = Background(), Event(), []
    go = Event()

    def job(name: str) -> Iterator[None]:
        started.set()
        go.wait(10)
        yield
        done.append(name)

    background.request("a", lambda: job("a"))
    assert started.wait(10)
    for name in ("b", "c", "b", "a", "b"):
        background.request(name, lambda name=name: job(name))
    go.set()
    assert background.wait(10)
    background.stop()
    assert done == ["b", "a", "c"]


def test_stopping_leaves_the_rest_undone() -> None:
    background, started, go, done = Background(), Event(), Event(), []

    def endless() -> Iterator[None]:
        while True:
            started.set()
            go.wait(10)
            done.append(1)
            yield

    background.request("a", endless)
    assert started.wait(10)
    go.set()
    background.stop()
    count = len(done)
    background.request("b", endless)
    assert len(done) == count


def test_a_failure_is_logged_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    background, tries = Background(), []

    def broken() -> Iterator[None]:
        tries.append(1)
        raise OSError("disk")
        yield

    for _ in range(3):
        background.request("a", broken)
        assert background.wait(10)
    background.stop()
    assert len(tries) == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_steps_wait_while_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.PATIENCE", 30)
    background, done = Background(), Event()

    def job() -> Iterator[None]:
        done.set()
        yield

    with background.held():
        background.request("a", job)
        assert not done.wait(0.1)
    assert done.wait(10)
    background.stop()


def test_what_failed_is_tried_again_after_a_while() -> None:
    """A source may work again without a new revision."""
    now, tries = [0.0], []
    background = Background(clock=lambda: now[0])

    def mended() -> Iterator[None]:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("disk")
        yield

    for seconds in (0, RETRY - 1, RETRY + 1):
        now[0] = seconds
        background.request("a", mended)
        assert background.wait(10)
    background.stop()
    assert len(tries) == 2


def test_failures_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.MOST_FAILED", 3)
    background = Background()

    def broken() -> Iterator[None]:
        raise OSError("disk")
        yield

    for number in range(20):
        background.request(str(number), broken)
        assert background.wait(10)
    background.stop()
    assert len(background._failed) <= 3


def test_a_step_that_hangs_holds_up_neither_other_jobs_nor_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.END", 0.01)
    now, hangs, go, done, forgotten = [0.0], Event(), Event(), Event(), []
    background = Background(forgotten.append, clock=lambda: now[0])

    def hung() -> Iterator[None]:
        hangs.set()
        go.wait(60)
        yield

    def good() -> Iterator[None]:
        done.set()
        yield

    background.request("hung", hung)
    assert hangs.wait(10)
    now[0] = STUCK + 1
    background.request("good", good)
    assert done.wait(10)
    assert background.wait(10)
    assert "its thread was replaced" in caplog.text
    assert len(forgotten) == 1, "what it holds of the memory is given back"
    hangs.clear()
    background.request("hung too", hung)
    assert hangs.wait(10)
    background.stop()
    go.set()
