"""Runs the steps of a plan on the workers of a Dask cluster.

A worker opens the source itself, by its address, and plans the same store. So a task is an address
and the place of a box, and neither the source nor the store goes through the scheduler. A worker
keeps what it has opened until the bake ends. If it dies, the scheduler gives its tasks to another
one; what it had begun was not yet in the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from ..clusters.clients import CannotConnect, connected, require_module
from ..storage.targets import Limits, Target
from ..version import __version__
from . import work
from .manifest import CannotBake
from .objects import target_at
from .outputs import Index
from .plan import Choice, Plan
from .sources import INSIDE, opened
from .steps import Step, make
from .work import AHEAD, Progress

MODULE = "tiled_zarr.baking.cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker has to know of a bake. `run` differs each time; `target` is that of the store.

    `limits` are those of the target as the bake has found them: all workers leave out the same nodes.
    """

    node: str
    target: str
    choice: Choice
    limits: Limits
    files: tuple[tuple[str, str], ...]
    source: str | None
    run: str

    @classmethod
    def of(  # noqa: PLR0913 - its fields
        cls, node: object, target: str, choice: Choice, *, limits: Limits, files: Mapping[str, str], source: str | None
    ) -> Order:
        """A new order, with paths that mean the same in another folder."""
        word = absolute(address(node))
        return cls(
            node=word,
            target=absolute(target),
            choice=choice,
            limits=limits,
            files=tuple(files.items()),
            source=source,
            run=uuid4().hex,
        )


def address(node: object) -> str:
    """The text by which workers open a node. Raises ValueError if it is an object."""
    if isinstance(node, str | os.PathLike):
        return os.fspath(node)
    raise ValueError(f"a scheduler needs an address that its workers can open, got a {type(node).__name__}; give a path or MODULE:NAME")


def absolute(node: str) -> str:
    """A path that exists as an absolute one; any other spelling as it is.

    >>> absolute("demo::image"), absolute("s3://bucket/key")
    ('demo::image', 's3://bucket/key')
    """
    word, mark, inner = node.partition(INSIDE)
    path = Path(word).expanduser()
    return f"{path.absolute() if path.exists() else word}{mark}{inner}"


class Opened:
    """A plan and its store on a worker, until `close`."""

    def __init__(self, order: Order) -> None:
        self._open = ExitStack()
        source = self._open.enter_context(opened(order.node, dict(order.files)))
        self.plan = Plan(source, order.choice, order.limits)
        self.target: Target = target_at(order.target, source.resources)
        if order.source is not None and self.plan.revision() != order.source:
            self.close()
            raise CannotBake(f"{order.node} is not the same here as where the bake was begun: give workers the same files")

    def close(self) -> None:
        """Close the source."""
        self._open.close()


@lru_cache(1)
def opened_once(order: Order) -> Opened:
    """The plan of an order in this process."""
    return Opened(order)


def forget(order: Order) -> None:
    """Close what this process has opened for an order."""
    with suppress(Exception):
        opened_once(order).close()
    opened_once.cache_clear()


def make_there(order: Order, phase: int, number: int, place: Index) -> int:
    """Make one box of a plan on a worker. Returns its decoded bytes; raises as `make` does."""
    found = opened_once(order)
    step: Step = found.plan.phases[phase][number]
    make(step, found.target, place)
    return step.nbytes(place)


def run(scheduler: str, order: Order, plan: Plan, target: Target, progress: Progress) -> None:
    """Make all boxes that are not there on the workers of the scheduler at an address.

    A phase begins when the one before it has ended. Raises CannotBake if there is no scheduler or
    no worker, or one that cannot import this version; and what the first box raises that fails.
    """
    try:
        client: Any = connected(scheduler)
        require_module(client, MODULE)
    except CannotConnect as error:
        raise CannotBake(str(error)) from error
    whole = work.total(plan)
    try:
        check_versions(client, scheduler)
        for phase, steps in enumerate(plan.phases):
            waiting = ((number, place) for number, step in enumerate(steps) for place in left(step, target, progress, whole))
            for nbytes in submitted(client, order, phase, waiting):
                progress(nbytes, whole)
    finally:
        with suppress(Exception):
            client.run(forget, order)
        client.close()


def check_versions(client: Any, scheduler: str) -> None:
    """Raise CannotBake if there is no worker, or one with another version: it would write other bytes."""
    found = client.run(version)
    if not found:
        raise CannotBake(f"the scheduler at {scheduler} has no workers; start one with `dask worker {scheduler}`")
    differ = [f"{where} has {there}" for where, there in found.items() if there != __version__]
    if differ:
        raise CannotBake(f"this is tiled-zarr {__version__}, and the worker {differ[0]}: install the same version there")


def version() -> str:
    """The version of this package on a worker."""
    return __version__


def left(step: Step, target: Target, progress: Progress, whole: int) -> Iterator[Index]:
    """The boxes of a step that are not there."""
    for place in step.output.places:
        if step.is_done(target, place):
            progress(step.nbytes(place), whole)
        else:
            yield place


def submitted(client: Any, order: Order, phase: int, waiting: Iterator[tuple[int, Index]]) -> Iterator[int]:
    """Submit the boxes of a phase, a few ahead of the workers; the bytes of each that ends."""
    ended: SimpleQueue[Any] = SimpleQueue()
    running: set[Any] = set()  # the scheduler drops tasks whose futures nobody holds

    def submit(count: int) -> None:
        for box in islice(waiting, count):
            future = client.submit(make_there, order, phase, *box, pure=False)
            running.add(future)
            future.add_done_callback(ended.put)

    submit(AHEAD * sum(client.nthreads().values()))
    while running:
        future = ended.get()
        running.remove(future)
        yield future.result()
        submit(1)
