"""Looks at objects: size and version, as the store told them last, trusted for a time.

    not known ---look---> seen ---`life` seconds---> look again

One thread looks, and others wait for it. A listing is a look at all objects that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b
from math import inf
from time import monotonic
from typing import Any, NamedTuple

from ...caches.flight import Flights
from ...caches.recent import Recent
from ..common.faults import Refused

MOST_LOOKS = 65_536
"""Objects of a store whose last looks are kept, at most; one takes about 600 bytes."""


class Seen(NamedTuple):
    """A version of an object: its size in bytes, and what the store tells versions apart by.

    `e_tag` and `version` may be None, and `modified` is a text.
    """

    size: int
    e_tag: str | None
    version: str | None
    modified: str

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> Seen:
        """The version that obstore's description of an object tells."""
        return cls(int(meta["size"]), meta["e_tag"], meta["version"], meta["last_modified"].isoformat())

    @property
    def condition(self) -> str | None:
        """The ETag for `If-Match`, which compares strong ones alone; None if this is none.

        https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
        """
        return None if self.e_tag is None or self.e_tag.startswith("W/") else self.e_tag

    @property
    def revision(self) -> str:
        """The same for every process that sees this version; by ETag, else version, else time."""
        told = self.e_tag or self.version or self.modified
        return f"{self.size:x}-{blake2b(told.encode(), digest_size=12).hexdigest()}"


class Cell:
    """The last look at an object; `until` is when it is trusted no longer, in monotonic seconds.

    `seen` is None if there was no object, nobody may see it, or nobody has looked; `fault` says it
    then. `is_asked` is True while a thread looks for somebody who does not wait.
    """

    __slots__ = ("fault", "is_asked", "seen", "until")

    def __init__(self) -> None:
        self.seen: Seen | None = None
        self.fault: FileNotFoundError | Refused | None = None
        self.until = -inf
        self.is_asked = False


class Looks:
    """The last look at each object of a store. Thread-safe.

    `life` is how many seconds a look is trusted; `head(key)` asks the store, and raises
    FileNotFoundError if there is no such object, Refused if nobody may see it.
    """

    def __init__(self, head: Callable[[str], Seen], life: float, abandoned: Any = ()) -> None:
        self.life = life
        self.abandoned = abandoned
        self._head = head
        self._cells: Recent[str, Cell] = Recent(MOST_LOOKS)
        self._flights: Flights[str, Seen] = Flights(abandoned)

    def cell(self, key: str) -> Cell:
        """The cell of an object, for who asks without waiting."""
        return self._cells.get(key, Cell)

    def of(self, key: str) -> Seen:
        """The version of an object. Blocks if the last look is too long ago.

        Raises FileNotFoundError if there is none, Refused if nobody may see it.
        """
        cell = self.cell(key)
        if monotonic() >= cell.until:
            return self._flights.of(key, partial(self._look, key, cell))
        return told(cell)

    def note(self, key: str, seen: Seen, began: float) -> None:
        """Note what a listing told that was asked for at `began`."""
        cell = self.cell(key)
        if began + self.life > cell.until:
            cell.seen, cell.fault, cell.until = seen, None, began + self.life

    def distrust(self, key: str) -> None:
        """Look again when somebody asks: the object has another version."""
        cell = self.cell(key)
        cell.seen, cell.until = None, -inf

    def _look(self, key: str, cell: Cell) -> Seen:
        began = monotonic()
        if began >= cell.until:  # else another thread has looked just before
            try:
                cell.seen, cell.fault = self._head(key), None
            except (FileNotFoundError, Refused) as error:
                cell.seen, cell.fault = None, type(error)(str(error))  # a traceback would keep what was read
            cell.until = began + self.life
        return told(cell)


def told(cell: Cell) -> Seen:
    """What was seen. Raises the fault if it was nothing."""
    if cell.seen is not None:
        return cell.seen
    assert cell.fault is not None
    raise type(cell.fault)(str(cell.fault))
