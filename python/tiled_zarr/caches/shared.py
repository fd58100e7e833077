"""The second cache: encoded chunks that several processes share, and that outlive them.

The first cache (cost.py) is the memory of one process. When it misses, a thread is about to read a
source and to encode a chunk. If that takes long, another process may have done it already, so the
thread asks a *shelf* first: a folder (folder.py) or a Redis server (keyvalue.py).

    get ----found-----------------------------------------------> body
     | absent
    hold ---another process holds the name: look again-----> get
     | ours
    get again ---found: it was put between the two looks---------> body
     | absent
    make ---took WORTH times as long as a hit--> put ------------> body

Three rules keep it right and cheap:

- *The name says all that the bytes depend on* (`Tokens.described`), with the revision. So nothing
  on a shelf is ever old, and only chunks with a revision go there.
- *A shelf never fails a request.* If it does not work (`Failed`), chunks are made without it, and
  it is left alone for PAUSE seconds. If only `hold` or `put` fails, as on a full or read-only disk,
  we go on reading.
- *A chunk has to be worth it.* We measure what a hit costs and what making a chunk takes. If the
  chunks of an array take less than WORTH hits on average, we do not even ask.

A process that dies while it holds a name loses the hold: at once in a folder, after a few seconds
in Redis. Nobody waits longer than `patience` seconds for a hold, and then makes the chunk as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from time import monotonic, perf_counter, sleep
from typing import Protocol, TypeAlias

from .forgetful import Forgetful

log = logging.getLogger(__name__)

NAME_BYTES = 20
WORTH = 4
"""A chunk is put on the shelf if making it took as long as this many hits."""
FIRST_COST = 0.0005
"""Seconds that a hit is taken to cost before the first one.

Of 320 kB a folder takes 0.08 ms, Redis on the same machine 0.12 ms (2026-11-27).
"""
FALL, RISE = 1 / 4, 1.05
"""How far the cost of a hit falls to that of a quicker one, and what a slower one multiplies it by.

