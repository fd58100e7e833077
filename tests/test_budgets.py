from __future__ import annotations

import threading

import pytest

from tiled_zarr import budgets
from tiled_zarr.budgets import Budget
from tiled_zarr.nodes import Busy, TooLarge

WAIT = 20


def held(budget: Budget, nbytes: int, begun: threading.Event, release: threading.Event) -> threading.Thread:
    def hold() -> None:
        with budget.hold(nbytes):
            begun.set()
            assert release.wait(WAIT)

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def test_budget_bounds_what_is_held_at_once() -> None:
    budget, release = Budget(100, WAIT), threading.Event()
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


def test_what_takes_all_of_the_budget_passes_alone() -> None:
    budget, first_release, release = Budget(100, WAIT), threading.Event(), threading.Event()
    first, large, small = (threading.Event() for _ in range(3))
    threads = [held(budget, 10, first, first_release)]
    assert first.wait(WAIT)
    threads.append(held(budget, 100, large, release))
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
    budget = Budget(100, WAIT)
    with pytest.raises(OSError, match="no"), budget.hold(60):
        raise OSError("no")
    assert budget.free == 100


def test_what_is_larger_than_the_budget_is_refused_at_once() -> None:
    budget = Budget(3 * 2**20, WAIT)
    refused = pytest.raises(TooLarge, match="takes 4 MiB of memory at once, and a request may take 3 MiB; raise the setting in_flight")
    with refused, budget.hold(3 * 2**20 + 1):
        raise AssertionError
    with refused, budget.hold(2**20), budget.hold(2**21 + 1):
        raise AssertionError
    assert budget.free == budget.nbytes


def test_nobody_waits_longer_than_the_budget_has_patience() -> None:
    budget, begun, release = Budget(100, 0.05), threading.Event(), threading.Event()
    thread = held(budget, 80, begun, release)
    assert begun.wait(WAIT)
    with pytest.raises(Busy, match=r"other requests took all memory for 0\.05 s"), budget.hold(21):
        raise AssertionError
    assert budget.free == 20, "who gave up holds nothing"
    release.set()
    thread.join()
    with budget.hold(100):
        assert budget.free == 0


def test_who_holds_some_gets_more_before_those_who_wait() -> None:
    """Or both would wait for each other."""
    budget, begun, release = Budget(100, WAIT), threading.Event(), threading.Event()
    with budget.hold(30):
        thread = held(budget, 80, begun, release)
        assert not begun.wait(0.05)
        with budget.hold(60):
            assert budget.free == 10
    release.set()
    thread.join()
    assert begun.is_set()
    assert budget.free == 100


def test_what_a_thread_held_that_was_given_up_is_free_once() -> None:
    budget, begun, release = Budget(100, WAIT), threading.Event(), threading.Event()
    thread = held(budget, 80, begun, release)
    assert begun.wait(WAIT)
    assert thread.ident is not None
    budget.forget(thread.ident)
    assert budget.free == 100
    release.set()
    thread.join()
    assert budget.free == 100


def test_threads_hold_of_the_budget_that_was_lent_to_them() -> None:
    budget, free = Budget(100, WAIT), []

    def work() -> None:
        budgets.lend(budget)
        with budgets.hold(40):
            free.append(budget.free)
            with budgets.hold(1000, alone=True):
                free.append(budget.free)
        with pytest.raises(TooLarge), budgets.hold(101):
            raise AssertionError
        free.append(budget.free)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert free == [60, 0, 100]
    with budgets.hold(10**12):
        assert budget.free == 100, "this thread has none, and is refused nothing"
