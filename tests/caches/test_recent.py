from __future__ import annotations

import gc
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.caches.recent import Recent


@given(
    st.lists(st.tuples(st.sampled_from(["keep", "peek", "drop"]), st.integers(0, 9), st.integers(0, 60))),
    st.integers(0, 100),
    st.booleans(),
)
def test_the_last_used_stay_within_the_bound(asked: list[tuple[str, int, int]], most: int, keeps_large: bool) -> None:
    """The twin is a list in the order of last use."""
    recent: Recent[int, bytes] = Recent(most, len, keeps_large=keeps_large)
    twin: OrderedDict[int, bytes] = OrderedDict()
    for what, key, size in asked:
        if what == "peek":
            assert recent.peek(key) == twin.get(key)
            if key in twin:
                twin.move_to_end(key)
        elif what == "drop":
            recent.drop(key)
            twin.pop(key, None)
        else:
            gone = [(key, twin.pop(key))] if key in twin else []
            if size <= most or keeps_large:
                while twin and sum(map(len, twin.values())) + size > most:
                    gone.append(twin.popitem(last=False))
                twin[key] = b"x" * size
            assert recent.keep(key, b"x" * size) == gone
        assert recent.items() == [*twin.items()]
        assert recent.total == sum(map(len, twin.values()))
        assert recent.total <= most or (keeps_large and len(twin) == 1)


def test_the_number_is_bounded_without_a_size() -> None:
    recent: Recent[int, str] = Recent(2)
    for number in range(5):
        recent.keep(number, str(number))
    assert (list(recent), recent.values(), len(recent), 4 in recent, 0 in recent) == ([3, 4], ["3", "4"], 2, True, False)


def test_all_who_ask_at_once_share_one_making() -> None:
    recent, asked, made, release = Recent[str, str](10), Barrier(8), [], Event()

    def make() -> str:
        made.append(1)
        assert release.wait(20)
        return "value"

    def ask() -> str:
        asked.wait(20)
        return recent.get("a", make)

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        while not made:
            pass
        release.set()
        assert {answer.result(20) for answer in answers} == {"value"}
    assert made == [1]
    assert recent.get("a", lambda: "other") == "value"


def test_what_is_too_large_is_made_used_and_let_go() -> None:
    recent: Recent[str, bytes] = Recent(10, len)
    assert recent.get("small", lambda: b"x") == b"x"
    assert recent.get("large", lambda: b"x" * 11) == b"x" * 11
    assert (list(recent), recent.total) == (["small"], 1)


def test_a_failure_is_not_kept() -> None:
    recent: Recent[str, str] = Recent(10)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: str(1 / 0))
    assert recent.get("a", lambda: "value") == "value"


class Owner:
    """What a weak key may refer to."""


def test_a_weak_key_may_drop_its_entry_at_any_moment() -> None:
    """The collector runs callbacks in the thread that triggers it, even if it holds the lock."""
    recent: Recent[ref[Owner], bytes] = Recent(10**6, lambda value: len(value) if gc.collect() >= 0 else 0)
    for number in range(10):
        owner = Owner()
        owner.itself = owner  # type: ignore[attr-defined] # a circle, which only the collector takes apart
        recent.keep(ref(owner, recent.drop), b"x" * number)
        del owner
    gc.collect()
    assert (len(recent), recent.total) == (0, 0)
