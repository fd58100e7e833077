"""The cache that processes share: what goes to the shelf, and what happens when the shelf fails.

The twin of the shelf is a dict, and a set of the names that are held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from tiled_zarr.caches.shared import FIRST_COST, PAUSE, SILENCE, WORTH, Failed, Shared

SLOW, QUICK = 10 * WORTH * FIRST_COST, FIRST_COST
LONG = 30.0

SAID = {"get": "cannot use", "hold": "cannot write to"}


class Held:
    def __init__(self, shelf: Dict, name: str) -> None:
        self.shelf = shelf
        self.name = name

    def put(self, body: bytes) -> None:
        self.leave()
        self.shelf.check("put")
        self.shelf.bodies[self.name] = body

    def leave(self) -> None:
        self.shelf.held.discard(self.name)


class Dict:
    """A shelf that fails at the methods named in `broken`, and notes what it is asked."""

    kind = "dict"

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.held: set[str] = set()
        self.broken: set[str] = set()
        self.asked: list[str] = []

    def check(self, method: str) -> None:
        self.asked.append(method)
        if method in self.broken:
            raise Failed("it is broken")

    def get(self, name: str) -> bytes | None:
        self.check("get")
        return self.bodies.get(name)

    def hold(self, name: str) -> Held | None:
        self.check("hold")
        if name in self.held:
            return None
        self.held.add(name)
        return Held(self, name)

    def close(self) -> None:
        pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shelf() -> Dict:
    return Dict()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(shelf: Dict, clock: Clock) -> Shared:
    return Shared(shelf, clock=clock)


class Made:
    """Makes bodies, counts them, and says that each took `seconds`."""

    def __init__(self, seconds: float = SLOW) -> None:
        self.seconds = seconds
        self.count = 0

    def __call__(self) -> tuple[bytes, float]:
        self.count += 1
        return b"body", self.seconds


def test_a_slow_body_is_made_once_for_all_processes(shared: Shared, shelf: Dict) -> None:
    make, other = Made(), Shared(shelf)
    assert [one.get("a", "x", make) for one in (shared, shared, other)] == [b"body"] * 3
    assert make.count == 1
    assert (shared.counters.stores, shared.counters.misses, shared.counters.hits, other.counters.hits) == (1, 1, 1, 1)
    assert (shared.counters.written_bytes, shared.counters.read_bytes, shared.counters.make_seconds) == (4, 4, SLOW)
    assert not shelf.held


def test_servers_of_another_scope_share_nothing(shared: Shared, shelf: Dict) -> None:
    make = Made()
    shared.get("a", "x", make)
    Shared(shelf, "run7").get("a", "x", make)
    assert make.count == 2


def test_a_quick_body_is_not_put_and_then_not_asked_for(shared: Shared, shelf: Dict) -> None:
    make = Made(QUICK)
    for name in "abc":
        assert shared.get(name, "x", make) == b"body"
    assert not shelf.bodies
    assert not shelf.held
    assert shelf.asked == ["get", "hold", "get"]
    shared.get("d", "another array", Made())
    assert len(shelf.bodies) == 1


def test_one_slow_chunk_makes_its_array_worth_asking_for(shared: Shared, shelf: Dict) -> None:
    make = Made(QUICK)
    shared.get("a", "x", make)
    make.seconds = SLOW
    shared.get("b", "x", make)
    assert not shelf.bodies, "we did not know yet"
    shared.get("c", "x", make)
    assert len(shelf.bodies) == 1
    make.seconds = QUICK
    asked = [len(shelf.asked) for _ in range(40) if shared.get(f"{len(shelf.asked)}", "x", make)]
    assert asked[-1] == asked[-10] > asked[0], "the average falls"


class Timed(Dict):
    """A shelf that has every body; each look-up takes `seconds` of a clock that stands still else."""

    now, seconds = 0.0, 0.0

    def get(self, name: str) -> bytes | None:
        self.now += self.seconds
        return b"kept"


def test_what_a_hit_costs_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body is worth it by what hits take here and now, not by a constant."""
    shelf = Timed()
    shared = Shared(shelf)
    monkeypatch.setattr("tiled_zarr.caches.shared.perf_counter", lambda: shelf.now)

    def hits(seconds: float, count: int) -> float:
        shelf.seconds = seconds
        for _ in range(count):
            assert shared.get("a", "never made", Made()) == b"kept"
        return shared.cost

    assert hits(0.01, 100) == pytest.approx(0.01)
    assert hits(0.002, 30) == pytest.approx(0.002, rel=0.01)
    assert hits(10, 1) < 0.0022, "one of them had to wait"
    assert hits(0.002, 5) == pytest.approx(0.002, rel=0.05)


