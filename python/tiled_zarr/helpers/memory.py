"""A bound to the memory that one call takes in a helper, whatever a file's filters make of its chunks."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATM = Path("/proc/self/statm")
"""Pages of this process; the sixth number is those of its own data: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html."""


def data_bytes() -> int:
    """Bytes of this process's own data; 0 without Linux's /proc."""
    try:
        return int(STATM.read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


@contextmanager
def at_most(nbytes: int) -> Iterator[None]:
    """Let this process take so many bytes of memory more for a while, and not more than it may; then allocations fail.

    Without Linux's /proc there is no such bound.
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
