from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tiled_zarr.cache import Cache
from tiled_zarr.http.work.work import Budget, Gone, Work

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
    work = Work(threads, 1000, Cache(0))
    try:
        asyncio.run(test(work))
    finally:
        work.shut_down()


def test_results_and_errors_come_back() -> None:
    def fail() -> None:
        raise OSError("no")

    async def test(work: Work) -> None:
        assert await work.run(lambda: threading.current_thread().name, stays) == "tiled-zarr-1"
        with pytest.raises(OSError, match="no"):
            await work.run(fail, stays)
        assert work.threads.pending == 0

    run(test)


def test_queued_work_of_a_client_that_has_gone_is_dropped() -> None:
    async def test(work: Work) -> None:
        gate, client, begun = Gate(), Client(), []
        first = asyncio.ensure_future(work.run(gate, stays))
        await asyncio.to_thread(gate.begun.wait, WAIT)
        second = asyncio.ensure_future(work.run(lambda: begun.append(2), client))
        third = asyncio.ensure_future(work.run(lambda: begun.append(3), stays))
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
        first = asyncio.ensure_future(work.run(gate, stays))
        second = asyncio.ensure_future(work.run(lambda: 2, client))
        third = asyncio.ensure_future(work.run(fail, Client()))
        await asyncio.to_thread(gate.begun.wait, WAIT)
        gate.open.set()
        assert await asyncio.gather(first, second) == ["done", 2]
        with pytest.raises(OSError, match="no"):
            await third

    run(test)


def test_a_cancelled_request_leaves_the_queue() -> None:
    async def test(work: Work) -> None:
        gate, begun = Gate(), []
        first = asyncio.ensure_future(work.run(gate, stays))
        await asyncio.to_thread(gate.begun.wait, WAIT)
        second = asyncio.ensure_future(work.run(lambda: begun.append(2), stays))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.open.set()
        await first
        assert await work.run(lambda: 3, stays) == 3
        assert begun == []

    run(test)


def held(budget: Budget, nbytes: int, begun: threading.Event, release: threading.Event) -> threading.Thread:
    def hold() -> None:
        with budget.hold(nbytes):
            begun.set()
            assert release.wait(WAIT)

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def test_budget_bounds_what_is_held_at_once() -> None:
    budget, release = Budget(100), threading.Event()
    begun = [threading.Event() for _ in range(3)]
    threads = [held(budget, 40, event, release) for event in begun[:2]]
    assert all(event.wait(WAIT) for event in begun[:2])
    threads.append(held(budget, 40, begun[2], release))
    assert not begun[2].wait(0.05)
    assert budget.free == 20
    release.set()
    assert begun[2].wait(WAIT)
    for thread in threads:
        thread.join()
    assert budget.free == 100


def test_what_is_larger_than_the_budget_passes_alone() -> None:
    budget, first_release, release = Budget(100), threading.Event(), threading.Event()
    first, large, small = (threading.Event() for _ in range(3))
    threads = [held(budget, 10, first, first_release)]
    assert first.wait(WAIT)
    threads.append(held(budget, 10**9, large, release))
    assert not large.wait(0.05)
    threads.append(held(budget, 1, small, release))
    assert not small.wait(0.05), "who asks later waits for the large one, or that would never get its turn"
    first_release.set()
    assert large.wait(WAIT)
    assert not small.is_set()
    release.set()
    assert small.wait(WAIT)
    for thread in threads:
        thread.join()


def test_a_failure_gives_its_bytes_back() -> None:
    budget = Budget(100)
    with pytest.raises(OSError, match="no"), budget.hold(60):
        raise OSError("no")
    assert budget.free == 100
