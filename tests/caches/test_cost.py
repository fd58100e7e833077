from __future__ import annotations

import tracemalloc
from collections import UserString
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, get_ident
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.caches.cost import OVERHEAD, Cache


def test_a_body_is_made_once() -> None:
    cache = Cache(10_000)
    assert cache.peek("a") is None
    assert cache.get("a", lambda: b"body") == b"body"
    assert cache.get("a", lambda: b"other") == b"body"
    assert cache.peek("a") == b"body"
    assert (cache.counters.hits, cache.counters.misses) == (2, 1)


def test_all_who_ask_at_once_share_one_computation() -> None:
    cache, asked, made = Cache(0), Barrier(8), []
    release = Event()

    def make() -> bytes:
        release.wait(10)
        made.append(1)
        return b"body"

    def ask() -> bytes:
        asked.wait(10)
        return cache.get("a", make)

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        while cache.counters.joined < 7:
            pass
        release.set()
        assert [answer.result() for answer in answers] == [b"body"] * 8
    assert made == [1]


def test_a_failure_reaches_its_askers_and_is_not_kept() -> None:
    cache = Cache(10_000)

    def fail() -> bytes:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        cache.get("a", fail)
    assert cache.get("a", lambda: b"body") == b"body"


class Clock:
    """Stands still until it is told how long something takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float, body: bytes) -> bytes:
        self.now += seconds
        return body


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500), st.integers(1, 20))), st.integers(0, 3000))
def test_the_bound_holds_and_what_is_worth_least_goes_first(asked: list[tuple[int, int, int]], bound: int) -> None:
    """The twin looks at all ranks each time; of equal ones any may go."""
    clock = Clock()
    cache: Cache[bytes] = Cache(bound, clock=clock)
    ranks: dict[str, float] = {}
    worths: dict[str, float] = {}
    bodies: dict[str, bytes] = {}
    level = 0.0
    for name, size, seconds in asked:
        key, body = str(name), b"x" * size
        got = cache.get(key, lambda body=body, seconds=seconds: clock.spend(seconds, body))
        assert got == (bodies[key] if key in ranks else body)
        if key not in ranks:
            bodies[key], worths[key] = body, seconds / (size + OVERHEAD)
        if size + OVERHEAD <= bound or key in ranks:
            ranks[key] = level + worths[key]
        gone = sorted((ranks[key], key) for key in ranks if key not in cache._entries)
        ranks = {key: rank for key, rank in ranks.items() if key in cache._entries}
        if gone:
            level = gone[-1][0]
            assert level <= min(ranks.values(), default=level)
            last = max(len(bodies[key]) for rank, key in gone if rank == level)
            assert cache.nbytes + last + OVERHEAD > bound, "the last to go had no room"
        assert cache.nbytes == sum(len(bodies[key]) + OVERHEAD for key in ranks) <= bound


def test_what_costs_much_outlives_what_is_cheap_but_not_forever() -> None:
    clock = Clock()
    cache: Cache[bytes] = Cache(3 * (100 + OVERHEAD), clock=clock)
    cache.get("costly", lambda: clock.spend(10, b"d" * 100))
    for number in range(12):
        cache.get(f"cheap {number}", lambda: clock.spend(1, b"c" * 100))
    assert cache.peek("costly") == b"d" * 100
    for number in range(40):
        cache.get(f"other {number}", lambda: clock.spend(1, b"o" * 100))
    assert cache.peek("costly") is None
    assert cache.counters.evictions == 50


def test_what_is_out_of_date_is_dropped_unless_it_was_replaced() -> None:
    cache: Cache[bytes] = Cache(10_000)
    old = cache.get("a", lambda: bytes([1]))
    cache.drop("a", old)
    assert (cache.peek("a"), cache.nbytes) == (None, 0)
    new = cache.get("a", lambda: bytes([2]))
    cache.drop("a", old)
    assert cache.peek("a") is new


class Body(UserString):
    """A body that says when it is freed: `bytes` has no weak references."""


@pytest.mark.parametrize("way", ["dropped", "replaced"])
def test_a_value_that_has_left_is_freed(way: str) -> None:
    """Nothing is evicted here, so nothing else takes its rank off the heap."""
    cache: Cache[Body] = Cache(10_000)
    body = Body("old")
    freed = ref(body)
    cache.put("a", body, 1.0)
    if way == "dropped":
        cache.drop("a", body)
    else:
        cache.put("a", Body("new"), 1.0)
    del body
    assert freed() is None


def test_values_that_have_left_take_no_memory() -> None:
    """As the document of a group that changes at each request: it is dropped, and made again."""
    cache: Cache[bytes] = Cache(10_000)
    for number in range(500):
        cache.put(str(number), b"kept" if number < 5 else b"x", 1.0)
        if number >= 5:
            cache.drop(str(number), b"x")

    def run() -> None:
        for _ in range(20_000):
            body = cache.get("changing", lambda: b"x" * 100)
            cache.drop("changing", body)

    run()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        run()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
    assert [cache.peek(str(number)) for number in range(5)] == [b"kept"] * 5


@pytest.mark.parametrize("joins_before", [True, False])
def test_nobody_waits_for_a_thread_that_was_given_up(joins_before: bool) -> None:
    """Whoever waits for its value makes it, and what it makes in the end is kept like any other."""
    abandoned: set[int] = set()
    cache, begun, release, made = Cache(10_000, abandoned=abandoned), Event(), Event(), []

    def hang() -> bytes:
        made.append(get_ident())
        begun.set()
        assert release.wait(20)
        return b"late"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", hang)
        assert begun.wait(20)
        try:
            if joins_before:
                second = pool.submit(cache.get, "a", lambda: b"body")
                while cache.counters.joined < 1:
                    pass
                abandoned.add(made[0])
            else:
                abandoned.add(made[0])
                second = pool.submit(cache.get, "a", lambda: b"body")
            assert second.result(20) == cache.peek("a") == b"body"
        finally:
            release.set()
            assert first.result(20) == b"late"
            abandoned.discard(made[0])
    assert cache.get("a", lambda: b"other") == b"late"


def test_a_cleared_cache_holds_nothing() -> None:
    cache: Cache[bytes] = Cache(2000)
    for name in "ab":
        cache.put(name, b"value", 1.0)
    cache.clear()
    assert (cache.nbytes, cache.peek("a"), cache.peek("b")) == (0, None, None)
    cache.put("c", b"value", 1.0)
    assert cache.peek("c") == b"value"
