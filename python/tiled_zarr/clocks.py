"""Where the time of one request goes: to wait for a thread, to read the source, and to encode.

A worker thread sets the clock of the request that it works for, and the code that reads and encodes
adds to it. Without a clock, as in the event loop, nothing is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PARTS = ("queue", "read", "encode")


class Clock:
    """The seconds that one request has waited (`queue`), read and encoded; 0 if it has not."""

    __slots__ = PARTS

    def __init__(self) -> None:
        self.queue = 0.0
        self.read = 0.0
        self.encode = 0.0

    def parts(self) -> list[tuple[str, float]]:
        """The names and seconds of the parts that took any time."""
        return [(name, seconds) for name in PARTS if (seconds := getattr(self, name)) > 0]

    def reading(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `read` returns; its time counts as reading. Raises what it raises."""
        start = perf_counter()
        try:
            return read(*args, **kwargs)
        finally:
            self.read += perf_counter() - start

    def encoding(self, encode: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `encode` returns; its time, without what it reads, counts as encoding."""
        start = perf_counter() - self.read
        try:
            return encode(*args, **kwargs)
        finally:
            self.encode += perf_counter() - start - self.read

    def measuring(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `make` returns, with this as the clock of the thread meanwhile."""
        token = CURRENT.set(self)
        try:
            return make(*args, **kwargs)
        finally:
            CURRENT.reset(token)


CURRENT: ContextVar[Clock | None] = ContextVar("clock", default=None)
"""The clock of the request that this thread works for; each thread has its own context."""
