"""Children that do not answer: who asks for which just now, which have hung, and how long they are left alone.

A thread that opens a child notes it here. Somebody else looks at these notes (in the server, `http/work`); where one is too old it
declares that the child hangs. From then on the child is refused without being asked, until it answers after all or its pause is over.
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
"""Seconds for which a child that hung is not asked again; twice as long after each time that it hangs once more."""
LONGEST_PAUSE = 3600.0


class Asked(NamedTuple):
    """A child that a thread asks for since a moment; `is_listed` says that a document is to tell of it, and can do without it."""

    group: Group
    name: str
    since: float
    is_listed: bool


@dataclass(frozen=True, slots=True)
class Hang:
    """How often a child has hung, for how many seconds, and until when it is left alone."""

    times: int
    seconds: float
    until: float


class Note:
    """What a thread asks for just now, and when a child that a document tells of last answered it."""

    __slots__ = ("answered", "asked")

    def __init__(self) -> None:
        self.asked: tuple[Group, str, float, bool] | None = None
        self.answered = 0.0


class Hangs:
    """The children that hang, of all trees of one application. Thread-safe; `changes` counts how often one has come or gone."""

    def __init__(self) -> None:
        self.changes = 0
        self._notes: dict[int, Note] = {}
        self._here = threading.local()
        self._hung: WeakKeyDictionary[object, dict[str, Hang]] = WeakKeyDictionary()
        self._next = float("inf")
        self._lock = Lock()

    def asked(self, thread: int) -> Asked | None:
        """What a thread asks for just now."""
        note = self._notes.get(thread)
        asked = None if note is None else note.asked
        return None if asked is None else Asked(*asked)

    def answered(self, thread: int) -> float:
        """When a thread last got an answer from a child that a document tells of: a document of many children takes its time."""
        note = self._notes.get(thread)
        return 0.0 if note is None else note.answered

    def child(self, group: Group, name: str, *, is_listed: bool) -> Node:
        """Open a child. Raises what the source raises, and TooSlow where the child hangs."""
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
        """Ask a child for what a document is to tell of it. Raises TooSlow where it hangs."""
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
        """The note of a thread that has none yet. Those of threads that have ended go when another one has the same identifier."""
        note = self._here.note = self._notes[get_ident()] = Note()
        return note

    def check(self, group: Group, name: str) -> None:
        """Raises TooSlow where a child hangs and is left alone."""
        hang = self._hung.get(key(group), {}).get(name)
        if hang is not None and monotonic() < hang.until:
            raise TooSlow(f"it did not answer within {hang.seconds:.3g} s, and is left alone for a while")

    def leaves_alone(self, group: Group, name: str) -> bool:
        """Whether a child hangs and is left alone."""
        hang = self._hung.get(key(group), {}).get(name)
        return hang is not None and monotonic() < hang.until

    def declare(self, asked: Asked) -> None:
        """Take down that a child hangs, unless it has answered meanwhile."""
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
        """How often a child has come or gone by now, the ends of pauses included."""
        if monotonic() >= self._next:
            with self._lock:
                now = monotonic()
                coming = [hang.until for hung in self._hung.values() for hang in hung.values() if hang.until > now]
                self._next = min(coming, default=float("inf"))
                self.changes += 1
        return self.changes

    def _forget(self, group: Group, name: str) -> None:
        """Take down that a child answers."""
        with self._lock:
            hung = self._hung.get(key(group), {})
            if hung.pop(name, None) is not None:
                self.changes += 1
            if not hung:
                self._hung.pop(key(group), None)


def key(group: Group) -> object:
    """What stands for a group in the table of hangs: groups that are made anew at each look share it."""
    return group if group.kin is None else group.kin


def answer(note: Note) -> None:
    """Note that a child has answered: a child that was being asked for meanwhile gets its time anew."""
    note.answered = now = monotonic()
    if note.asked is not None:
        group, name, _, is_listed = note.asked
        note.asked = (group, name, now, is_listed)
