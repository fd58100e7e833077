"""Databases that another program has locked: a request gets a 503 soon, and does not wait for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType

from sqlalchemy.exc import TimeoutError as NoConnection

from ...nodes import Busy

PATIENCE = 0.5
"""Seconds for which a question waits for a program that writes. A commit takes milliseconds."""
LOCKED = "the database is locked by a program that writes to it; ask again later"
CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
PRIMARY = 0xFF
"""The bits of an error of SQLite that give its kind."""
STATES = MappingProxyType(
    {
        "55P03": LOCKED,
        "57014": LOCKED,
        "40001": LOCKED,
        "40P01": LOCKED,
        "53300": "the database has no connection to spare; ask again later",
        "57P01": "the database is being shut down; ask again later",
        "57P02": "the database is being restarted; ask again later",
        "57P03": "the database is being started; ask again later",
    }
)
"""Errors of PostgreSQL that pass: a lock, a statement that took too long, two that were in each
other's way, and a server that takes no connections now."""
TABLES = MappingProxyType(
    {
        "Could not set lock on file": (
            "its table is in a DuckDB file that another process has open, and DuckDB lets in one process at a time; "
            "ask again when it has ended, or let one process write and serve: tiled-zarr serve config"
        ),
        "database is locked": LOCKED,
    }
)
"""What the drivers of tables say, whose errors have no codes for it."""


@contextmanager
def passing() -> Iterator[None]:
    """While it is entered, the error of a database that is locked is raised as Busy."""
    try:
        yield
    except Exception as error:
        said = lock_in(error)
        if said is None:
            raise
        raise Busy(said) from error


def lock_in(error: Exception) -> str | None:
    """What to tell users of an error that passes when others let a database go; None for any other."""
    if isinstance(error, NoConnection):
        return STATES["53300"]
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        return LOCKED if getattr(cause, "sqlite_errorcode", 0) & PRIMARY in CODES else None
    return STATES.get(str(getattr(cause, "sqlstate", None))) or _in_table(error)


def _in_table(error: Exception) -> str | None:
    """The same of an error of ADBC, which is known by its text."""
    if not type(error).__module__.startswith("adbc_driver_manager"):
        return None
    said = str(error)
    return next((advice for words, advice in TABLES.items() if words in said), None)
