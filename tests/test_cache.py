from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.cache import OVERHEAD, Cache


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


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 500))), st.integers(0, 3000))
def test_the_oldest_go_first_and_the_bound_holds(asked: list[tuple[int, int]], bound: int) -> None:
    cache = Cache(bound)
    naive: dict[str, bytes] = {}
    for name, size in asked:
        key, body = str(name), b"x" * size
        got = cache.get(key, lambda body=body: body)
        assert got == naive.get(key, body)
        naive.pop(key, None)
        if len(got) + OVERHEAD <= bound:
            naive[key] = got
        while sum(len(kept) + OVERHEAD for kept in naive.values()) > bound:
            del naive[next(iter(naive))]
        assert cache.nbytes == sum(len(kept) + OVERHEAD for kept in naive.values()) <= bound
    assert all(cache.peek(str(name)) == naive.get(str(name)) for name in range(10))
