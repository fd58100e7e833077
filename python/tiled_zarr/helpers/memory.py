"""Bounds the memory of one call in a helper, whatever size a file's filters decode to."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATM = Path("/proc/self/statm")
"""Sizes of this process in pages; the sixth is its data segment.

https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
"""


def data_bytes() -> int:
    """Bytes of this process's data segment; 0 without Linux's /proc."""
    try:
        return int(STATM.read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


@contextmanager
def at_most(nbytes: int) -> Iterator[None]:
    """Limit the growth of this process's memory to `nbytes` inside the block.

    Allocations beyond that fail. A limit that was lower before stays in force. Without Linux's
    /proc there is no bound.
    """
    before, now = resource.getrlimit(resource.RLIMIT_DATA), data_bytes()
    if not now:
        yield
        return
    limit = now + nbytes
    soft, hard = before
    resource.setrlimit(resource.RLIMIT_DATA, (limit if soft == resource.RLIM_INFINITY else min(soft, limit), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
