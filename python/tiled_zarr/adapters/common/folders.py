"""Revisions of folders: a listing of a folder is valid as long as its revision does not change."""

from __future__ import annotations

import os
import time

COARSEST_CLOCK = 2_000_000_000
"""Nanoseconds within which some file systems give two writes the same time."""


def folder_revision(path: str) -> str:
    """A text that changes whenever a folder's entries or rights change.

    Raises OSError if the folder does not exist or may not be examined.
    """
    return described(os.stat(path))  # noqa: PTH116 - called on every request


def described(status: os.stat_result) -> str:
    """The revision of a folder; a change of its rights shows only in the time of its status."""
    return f"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_ino:x}"


def is_settled(status: os.stat_result) -> bool:
    """Whether the latest change is old enough that another change would give another revision."""
    return time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > COARSEST_CLOCK
