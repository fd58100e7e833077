"""When a folder has changed: what was listed in it, or found to be in order, holds as long as its revision does."""

from __future__ import annotations

import os
import time

COARSEST_CLOCK = 2_000_000_000
"""Nanoseconds within which some file systems give two writes the same time."""


def folder_revision(path: str) -> str:
    """Changes whenever a folder's entries or rights do. Raises OSError if there is none, or it may not be looked at."""
    return described(os.stat(path))  # noqa: PTH116 - asked with every request


def described(status: os.stat_result) -> str:
    """The revision of a folder; its rights show in the time of its status alone."""
    return f"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_ino:x}"


def is_settled(status: os.stat_result) -> bool:
    """Whether the folder's last change is so long ago that another one would give it another revision."""
    return time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > COARSEST_CLOCK
