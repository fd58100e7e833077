"""How threads are shared out among sources, and what becomes of those that are lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tiled_zarr.http.work import jobs as module
from tiled_zarr.http.work.jobs import Delivery, Job, Jobs, Worker

LOOP = asyncio.new_event_loop()
LOOP.close()
DELIVERY = Delivery(LOOP)


def job(source: str, since: float = 0.0, *, is_cancelled: bool = False) -> Job:
    return Job(lambda: None, future(is_cancelled=is_cancelled), DELIVERY, lambda: source, source, since)


def future(*, is_cancelled: bool = False) -> asyncio.Future[Any]:
    made: asyncio.Future[Any] = asyncio.Future(loop=LOOP)
    if is_cancelled:
        made.cancel()
    return made


def begun(jobs: Jobs) -> list[Worker]:
    """The threads that have been called, each with the next job, as far as there is one for it."""
    workers = []
    while not jobs._calls.empty():
        assert jobs.is_called()
        workers.append(Worker(len(workers)))
        jobs.workers.add(workers[-1])
        jobs.take(workers[-1])
    return workers


def sources(workers: list[Worker]) -> list[str]:
    return sorted(worker.job.source for worker in workers if worker.job is not None)


SHARES: dict[str, tuple[list[str], list[str]]] = {
    "one": (["a"] * 12, ["a"] * 6),
    "two": (["a"] * 12 + ["b"] * 12, ["a"] * 3 + ["b"] * 6),
    "many": ([*"abcdefgh"], [*"abcdefgh"]),
    "none twice": (["a"] * 12 + [*"bcdefg"], ["a"] * 3 + [*"bcdefg"]),
}


@pytest.mark.parametrize(("waiting", "expected"), SHARES.values(), ids=SHARES)
def test_a_source_gets_half_of_what_the_others_leave(waiting: list[str], expected: list[str]) -> None:
    jobs = Jobs(12, 12)
    for source in waiting:
        jobs.put(job(source))
    assert sources(begun(jobs)) == expected


def test_what_is_not_shared_is_given_to_whoever_asks() -> None:
    jobs = Jobs(4, 4, is_shared=False)
    for _ in range(6):
        jobs.put(job("a"))
    assert sources(begun(jobs)) == ["a"] * 4


def test_a_share_grows_when_others_have_done() -> None:
    jobs = Jobs(6, 6)
    for source in ["a"] * 6 + ["b"] * 3:
        jobs.put(job(source))
    workers = begun(jobs)
    assert sources(workers) == ["a"] * 2 + ["b"] * 3
    for worker in [worker for worker in workers if worker.source == "b"]:
        jobs.take(worker)
    assert sources(workers) == ["a"] * 3


def test_lost_threads_count_for_their_source_and_are_replaced() -> None:
    jobs = Jobs(12, 12)
    for _ in range(12):
        jobs.put(job("a"))
    workers = begun(jobs)
    lost = [worker for worker in workers if worker.job is not None]
    for number, worker in enumerate(lost, 1):
        assert worker.job is not None
        assert jobs.give_up(worker, worker.job)
        assert not jobs.give_up(worker, worker.job), "once"
        assert jobs.is_closed("a") is (number == 6)
    assert (jobs.stuck, jobs.at_work, jobs.busy) == (6, 0, 0)
    assert sources(begun(jobs)) == [], "it gets no more threads"
    assert len(jobs.expired(-1.0)) == 6, "and those who wait for it are told so"
    assert jobs.take(lost[0]) is None
    assert lost[0].is_replaced, "it is to end"
    assert (jobs.stuck, jobs.is_closed("a"), jobs.is_closed("b")) == (5, False, False)
    jobs.put(job("a"))
    assert sources(begun(jobs)) == ["a"]


def test_no_more_are_replaced_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STUCK", 1)
    jobs = Jobs(4, 4)
    for source in "ab":
        jobs.put(job(source))
    workers = begun(jobs)
    for worker in workers:
        assert worker.job is not None
        jobs.give_up(worker, worker.job)
    assert [worker.is_replaced for worker in workers] == [True, False]
    assert (jobs.stuck, jobs.busy) == (2, 1)
    assert jobs.is_closed("a")
    assert jobs.is_closed("b")
    jobs.put(job("c"))
    assert jobs.take(workers[1]) is not None, "a thread that was not replaced goes on"
    assert (jobs.stuck, jobs.at_work) == (1, 1)


def test_who_has_waited_too_long_and_who_has_gone_are_taken_out() -> None:
    jobs = Jobs(1, 1)
    for since, is_cancelled in ((1.0, False), (2.0, True), (3.0, False), (4.0, True)):
        jobs.put(job("a", since, is_cancelled=is_cancelled))
    assert jobs.waiting == 2
    assert [job.since for job in jobs.expired(2.0)] == [1.0, 2.0]
    workers = begun(jobs)
    assert workers[0].job is not None
    assert workers[0].job.since == 3.0, "nothing is begun that nobody waits for"
    assert jobs.waiting == 0


def test_sources_are_looked_for_again() -> None:
    known: dict[str, str] = {}
    jobs = Jobs(4, 4)

    def put(path: str) -> None:
        jobs.put(Job(lambda: None, future(), DELIVERY, lambda: known.get(path, "folder"), "folder", 0.0))

    for path in ("good", "bad", "bad", "bad"):
        put(path)
    workers = begun(jobs)
    assert sources(workers) == ["folder", "folder"]
    known |= {"good": "folder/good", "bad": "folder/bad"}
    jobs.sort_again()
    assert sorted(worker.source for worker in [*workers, *begun(jobs)] if worker.job is not None) == [
        "folder/bad",
        "folder/bad",
        "folder/good",
    ]


def test_nothing_is_left_of_what_has_been_done() -> None:
    jobs: Any = Jobs(2, 4)
    for source in "aabbc":
        jobs.put(job(source))
    workers = begun(jobs)
    while any(jobs.take(worker) for worker in workers if worker.job is not None):
        pass
    assert (jobs._running, jobs._stuck, jobs._waiting, jobs._at_work, jobs.is_idle) == ({}, {}, {}, 0, True)