def test_what_is_worth_it_depends_on_what_a_hit_costs(shared: Shared, shelf: Dict) -> None:
    shared.cost = SLOW / WORTH * 1.01
    shared.get("a", "x", Made())
    assert not shelf.bodies
    shared.cost = SLOW / WORTH
    shared.get("a", "y", Made())
    assert len(shelf.bodies) == 1


def test_an_error_lets_others_make_the_body(shared: Shared, shelf: Dict) -> None:
    def fail() -> tuple[bytes, float]:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        shared.get("a", "x", fail)
    assert not shelf.held
    assert shared.get("a", "x", Made()) == b"body"


def test_a_body_that_comes_between_two_looks_is_not_made_again(shared: Shared, shelf: Dict, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, make = shelf.hold, Made()

    def put_before(name: str) -> Held | None:
        shelf.bodies[name] = b"of another"
        return hold(name)

    monkeypatch.setattr(shelf, "hold", put_before)
    assert shared.get("a", "x", make) == b"of another"
    assert make.count == 0
    assert not shelf.held


@contextmanager
def making(shared: Shared) -> Iterator[tuple[Event, Callable[[], bytes]]]:
    """Another process that makes "a": the event lets it end, the function waits until it has."""
    begun, go = Event(), Event()

    def make() -> tuple[bytes, float]:
        begun.set()
        assert go.wait(LONG)
        return b"of another", SLOW

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shared.get, "a", "x", make)
        assert begun.wait(LONG)
        try:
            yield go, answer.result
        finally:
            go.set()


def test_a_body_that_another_process_makes_is_waited_for(shared: Shared, shelf: Dict) -> None:
    make, waits = Made(), []

    @contextmanager
    def waiting() -> Iterator[None]:
        waits.append("begun")
        go.set()
        yield
        waits.append("ended")

    with making(Shared(shelf)) as (go, _):
        assert shared.get("a", "x", make, waiting) == b"of another"
    assert make.count == 0
    assert waits == ["begun", "ended"]
    assert shared.counters.waits == 1


def test_nobody_waits_longer_than_patience(shelf: Dict) -> None:
    make = Made()
    with making(Shared(shelf)):
        assert Shared(shelf, patience=0.05).get("a", "x", make) == b"body"
    assert make.count == 1


@pytest.mark.parametrize("broken", SAID)
def test_a_shelf_that_fails_is_left_alone_for_a_while(
    shared: Shared, shelf: Dict, clock: Clock, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    make = Made()
    shelf.broken = {broken}
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert shared.get("a", "x", make) == b"body"
        assert shelf.asked.count(broken) == 1
        clock.now += PAUSE
        assert shared.get("a", "x", make) == b"body"
        assert shelf.asked.count(broken) == 2
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [f"{SAID[broken]} the cache that servers share"]
    assert shared.counters.errors == 2
    shelf.broken = set()
    clock.now += PAUSE
    shared.get("a", "x", make)
    assert shelf.bodies
    count = make.count
    shared.get("a", "x", make)
    assert make.count == count, "it works again"


def test_a_read_only_shelf_is_still_read(shared: Shared, shelf: Dict) -> None:
    make = Made()
    shared.get("a", "x", make)
    shelf.broken = {"hold"}
    shared.get("b", "x", make)
    assert shared.get("a", "x", make) == b"body"
    assert make.count == 2


def test_a_full_shelf_is_still_read(shared: Shared, shelf: Dict, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    make = Made()
    shared.get("a", "x", make)
    shelf.broken = {"put"}
    with caplog.at_level(logging.WARNING):
        for name in "bc":
            assert shared.get(name, "x", make) == b"body"
        assert shelf.asked.count("hold") == 2, "nothing can be put, so nothing is held"
        assert shared.get("a", "x", make) == b"body"
        assert make.count == 3
        clock.now += SILENCE
        shared.get("d", "x", make)
    assert [record.getMessage()[:16] for record in caplog.records] == ["cannot write to "] * 2
    shelf.broken = set()
    clock.now += PAUSE
    shared.get("e", "x", make)
    assert len(shelf.bodies) == 2
    assert not shelf.held
