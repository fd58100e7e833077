"""Runs the steps of a plan: in threads, or on the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeAlias

from ..storage.targets import Target
from .outputs import Index
from .plan import Plan
from .steps import Step, make

Progress: TypeAlias = Callable[[int, int], None]
"""Is called with the decoded bytes of each box that is in the store, and those of all boxes."""
AHEAD = 2
"""Boxes a thread for which there is a future: a plan may have millions."""


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def boxes(steps: Iterable[Step]) -> Iterator[tuple[Step, Index]]:
    """The boxes of steps, in their order."""
    return ((step, place) for step in steps for place in step.output.places)


def total(plan: Plan) -> int:
    """Decoded bytes of all boxes."""
    return sum(step.nbytes(place) for phase in plan.phases for step, place in boxes(phase))


def run(plan: Plan, target: Target, threads: int, progress: Progress) -> None:
    """Make all boxes, `threads` at a time; a phase begins when the one before it has ended.

    Raises what the first box raises that fails. The others that have begun are finished first.
    """
    whole = total(plan)
    with ThreadPoolExecutor(threads, thread_name_prefix="tiled-zarr-bake") as pool:
        try:
            for phase in plan.phases:
                for nbytes in made(pool, boxes(phase), AHEAD * threads, target):
                    progress(nbytes, whole)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def made(pool: ThreadPoolExecutor, waiting: Iterator[tuple[Step, Index]], ahead: int, target: Target) -> Iterator[int]:
    """Make boxes, of which `ahead` are in the pool; the decoded bytes of each that has been made."""
    running: dict[Future[None], int] = {}
    while True:
        for step, place in islice(waiting, ahead - len(running)):
            running[pool.submit(make, step, target, place)] = step.nbytes(place)
        if not running:
            return
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            nbytes = running.pop(future)
            future.result()
            yield nbytes
