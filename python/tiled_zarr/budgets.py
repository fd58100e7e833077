"""A budget of decoded bytes: how much may be in memory at once for all who decode something for a request.

The server makes one and lends it to its worker threads. What needs more memory than the chunk that it reads for (a file that can only be
decoded whole, a row index) asks for it with `hold`; in a thread without a budget that costs nothing and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Condition, Lock, get_ident
from time import monotonic

from .nodes import Busy, TooLarge

MIB = 2**20


class Budget:
    """Decoded bytes that may be in memory at once, given out in the order of asking; nobody waits longer than `patience` seconds.

    A thread that holds some already gets more past the queue: those ahead of it may be waiting for what it holds.
    """

    def __init__(self, nbytes: int, patience: float) -> None:
        self.nbytes = nbytes
        self.free = nbytes
        self.patience = patience
        self._turn = Lock()
        self._lock = Lock()
        self._freed = Condition(self._lock)
        self._waiting = 0
        self._held: dict[int, int] = {}

    @contextmanager
    def hold(self, nbytes: int) -> Iterator[None]:
        """Have this thread hold so many bytes more for a while. Blocks. Raises TooLarge, and Busy where they do not come free in time."""
        if not self.take_free(nbytes):
            self.take(nbytes)
        try:
            yield
        finally:
            self.give_back(nbytes)

    def take_free(self, nbytes: int) -> bool:
        """Have this thread hold so many bytes more if they are free and nobody waits; whether it does."""
        with self._lock:
            if self._waiting or self.free < nbytes:
                return False
            self._take(nbytes)
            return True

    def take(self, nbytes: int) -> None:
        """Have this thread hold so many bytes more. Blocks. Raises TooLarge, and Busy where they do not come free in time."""
        held = self._held.get(get_ident(), 0)
        if held + nbytes > self.nbytes:
            raise TooLarge(
                f"this takes {-(-(held + nbytes) // MIB):,} MiB of memory at once, and a request may take {self.nbytes // MIB:,} MiB; "
                "raise the setting in_flight"
            )
        with self._lock:
            self._waiting += 1
        try:
            self._take_later(nbytes, monotonic() + self.patience, is_first=held > 0)
        finally:
            with self._lock:
                self._waiting -= 1

    def give_back(self, nbytes: int) -> None:
        """Have this thread hold so many bytes less."""
        self._free(get_ident(), nbytes)

    @property
    def rest(self) -> int:
        """Bytes that this thread may ask for at most."""
        return self.nbytes - self._held.get(get_ident(), 0)

    def forget(self, thread: int) -> None:
        """Give back what a thread holds that was given up."""
        self._free(thread, self.nbytes)

    def _take_later(self, nbytes: int, end: float, *, is_first: bool) -> None:
        if is_first:
            self._wait_for(nbytes, end)
        elif self._turn.acquire(timeout=self.patience):
            try:
                self._wait_for(nbytes, end)
            finally:
                self._turn.release()
        else:
            self._refuse()

    def _wait_for(self, nbytes: int, end: float) -> None:
        with self._freed:
            if self.free < nbytes and not self._freed.wait_for(lambda: self.free >= nbytes, end - monotonic()):
                self._refuse()
            self._take(nbytes)

    def _take(self, nbytes: int) -> None:
        thread = get_ident()
        self.free -= nbytes
        self._held[thread] = self._held.get(thread, 0) + nbytes

    def _refuse(self) -> None:
        raise Busy(f"other requests took all memory for {self.patience:g} s; ask again later")

    def _free(self, thread: int, nbytes: int) -> None:
        with self._lock:
            held = self._held.pop(thread, 0)
            if held > nbytes:
                self._held[thread] = held - nbytes
            self.free += min(held, nbytes)
            if self._waiting:
                self._freed.notify_all()


_LENT: ContextVar[Budget | None] = ContextVar("budget", default=None)
"""The budget of this thread: each thread has a context of its own."""


def lend(budget: Budget | None) -> None:
    """Have this thread, from now on, take memory out of a budget."""
    _LENT.set(budget)


@contextmanager
def hold(nbytes: int, *, alone: bool = False) -> Iterator[None]:
    """Hold so many bytes more of this thread's budget, if it has one. Blocks; raises TooLarge and Busy.

    `alone` is for what has to be made whatever it takes: what is larger than the budget then waits until it has all of it.
    """
    budget = _LENT.get()
    if budget is None or not nbytes:
        yield
        return
    with budget.hold(min(nbytes, budget.rest) if alone else nbytes):
        yield
