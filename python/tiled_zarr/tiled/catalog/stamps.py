"""Stamps: whether anything was written to the database of a catalog, cheaply.

All that we know of a catalog is kept as long as its stamp is the same. What the stamp is depends on
the database:

- A file of SQLite: `PRAGMA data_version` on a connection of our own, which no transaction uses. It
  changes with each commit of any other connection, in any process, and takes some microseconds.
  The connection, and those of the engine, are made anew when the path has another file.
- SQLite in memory: the number of commits of the engine, which is the only one that can write.
- PostgreSQL: that number and the present period of `PERIOD` seconds. What this process writes is
  seen at once; what others write, in the next period.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

from sqlalchemy import event
from tiled.server.connection_pool import is_memory_sqlite

from ...nodes import Busy
from .locks import LOCKED, PATIENCE, lock_in, passing
from .replaced import file_at, follow

Stamp: TypeAlias = Callable[[], Hashable]

PERIOD = 1.0
"""Seconds after which we ask again what may have changed without our noticing."""
COMMITTED = "tiled_zarr.committed"
"""Under this key a connection notes that it has committed."""


def period() -> int:
    """The number of the present period."""
    return int(monotonic() / PERIOD)


def stamp_of(engine: Any) -> Stamp:
    """The stamp of the database of an asynchronous engine, one for all who ask for it."""
    known = stamps()
    found = known.get(engine.sync_engine)
    if found is None:
        found = known[engine.sync_engine] = _stamp(engine)
    return found


@cache
def stamps() -> WeakKeyDictionary[Any, Stamp]:
    """The stamps of the engines of this process."""
    return WeakKeyDictionary()


def _stamp(engine: Any) -> Stamp:
    file = file_of(engine)
    if file is not None:
        follow(engine, file)
        return Version(file)
    commits = Commits(engine)
    return commits if engine.dialect.name == "sqlite" else lambda: (commits.count, period())


def file_of(engine: Any) -> str | None:
    """The file of an SQLite database, which may be spelled as a URI; None for any other."""
    if engine.dialect.name != "sqlite" or is_memory_sqlite(engine.url):
        return None
    database = str(engine.url.database)
    return database if not database.startswith("file:") else sqlite_path(database)


def sqlite_path(uri: str) -> str:
    """The path in a URI of SQLite.

    >>> sqlite_path("file:/data/a%20b.db?mode=ro")
    '/data/a b.db'
    """
    return unquote(uri.removeprefix("file:").partition("?")[0])


class Commits:
    """Counts the commits of an engine: once before, and once after, when its connection is free.

    What is read between the two may be of before or of after, and is read again.
    """

    def __init__(self, engine: Any) -> None:
        self.count = 0
        event.listen(engine.sync_engine, "commit", self._begun)
        event.listen(engine.sync_engine, "checkin", self._ended)

    def __call__(self) -> int:
        """The number of commits so far."""
        return self.count

    def _begun(self, connection: Any) -> None:
        connection.info[COMMITTED] = True
        self.count += 1

    def _ended(self, _: Any, record: Any) -> None:
        if record.info.pop(COMMITTED, None):
            self.count += 1


class Version:
    """The version of an SQLite file, read on a connection of our own. Thread-safe.

    While another program has the file locked, nothing can tell whether it changed. One thread then
    waits for PATIENCE seconds, and all that came meanwhile give up with it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._renewals = 0
        self._refusals = 0

    def __call__(self) -> tuple[int, int]:
        """The version, which each commit of others changes. Raises Busy and sqlite3.Error."""
        refusals = self._refusals
        with self._lock:
            if self._refusals != refusals:
                raise Busy(LOCKED)
            try:
                return self._present()
            except Busy:
                self._refusals += 1
                raise

    def _present(self) -> tuple[int, int]:
        file = file_at(self._path)
        if file != self._file:
            self._close()
            self._file = file
        with passing():
            try:
                return self._read()
            except sqlite3.Error as error:
                if lock_in(error):
                    raise
                self._close()
                return self._read()

    def _read(self) -> tuple[int, int]:
        if self._connection is None:
            self._renewals += 1
            self._connection = sqlite3.connect(f"file:{quote(self._path)}?mode=ro", PATIENCE, uri=True, check_same_thread=False)
        return self._renewals, self._connection.execute("PRAGMA data_version").fetchone()[0]

    def _close(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None
