"""A library that runs in helper processes: calls about files, each with a deadline.

A call has a deadline, so that no file can hang the server: OPEN_SECONDS for what reads headers,
READ_SECONDS for data.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from .pool import Pool

OPEN_SECONDS = 5.0
READ_SECONDS = 60.0


class Library:
    """Asks helpers for what the functions of one `module` do. The deadlines may be set at any time.

    The pool of helpers is made at the first call, and again at the first after `close`.
    """

    def __init__(self, module: str, name: str, *, open_timeout: float = OPEN_SECONDS, read_timeout: float = READ_SECONDS) -> None:
        self.module = module
        self.name = name
        self.open_timeout = open_timeout
        self.read_timeout = read_timeout
        self._pool: Pool | None = None
        self._lock = Lock()

    @property
    def pool(self) -> Pool:
        """The helpers."""
        if (made := self._pool) is not None:
            return made  # without the lock, which a fork in another thread might leave locked
        with self._lock:
            if self._pool is None:
                self._pool = Pool(self.module, self.name)
            return self._pool

    def answer_within(self, seconds: float) -> None:
        """Set deadlines below `seconds`, after which the server gives a reading thread up.

        So a file that hangs costs a helper, and no thread of the server.
        """
        self.open_timeout = min(OPEN_SECONDS, seconds / 5)
        self.read_timeout = 0.9 * seconds

    def header(self, path: str, revision: str, name: str, arguments: tuple[Any, ...]) -> Any:
        """What a function returns that reads headers of a file. Raises what Pool.call does."""
        return self._call(path, revision, name, arguments, self.open_timeout)

    def data(self, path: str, revision: str, name: str, arguments: tuple[Any, ...]) -> Any:
        """The same for one that reads data, or as much as if it did."""
        return self._call(path, revision, name, arguments, self.read_timeout)

    def close(self) -> None:
        """End the helpers; calls that they are in raise."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _call(self, path: str, revision: str, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        return self.pool.call(path, revision, name, arguments, seconds)
