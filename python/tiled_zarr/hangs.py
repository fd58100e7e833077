"""Tracks children that do not answer, and refuses them for a while without asking them.

Python cannot interrupt a thread that waits for a disk. So a thread that opens a child notes the
child and the time here. The server (`http/work`) looks at these notes from outside. If one is too
old, it declares that the child hangs. From then on requests for the child raise TooSlow at once,
until the child answers after all or its pause is over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, get_ident
from time import monotonic
from typing import NamedTuple
from weakref import WeakKeyDictionary

from .nodes import Group, Node, TooSlow

PAUSE = 60.0
"""Seconds for which a child that hung is not asked again; doubled each time it hangs again."""
LONGEST_PAUSE = 3600.0


class Asked(NamedTuple):
    """A child that a thread is waiting for, since a time in seconds of `monotonic`.

    `is_listed` says that the child is wanted for a document, which can also be made without it.
    """

    group: Group
    name: str
    since: float
    is_listed: bool


@dataclass(frozen=True, slots=True)
class Hang:
    """How many times a child has hung, for how many seconds last, and when its pause ends."""

    times: int
    seconds: float
    until: float


class Note:
    """The child that a thread is waiting for, and when one was last ready for a document."""

    __slots__ = ("answered", "asked")

    def __init__(self) -> None:
        self.asked: tuple[Group, str, float, bool] | None = None
        self.answered = 0.0


class Hangs:
    """The children that hang, in all trees of one application. Thread-safe.

    `changes` counts how many times a child has begun or ceased to hang.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._notes: dict[int, Note] = {}
        self._here = threading.local()
        self._hung: WeakKeyDictionary[object, dict[str, Hang]] = WeakKeyDictionary()
        self._next = float("inf")
        self._lock = Lock()

    def asked(self, thread: int) -> Asked | None:
        """The child that a thread is waiting for, or None."""
        note = self._notes.get(thread)
        asked = None if note is None else note.asked
        return None if asked is None else Asked(*asked)

    def answered(self, thread: int) -> float:
        """When a thread last got an answer from a child for a document, else 0.

        A document of many children takes long without any of them hanging.
        """
        note = self._notes.get(thread)
        return 0.0 if note is None else note.answered

    def child(self, group: Group, name: str, *, is_listed: bool) -> Node:
        """Open a child. Raises what the source raises, and TooSlow if the child hangs."""
        if self._hung:
            self.check(group, name)
        try:
            note: Note = self._here.note
        except AttributeError:
            note = self._first()
        before = note.asked
        note.asked = (group, name, monotonic(), is_listed)
        try:
            node = group.children[name]
        finally:
            note.asked = before
            if before is not None or is_listed:
                answer(note)
        if self._hung:
            self._forget(group, name)
        return node

    @contextmanager
    def asking(self, group: Group, name: str) -> Iterator[None]:
        """While it is entered, this thread asks a child for a document.

        Raises TooSlow if the child hangs.
        """
        if self._hung:
            self.check(group, name)
        note: Note = getattr(self._here, "note", None) or self._first()
        before = note.asked
        note.asked = (group, name, monotonic(), True)
        try:
            yield
        finally:
            note.asked = before
            answer(note)
        if self._hung:
            self._forget(group, name)

    def _first(self) -> Note:
        """The first note of this thread.

        The note of a thread that has ended is replaced when a new thread gets its identifier.
        """
        note = self._here.note = self._notes[get_ident()] = Note()
        return note

    def check(self, group: Group, name: str) -> None:
        """Raises TooSlow if a child hangs and its pause is not over."""
        hang = self._hung.get(key(group), {}).get(name)
        if hang is not None and monotonic() < hang.until:
            raise TooSlow(f"it did not answer within {hang.seconds:.3g} s; it is asked again after a pause")

    def leaves_alone(self, group: Group, name: str) -> bool:
        """True if a child hangs and its pause is not over."""
        hang = self._hung.get(key(group), {}).get(name)
        return hang is not None and monotonic() < hang.until

    def declare(self, asked: Asked) -> None:
        """Note that a child hangs, unless it has answered meanwhile."""
        now = monotonic()
        with self._lock:
            if all(note.asked != asked for note in self._notes.values()):
                return
            hung = self._hung.setdefault(key(asked.group), {})
            times = hung[asked.name].times + 1 if asked.name in hung else 1
            until = now + min(PAUSE * 2 ** (times - 1), LONGEST_PAUSE)
            hung[asked.name] = Hang(times, now - asked.since, until)
            self._next = min(self._next, until)
            self.changes += 1

    def look(self) -> int:
        """How many times a child has begun or ceased to hang by now; the end of a pause counts."""
        if monotonic() >= self._next:
            with self._lock:
                now = monotonic()
                coming = [hang.until for hung in self._hung.values() for hang in hung.values() if hang.until > now]
                self._next = min(coming, default=float("inf"))
                self.changes += 1
        return self.changes

    def _forget(self, group: Group, name: str) -> None:
        """Note that a child has answered."""
        with self._lock:
            hung = self._hung.get(key(group), {})
            if hung.pop(name, None) is not None:
                self.changes += 1
            if not hung:
                self._hung.pop(key(group), None)


def key(group: Group) -> object:
    """The key of a group in the table of hangs; new groups of the same thing share their `kin`."""
    return group if group.kin is None else group.kin


def answer(note: Note) -> None:
    """Note that a child has answered; the clock of an outer child being asked for starts again."""
    note.answered = now = monotonic()
    if note.asked is not None:
        group, name, _, is_listed = note.asked
        note.asked = (group, name, now, is_listed)
