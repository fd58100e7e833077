"""Revisions: short texts that change whenever the data behind a node may have changed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import cache, partial

LAUNCH = "TILED_ZARR_LAUNCH"


@cache
def launch_nonce() -> str:
    """A text drawn once a launch, handed to worker processes through the environment: the revision of data in memory."""
    return os.environ.get(LAUNCH) or os.environ.setdefault(LAUNCH, secrets.token_hex(8))


def file_revision(path: str | os.PathLike[str] | int) -> str:
    """Size, modification time in nanoseconds and inode of a file or folder, which may be open. Raises OSError where there is none."""
    return _described(os.stat(path))  # noqa: PTH116 - a Path would be built on every request


def settled_revision(path: str | os.PathLike[str], moment: int) -> str | None:
    """The same, or None where the file was modified after a moment in nanoseconds. Raises OSError where there is none."""
    status = os.stat(path)  # noqa: PTH116 - a Path would be built on every request
    return _described(status) if status.st_mtime_ns < moment else None


def _described(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def of_file(path: str | os.PathLike[str]) -> Callable[[], str]:
    """The revision function of a node that is read from one file."""
    return partial(file_revision, os.fspath(path))
