"""Revisions: short texts that change whenever the data behind a node may have changed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from functools import cache, partial

LAUNCH = "TILED_ZARR_LAUNCH"

TICK = 12_000_000
"""Nanoseconds for which the clock of file modification times may not advance.

Local file systems use a clock that ticks every hundredth of a second; we add a fifth.
"""


@cache
def launch_nonce() -> str:
    """The revision of data in memory: a random text drawn once per launch.

    Worker processes inherit it through the environment.
    """
    return os.environ.get(LAUNCH) or os.environ.setdefault(LAUNCH, secrets.token_hex(8))


def relaunch(nonce: str | None = None) -> str:
    """Set what `launch_nonce` returns here and in child processes: `nonce`, or a new text."""
    os.environ[LAUNCH] = nonce or secrets.token_hex(8)
    launch_nonce.cache_clear()
    return os.environ[LAUNCH]


def file_revision(path: str | os.PathLike[str] | int) -> str:
    """Size, modification time in nanoseconds and inode of a file or folder, which may be open.

    Raises OSError if it does not exist.
    """
    return _described(os.stat(path))  # noqa: PTH116 - a Path would be built on every request


def steady_revision(path: str | os.PathLike[str] | int) -> str:
    """The same revision, after waiting if the file was modified very recently.

    Until its clock advances, another change could leave the modification time as it is. Raises
    OSError if the file does not exist.
    """
    status = os.stat(path)  # noqa: PTH116
    if 0 <= (age := time.time_ns() - status.st_mtime_ns) < TICK:
        time.sleep((TICK - age) / 1e9)
        status = os.stat(path)  # noqa: PTH116
    return _described(status)


def settled_revision(path: str | os.PathLike[str], moment: int) -> str | None:
    """The same revision; None if the file was modified after `moment`, in nanoseconds.

    Raises OSError if the file does not exist.
    """
    status = os.stat(path)  # noqa: PTH116 - a Path would be built on every request
    return _described(status) if status.st_mtime_ns < moment else None


def _described(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def of_file(path: str | os.PathLike[str]) -> Callable[[], str]:
    """The revision function of a node that is read from one file."""
    return partial(file_revision, os.fspath(path))
