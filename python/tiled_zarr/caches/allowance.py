"""Dicts that share one bound on the number of their values.

Each open group keeps the nodes of its children in a dict of its own, so that a look-up costs as
much as in any dict, 30 ns without a lock. A bound for each group alone would be too small for one
group of 10,000 children and too large for 1,000 groups. So all groups of an application share an
`Allowance`. When their dicts hold more than `most` values, the dict that was added to longest ago
is cleared whole, then the next, until the rest fits. A dict that is garbage no longer counts.

The dict that was just added to goes last, and is cleared only if it alone is over the bound. So a
document of fewer than `most` nodes never clears what it has just opened.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import ref

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Counted(NamedTuple):
    """A dict that counts, and how many values it had when it was last added to."""

    share: ref[Share[Any, Any]]
    size: int


class Allowance:
    """At most `most` values in all dicts that `share` returns. Thread-safe.

    Nothing is destroyed while the lock is held, and what the garbage collector calls
    (`_dead.append`) takes no lock: either could wait for a lock whose holder waits for this one.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0
        """Values in all dicts, as of the last count."""
        self._dicts: OrderedDict[int, Counted] = OrderedDict()
        self._dead: deque[int] = deque()
        self._lock = Lock()

    def share(self) -> Share[Any, Any]:
        """A new dict that shares this bound."""
        return Share(self)

    def count(self, share: Share[Any, Any]) -> None:
        """Count a dict that has been added to, and clear others until all are within the bound."""
        with self._lock:
            self._bury()
            known = self._popped(id(share))
            own = self._counted(share) if known is None else known._replace(size=len(share))
            self._dicts[id(share)] = own
            self.total += own.size
            over = []
            while self.total > self.most:
                over.append(self._popped(next(iter(self._dicts))))
        for found in over:
            if found is not None and (cleared := found.share()) is not None:
                cleared.clear()

    def _counted(self, share: Share[Any, Any]) -> Counted:
        key = id(share)
        return Counted(ref(share, lambda _: self._dead.append(key)), len(share))

    def _bury(self) -> None:
        """Forget the dicts that are garbage, unless another one has the same address by now."""
        while self._dead:
            key = self._dead.popleft()
            found = self._dicts.get(key)
            if found is not None and found.share() is None:
                self._popped(key)

    def _popped(self, key: int) -> Counted | None:
        found = self._dicts.pop(key, None)
        self.total -= 0 if found is None else found.size
        return found


class Share(dict[K, V], Generic[K, V]):
    """A dict whose values count against an allowance, which may clear it at any time.

    As thread-safe as a dict.
    """

    __slots__ = ("__weakref__", "_allowance")

    def __init__(self, allowance: Allowance) -> None:
        super().__init__()
        self._allowance = allowance

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self._allowance.count(self)

    def peek(self, key: K) -> V | None:
        """The value if the dict has it, else None, as `Recent.peek`."""
        return self.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep a value, as `Recent.keep`."""
        self[key] = value

    def setdefault(self, key: K, value: V) -> V:
        """The value of a key; if it has none, this one from now on."""
        found = super().setdefault(key, value)
        if found is value:
            self._allowance.count(self)
        return found
