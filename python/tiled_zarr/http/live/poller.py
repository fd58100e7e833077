"""Looks at one node again and again, for all clients that follow it.

A look asks what any request for the node's document would ask: it walks the tree and compares
revisions. So it notices whatever a request would notice (a file that was written, a folder with one
more file, an object that a handle has replaced), on any file system, and needs to know nothing of
the source.

A watch of the node's files only ends a pause early (`http/work/watches.py`). The pauses stay as
long as without one: nobody can tell whether the system reports all changes. It reports none that
another machine makes on a network share, and none through a mapping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from ...nodes import Changed
from ..protocol import failures, replies
from ..protocol.replies import Reply
from ..work.watches import Watches
from .states import State

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds between two looks, at least and at most, if no watch reports a change."""
SOONEST = 0.25
"""Seconds between two looks, at least, if a watch does: a file that grows all the time gets four a second."""
REST = 10.0
"""Times as long as a look took we rest before the next: the looks at a node take 10 % of a thread.

The quicker one of the last two counts: the first look at a file may load its library."""
ABSENT = frozenset({404, 410})

Look: TypeAlias = Callable[[State | None], Awaitable[State | None]]


class Poller:
    """The looks at one node. `now` is its state, or the reply with the reason why there is none.

    `news` is set, and replaced, whenever `now` changes.
    """

    def __init__(self, look: Look, path: str, watches: Watches) -> None:
        self.look = look
        self.path = path
        self.watches = watches
        self.followers = 0
        self.is_over = False
        self.now: State | Reply | None = None
        self.news = asyncio.Event()
        self._last: State | None = None
        self._failures = 0
        self._woken = asyncio.Event()
        self._running = asyncio.ensure_future(self._run())

    @property
    def is_finished(self) -> bool:
        """Whether there are no more looks, since the node has gone or all followers have."""
        return self.is_over or (isinstance(self.now, Reply) and self.now.status in ABSENT)

    def end(self) -> None:
        """Stop looking, and tell all followers to end."""
        self.is_over = True
        self._running.cancel()
        self.watches.leave(self._woken)
        self.news.set()

    async def _run(self) -> None:
        """Look until the node has gone, or until the end."""
        loop, took = asyncio.get_running_loop(), 0.0
        while True:
            begun, before = loop.time(), took
            self._woken.clear()
            self._tell(await self._looked())
            if self.is_finished:
                self.watches.leave(self._woken)
                return
            took = loop.time() - begun
            await self._rest(pause(min(took, before), self._failures), soonest(min(took, before)))

    async def _rest(self, seconds: float, least: float) -> None:
        """Wait; from `least` seconds on, only until a watch reports a change."""
        await asyncio.sleep(min(least, seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds - least)):
                await self._woken.wait()

    def _tell(self, now: State | Reply) -> None:
        if now != self.now:
            self.now = now
            self.news.set()
            self.news = asyncio.Event()

    async def _looked(self) -> State | Reply:
        """The result of one look; a change during the look is seen by the next one."""
        try:
            state = await self.look(self._last)
        except Changed:
            return self._last or replies.CHANGING
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            self._failures += 1
            return failures.reply_to(error, self.path)
        self._failures = 0
        if state is not None and state is not self._last:
            self.watches.follow(self._woken, state.watched)
        self._last = state
        return replies.NOT_FOUND if state is None else state


def pause(seconds: float, failures: int) -> float:
    """Seconds until the next look, after one that took `seconds`; more after several failures.

    >>> pause(0.001, 0), pause(0.5, 0), pause(0.001, 3), pause(30, 0)
    (1.0, 5.0, 8.0, 60.0)
    """
    return float(min(LONGEST, max(SHORTEST * 2 ** min(failures, 6), REST * seconds)))


def soonest(seconds: float) -> float:
    """Seconds until a watch may bring about the next look, after one that took `seconds`.

    >>> soonest(0.001), soonest(0.5)
    (0.25, 5.0)
    """
    return float(min(LONGEST, max(SOONEST, REST * seconds)))
