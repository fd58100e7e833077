from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.http.work import threads as module
from tiled_zarr.http.work.threads import Threads
from tiled_zarr.resources import Resources

WAIT = 20


def put(threads: Threads, make: Callable[[], Any], source: str = "a") -> asyncio.Future[Any]:
    return threads.submit(make, lambda: source)


def names() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("test-")}


def run(test: Callable[[Threads], Awaitable[None]], count: int = 2, usual: int | None = None) -> None:
    threads = Threads(count, "test", usual, resources=Resources.of())
    try:
        asyncio.run(asyncio.wait_for(test(threads), 2 * WAIT))
    finally:
        threads.shut_down()


@given(st.lists(st.integers(-5, 5), max_size=30), st.integers(1, 4))
def test_agrees_with_an_executor(numbers: list[int], count: int) -> None:
    def divide(number: int) -> str:
        try:
            return str(10 / number)
        except ZeroDivisionError as error:
            return str(error)

    async def with_threads(threads: Threads) -> None:
        done = await asyncio.gather(*(put(threads, lambda n=n: 10 / n) for n in numbers), return_exceptions=True)
        with ThreadPoolExecutor(count) as executor:
            expected = list(executor.map(divide, numbers))
        assert [str(outcome) for outcome in done] == expected
        assert threads.pending == 0

    run(with_threads, count)


def test_no_more_threads_than_there_is_work_for() -> None:
    async def test(threads: Threads) -> None:
        for _ in range(5):
            await put(threads, int)
        assert names() == {"test-1"}
        release = threading.Event()
        many = [put(threads, lambda: release.wait(WAIT)) for _ in range(10)]
        assert names() == {"test-1", "test-2", "test-3"}
        release.set()
        assert all(await asyncio.gather(*many))

    run(test, 3)


def test_no_more_threads_than_usual_where_those_at_work_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL", 3600)

    async def test(threads: Threads) -> None:
        await asyncio.gather(*(put(threads, int) for _ in range(1000)))
        assert names() == {"test-1"}

    run(test, 3, usual=1)


def test_more_threads_than_usual_where_those_at_work_wait() -> None:
    async def test(threads: Threads) -> None:
        meeting = threading.Barrier(3)
        waiting = [put(threads, lambda: meeting.wait(WAIT), source) for source in "abc"]
        assert sorted(await asyncio.gather(*waiting)) == [0, 1, 2], "all three at once"
        assert names() == {"test-1", "test-2", "test-3"}
        while threads.jobs.allowed > 1:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.001)

    run(test, 3, usual=1)


def test_threads_are_relieved_in_the_next_loop_too() -> None:
    threads, release = Threads(2, "test", usual=1, resources=Resources.of()), threading.Event()

    async def leave() -> None:
        put(threads, lambda: release.wait(WAIT), "a")
        put(threads, int, "b")

    async def test() -> int:
        return await asyncio.wait_for(put(threads, lambda: 1, "b"), WAIT)

    asyncio.run(leave())
    assert asyncio.run(test()) == 1
    release.set()
    threads.shut_down()


def test_the_newest_job_goes_first() -> None:
    async def test(threads: Threads) -> None:
        begun, release, done = threading.Event(), threading.Event(), []
        first = put(threads, lambda: (begun.set(), release.wait(WAIT)))
        await asyncio.to_thread(begun.wait, WAIT)
        others = [put(threads, lambda n=n: done.append(n)) for n in range(5)]
        release.set()
        await asyncio.gather(first, *others)
        assert done == [4, 3, 2, 1, 0]

    run(test, 1)


def test_threads_end() -> None:
    def gone() -> bool:
        end = time.monotonic() + WAIT
        while names() and time.monotonic() < end:
            time.sleep(0.001)
        return not names()

    async def test(threads: Threads) -> None:
        await asyncio.gather(*(put(threads, int) for _ in range(10)))

    run(test, 3)
    assert gone()
    threads = Threads(3, "test", resources=Resources.of())
    asyncio.run(test(threads))  # type: ignore[arg-type] # a coroutine
    assert names()
    del threads
    gc.collect()
    assert gone()


def test_cancelled_work_is_not_begun_and_begun_work_is_not_heard() -> None:
    async def test(threads: Threads) -> None:
        begun, release, happened = threading.Event(), threading.Event(), []
        first = put(threads, lambda: (begun.set(), release.wait(WAIT), happened.append("first")))
        await asyncio.to_thread(begun.wait, WAIT)
        second = put(threads, lambda: happened.append("second"))
        first.cancel()
        second.cancel()
        release.set()
        await put(threads, lambda: happened.append("third"))
        assert happened == ["first", "third"]
        assert threads.pending == 0

    run(test, 1)


class Panic(BaseException):
    """What is no Exception, as the panics of native code may be."""


@pytest.mark.parametrize("error", [StopIteration("x"), Panic("x"), SystemExit("x")], ids=repr)
def test_what_a_future_cannot_raise(error: BaseException) -> None:
    def fail() -> None:
        raise error

    async def test(threads: Threads) -> None:
        with pytest.raises(RuntimeError, match=f"{type(error).__name__}: x") as raised:
            await put(threads, fail)
        assert raised.value.__cause__ is error
        assert await put(threads, lambda: 1) == 1

    run(test, 1)


def test_one_loop_after_another() -> None:
    threads = Threads(1, "test", resources=Resources.of())

    async def test() -> int:
        return await put(threads, lambda: 1)

    assert [asyncio.run(test()) for _ in range(3)] == [1, 1, 1]
    threads.shut_down()


def test_a_result_for_a_loop_that_has_ended_is_dropped() -> None:
    threads, begun, release = Threads(1, "test", resources=Resources.of()), threading.Event(), threading.Event()

    async def leave() -> None:
        put(threads, lambda: (begun.set(), release.wait(WAIT)))
        await asyncio.to_thread(begun.wait, WAIT)

    async def test() -> int:
        return await put(threads, lambda: 2)

    asyncio.run(leave())
    release.set()
    assert asyncio.run(test()) == 2
    threads.shut_down()