So a few hits that had to wait for a processor do not make it look dear; ten times the cost takes 47
hits."""
LAST = 8
"""Chunks of an array over which the time to make one is averaged."""
MOST_ARRAYS = 8192
"""Arrays whose estimates we remember; when full, we forget them all, and ask the shelf again."""
PAUSE = 5.0
"""Seconds for which a shelf that has failed is left alone."""
SILENCE = 3600.0
"""Seconds between two lines in the log about failures of one kind."""
FIRST_LOOK, LAST_LOOK = 0.005, 0.1
"""Seconds between two looks for a body that another process makes; they double in between."""

Make: TypeAlias = Callable[[], tuple[bytes, float]]
"""Makes a body, and says how many seconds that took."""


class Failed(Exception):
    """The shelf does not work now; the text says why."""


class Full(Failed):
    """Nothing can be put on the shelf now, though it may have what is asked for."""


class Hold(Protocol):
    """The right to make a body, which no other thread or process has meanwhile."""

    def put(self, body: bytes) -> None:
        """Put the body on the shelf, and let go. Raises Failed."""

    def leave(self) -> None:
        """Let go without a body. Never raises."""


class Shelf(Protocol):
    """Bodies by name, shared by processes. Thread-safe; blocks."""

    kind: str
    """Its name in metrics."""

    def get(self, name: str) -> bytes | None:
        """The body of a name. Raises Failed."""

    def hold(self, name: str) -> Hold | None:
        """The right to make the body of a name; None while another has it. Raises Failed."""

    def close(self) -> None:
        """Release connections. Nothing may be asked afterwards."""


@dataclass(slots=True)
class Counters:
    """What has happened on the shelf since this process started.

    `errors` are failures of the shelf, `waits` requests that have waited for another process.
    `hit_seconds` are those of all hits, `make_seconds` those of making what was put.
    """

    hits: int = 0
    misses: int = 0
    stores: int = 0
    waits: int = 0
    errors: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    hit_seconds: float = 0.0
    make_seconds: float = 0.0


class Shared:
    """Bodies on a shelf, each made by one process. Thread-safe.

    `scope` is part of all names: servers with different texts share nothing. `patience` is how many
    seconds a thread waits for another process that makes the same body. `clock` counts seconds.
    """

    def __init__(self, shelf: Shelf, scope: str = "", patience: float = 60.0, clock: Callable[[], float] = monotonic) -> None:
        self.shelf = shelf
        self.counters = Counters()
        self.cost = FIRST_COST
        """Seconds of a hit that need not wait, about."""
        self._scope = scope
        self._patience = patience
        self._clock = clock
        self._estimates: Forgetful[str, float] = Forgetful(MOST_ARRAYS)
        self._absent_until = self._full_until = float("-inf")
        self._said: dict[str, float] = {}
        self._lock = Lock()

    def get(self, described: str, array: str, make: Make, waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> bytes:
        """The body that `described` says all about: from the shelf, or made now.

        `array` names what is estimated together. While another process makes the body, this thread
        is in `waiting()`. Raises what `make` raises.
        """
        if self._clock() < self._absent_until or not self._may_be_worth(array):
            return self._made(array, make)[0]
        name = blake2b(f"{self._scope}|{described}".encode("utf-8", "surrogatepass"), digest_size=NAME_BYTES).hexdigest()
        found: Hold | bytes | None
        try:
            found = self._found(name)
            found = self._held(name, waiting) if found is None else found
        except Full as error:
            self._full_until = self._fail("cannot write to", error)
            found = None
        except Failed as error:
            self._absent_until = self._fail("cannot use", error)
            found = None
        if isinstance(found, bytes):
            return found
        return self._made(array, make)[0] if found is None else self._kept(found, array, make)

    def close(self) -> None:
        """Release connections."""
        self.shelf.close()

    def _may_be_worth(self, array: str) -> bool:
        estimate = self._estimates.get(array)
        return estimate is None or estimate >= WORTH * self.cost

    def _made(self, array: str, make: Make) -> tuple[bytes, float]:
        body, seconds = make()
        known = self._estimates.get(array, seconds)
        self._estimates[array] = known + (seconds - known) / LAST
        return body, seconds

    def _found(self, name: str) -> bytes | None:
        start = perf_counter()
        body = self.shelf.get(name)
        seconds = perf_counter() - start
        if body is not None:
            with self._lock:
                self.cost = min(seconds, self.cost * RISE) if seconds > self.cost else self.cost + (seconds - self.cost) * FALL
                self.counters.hits += 1
                self.counters.read_bytes += len(body)
                self.counters.hit_seconds += seconds
        return body

    def _held(self, name: str, waiting: Callable[[], AbstractContextManager[None]]) -> Hold | bytes | None:
        """The right to make a body, or the body if another process has made it meanwhile.

        None if there is no use in waiting: nothing can be put now, or patience has ended.
        """
        found = None
        if self._clock() >= self._full_until:
            found = self._looked(name)
            if found is None:
                with waiting():
                    found = self._waited(name)
        if not isinstance(found, bytes):
            with self._lock:
                self.counters.misses += 1
        return found

    def _looked(self, name: str) -> Hold | bytes | None:
        """The right to make a body; the body if it has come since the last look; None if held.

        Raises Full if the right cannot be had.
        """
        try:
            hold = self.shelf.hold(name)
        except Failed as error:
            raise Full(str(error)) from error
        if hold is None:
            return None
        try:
            body = self._found(name)
        except BaseException:
            hold.leave()
            raise
        if body is None:
            return hold
        hold.leave()
        return body

    def _waited(self, name: str) -> Hold | bytes | None:
        """The same, once the other has let go, or has put the body; None if patience has ended."""
        with self._lock:
            self.counters.waits += 1
        end, look = self._clock() + self._patience, FIRST_LOOK
        while self._clock() < end:
            sleep(look)
            look = min(2 * look, LAST_LOOK)
            found = self._found(name) or self._looked(name)
            if found is not None:
                return found
        return None

    def _kept(self, hold: Hold, array: str, make: Make) -> bytes:
        """A body that this thread has the right to make, put on the shelf if it is worth it."""
        try:
            body, seconds = self._made(array, make)
        except BaseException:
            hold.leave()
            raise
        if seconds < WORTH * self.cost:
            hold.leave()
            return body
        try:
            hold.put(body)
        except Failed as error:
            self._full_until = self._fail("cannot write to", error)
            return body
        with self._lock:
            self.counters.stores += 1
            self.counters.written_bytes += len(body)
            self.counters.make_seconds += seconds
        return body

    def _fail(self, what: str, error: Failed) -> float:
        """Count a failure, log it unless one of its kind was logged lately; until when to pause."""
        now = self._clock()
        with self._lock:
            self.counters.errors += 1
            is_new = now - self._said.get(what, float("-inf")) >= SILENCE
            if is_new:
                self._said[what] = now
        if is_new:
            log.warning(
                "%s the cache that servers share: %s; chunks are served without it, and it is tried again every %g s", what, error, PAUSE
            )
        return now + PAUSE
