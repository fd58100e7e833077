"""Children that do not answer: who asks for which just now, which have hung, and how long they are left alone.

A thread that opens a child notes it here. Somebody else looks at these notes (in the server, `http/work`); where one is too old it
declares that the child hangs. From then on the child is refused without being asked, until it answers after all or its pause is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, get_ident
from time import monotonic
from weakref import WeakKeyDictionary

from .nodes import Group, Table, TooSlow

PAUSE = 60.0
"""Seconds for which a child that hung is not asked again; twice as long after each time that it hangs once more."""
LONGEST_PAUSE = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A child that a thread asks for since a moment; `is_listed` says that a document is to tell of it, and can do without it."""

    group: Group | Table
    name: str
    since: float
    is_listed: bool


@dataclass(frozen=True, slots=True)
class Hang:
    """How often a child has hung, for how many seconds, and until when it is left alone."""

    times: int
    seconds: float
    until: float


class Hangs:
    """The children that hang, of all trees of this process. Thread-safe; `changes` counts how often one has come or gone."""

    def __init__(self) -> None:
        self.asked: dict[int, Asked] = {}
        """What each thread, by its identifier, asks for just now."""
        self.changes = 0
        self._hung: WeakKeyDictionary[Group | Table, dict[str, Hang]] = WeakKeyDictionary()
        self._next = float("inf")
        self._lock = Lock()

    @contextmanager
    def asking(self, group: Group | Table, name: str, *, is_listed: bool) -> Iterator[None]:
        """Ask for a child, or for something that only the child can tell. Raises TooSlow where it hangs."""
        self.check(group, name)
        thread = get_ident()
        before = self.asked.get(thread)
        self.asked[thread] = Asked(group, name, monotonic(), is_listed)
        try:
            yield
        finally:
            if before is None:
                del self.asked[thread]
            else:
                self.asked[thread] = Asked(before.group, before.name, monotonic(), before.is_listed)
        if self._hung:
            self._forget(group, name)

    def check(self, group: Group | Table, name: str) -> None:
        """Raises TooSlow where a child hangs and is left alone."""
        hang = self._hung[group].get(name) if self._hung and group in self._hung else None
        if hang is not None and monotonic() < hang.until:
            raise TooSlow(f"it did not answer within {hang.seconds:.3g} s, and is left alone for a while")

    def declare(self, asked: Asked) -> None:
        """Take down that a child hangs, unless it has answered meanwhile."""
        now = monotonic()
        with self._lock:
            if asked not in self.asked.values():
                return
            hung = self._hung.setdefault(asked.group, {})
            times = hung[asked.name].times + 1 if asked.name in hung else 1
            until = now + min(PAUSE * 2 ** (times - 1), LONGEST_PAUSE)
            hung[asked.name] = Hang(times, now - asked.since, until)
            self._next = min(self._next, until)
            self.changes += 1

    def look(self) -> int:
        """How often a child has come or gone by now, the ends of pauses included."""
        if monotonic() >= self._next:
            with self._lock:
                now = monotonic()
                coming = [hang.until for hung in self._hung.values() for hang in hung.values() if hang.until > now]
                self._next = min(coming, default=float("inf"))
                self.changes += 1
        return self.changes

    def _forget(self, group: Group | Table, name: str) -> None:
        """Take down that a child answers."""
        with self._lock:
            hung = self._hung.get(group, {})
            if hung.pop(name, None) is not None:
                self.changes += 1
            if not hung:
                self._hung.pop(group, None)


shared = Hangs()
"""Those of this process."""
