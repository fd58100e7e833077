from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tiled_zarr.http.work.threads import Gone
from tiled_zarr.http.work.work import Work
from tiled_zarr.resources import Resources, Sizes

WAIT = 20


async def stays() -> dict[str, Any]:
    """The receive of a client that waits for its answer."""
    await asyncio.Event().wait()
    raise AssertionError


class Client:
    """The receive of a client that goes away when it is told to."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self.sent = [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.request", "body": b"", "more_body": False}]

    async def __call__(self) -> dict[str, Any]:
        if self.sent:
            return self.sent.pop(0)
        await self.leaves.wait()
        return {"type": "http.disconnect"}


class Gate:
    """A function that says when it has begun, and waits to be let go."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(WAIT)
        return "done"


def run(test: Callable[[Work], Any], threads: int = 1) -> None:
    work = Work(threads, Resources.of(Sizes(chunks=0, in_flight=1000)))
    try:
        asyncio.run(test(work))
    finally:
        work.shut_down()


def test_results_and_errors_come_back() -> None:
    def fail() -> None:
        raise OSError("no")

    async def test(work: Work) -> None:
        assert await work.threads.run(lambda: threading.current_thread().name, stays, str) == "tiled-zarr-1"
        with pytest.raises(OSError, match="no"):
            await work.threads.run(fail, stays, str)
        assert work.threads.pending == 0

    run(test)


def test_queued_work_of_a_client_that_has_gone_is_dropped() -> None:
    async def test(work: Work) -> None:
        gate, client, begun = Gate(), Client(), []
        first = asyncio.ensure_future(work.threads.run(gate, stays, str))
        await asyncio.to_thread(gate.begun.wait, WAIT)
        second = asyncio.ensure_future(work.threads.run(lambda: begun.append(2), client, str))
        third = asyncio.ensure_future(work.threads.run(lambda: begun.append(3), stays, str))
        await asyncio.sleep(0)
        assert work.threads.pending == 3
        client.leaves.set()
        with pytest.raises(Gone):
            await second
        gate.open.set()
        assert await first == "done"
        await third
        assert begun == [3]
        assert work.threads.pending == 0

    run(test)


def test_queued_work_of_a_client_that_stays_is_done() -> None:
    def fail() -> None:
        raise OSError("no")

    async def test(work: Work) -> None:
        gate, client = Gate(), Client()
        first = asyncio.ensure_future(work.threads.run(gate, stays, str))
        second = asyncio.ensure_future(work.threads.run(lambda: 2, client, str))
        third = asyncio.ensure_future(work.threads.run(fail, Client(), str))
        await asyncio.to_thread(gate.begun.wait, WAIT)
        gate.open.set()
        assert await asyncio.gather(first, second) == ["done", 2]
        with pytest.raises(OSError, match="no"):
            await third

    run(test)


def test_a_cancelled_request_leaves_the_queue() -> None:
    async def test(work: Work) -> None:
        gate, begun = Gate(), []
        first = asyncio.ensure_future(work.threads.run(gate, stays, str))
        await asyncio.to_thread(gate.begun.wait, WAIT)
        second = asyncio.ensure_future(work.threads.run(lambda: begun.append(2), stays, str))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.open.set()
        await first
        assert await work.threads.run(lambda: 3, stays, str) == 3
        assert begun == []

    run(test)
