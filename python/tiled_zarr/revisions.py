"""Revisions: short texts that change whenever the data behind a node may have changed.

The revision of a file is `size-mtime<ctime-inode>`. What stands in angle brackets differs between
two machines with copies of the same file, so `shared` leaves it out for tags of servers that are
declared to be replicas (the setting `instance`). Everything kept in a process compares all four.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from hashlib import blake2b

LAUNCH = "_TILED_ZARR_LAUNCH"
"""The variable that hands the revision of data in memory to child processes. It is no setting."""

TICK = 12_000_000
"""Nanoseconds for which the clock of file modification times may not advance.

Local file systems use a clock that ticks every hundredth of a second; we add a fifth.
"""
LOCAL = re.compile(r"<[0-9a-f]+-[0-9a-f]+>")
"""The part of a file's revision that a copy of the file does not share."""


@cache
def launch_nonce() -> str:
    """The revision of data in memory: the setting `instance`, or a random text for each launch.

    Worker processes inherit it through the environment.
    """
    return os.environ.get(LAUNCH) or os.environ.setdefault(LAUNCH, secrets.token_hex(8))


def relaunch(nonce: str | None = None) -> str:
    """Set what `launch_nonce` returns here and in child processes: `nonce`, or a new text."""
    os.environ[LAUNCH] = nonce or secrets.token_hex(8)
    launch_nonce.cache_clear()
    return os.environ[LAUNCH]


def file_revision(path: str | os.PathLike[str] | int) -> str:
    """Size, times of modification and of status, and inode of a file or folder, which may be open.

    Raises OSError if it does not exist.
    """
    return _described(os.stat(path))  # noqa: PTH116 - a Path would be built on every request


def steady_revision(path: str | os.PathLike[str] | int) -> str:
    """The same revision, after waiting if the file was changed very recently.

    Until its clock advances, another change could leave both times as they are. Raises OSError if
    the file does not exist.
    """
    status = os.stat(path)  # noqa: PTH116
    now = time.time_ns()
    ages = [age for moment in (status.st_mtime_ns, status.st_ctime_ns) if 0 <= (age := now - moment) < TICK]
    if ages:
        time.sleep((TICK - min(ages)) / 1e9)
        status = os.stat(path)  # noqa: PTH116
    return _described(status)


def settled_revision(path: str | os.PathLike[str], moment: int) -> str | None:
    """The same revision; None if the file was modified after `moment`, in nanoseconds.

    Raises OSError if the file does not exist.
    """
    status = os.stat(path)  # noqa: PTH116 - a Path would be built on every request
    return _described(status) if status.st_mtime_ns < moment else None


def _described(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}<{status.st_ctime_ns:x}-{status.st_ino:x}>"


def shared(revision: str) -> str:
    """A revision as tags of replicas have it: of each file only size and time of modification.

    >>> shared("3-17e<1802-a1>+4-17f<1803-a2>")
    '3-17e+4-17f'
    """
    return LOCAL.sub("", revision)


def joined(revisions: Sequence[str]) -> str:
    """One revision for several files, of a length that does not depend on their number.

    >>> first, copied = joined(["3-17e<1802-a1>", "4"]), joined(["3-17e<1902-b1>", "4"])
    >>> first == copied, shared(first) == shared(copied)
    (False, True)
    """
    if len(revisions) == 1:
        return revisions[0]
    whole = "+".join(revisions)
    return f"{_digest(shared(whole))}<{_digest(whole)}-0>"


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def of_file(path: str | os.PathLike[str]) -> Callable[[], str]:
    """The revision function of a node that is read from one file."""
    return partial(file_revision, os.fspath(path))
