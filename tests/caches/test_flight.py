from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident

import pytest

from tiled_zarr.caches.flight import Flights


def test_who_comes_meanwhile_gets_the_same_value_or_error() -> None:
    joined: list[int] = []
    flights: Flights[str, object] = Flights(on_join=lambda: joined.append(1))
    for fails in (False, True):
        begun, release, value = Event(), Event(), object()

        def make(begun: Event = begun, release: Event = release, value: object = value, fails: bool = fails) -> object:
            begun.set()
            assert release.wait(20)
            if fails:
                raise OSError("disk")
            return value

        joined.clear()
        with ThreadPoolExecutor(4) as pool:
            first = pool.submit(flights.of, "a", make)
            assert begun.wait(20)
            others = [pool.submit(flights.of, "a", object) for _ in range(3)]
            while len(joined) < 3:
                pass
            release.set()
            for answer in (first, *others):
                if fails:
                    with pytest.raises(OSError, match="disk"):
                        answer.result(20)
                else:
                    assert answer.result(20) is value


def test_other_keys_do_not_wait() -> None:
    flights: Flights[str, str] = Flights()
    begun, release = Event(), Event()

    def hang() -> str:
        begun.set()
        assert release.wait(20)
        return "late"

    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(flights.of, "a", hang)
        assert begun.wait(20)
        assert flights.of("b", lambda: "value") == "value"
        release.set()
        assert hanging.result(20) == "late"
    assert flights.of("a", lambda: "anew") == "anew", "nothing is kept"


def test_nobody_waits_for_a_thread_that_was_given_up() -> None:
    abandoned: set[int] = set()
    flights: Flights[str, str] = Flights(abandoned)
    begun, release, makers = Event(), Event(), []

    def hang() -> str:
        makers.append(get_ident())
        begun.set()
        assert release.wait(20)
        return "late"

    with ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(flights.of, "a", hang)
        assert begun.wait(20)
        waiting = pool.submit(flights.of, "a", lambda: "value")
        abandoned.add(makers[0])
        assert waiting.result(20) == "value"
        assert flights.of("a", lambda: "another") == "another"
        release.set()
        assert hanging.result(20) == "late"
