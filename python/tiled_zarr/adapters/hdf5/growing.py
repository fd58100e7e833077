"""Files that a SWMR writer lets others read while it writes, recognized by flags in the superblock.

SWMR means single writer, multiple readers. Such a file changes with every flush, about twenty times
a second, but only by growth: datasets get longer, and objects and names stay. So we treat it as the
same file until the writer closes it, and its data have no revision. We refresh a dataset at each
look (H5Drefresh): when it grows inside space that is already allocated, neither the size nor the
time of the file need change.
https://support.hdfgroup.org/documentation/hdf5/latest/_s_w_m_r_t_n.html, _f_m_t3.html (superblock,
version 3)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ...nodes import Changed, live
from ...resources import Resources
from ...revisions import file_revision
from ..common import fences
from ..common.fences import Fence
from ..common.snapshot import Elsewhere, Snapshot

SIGNATURE = b"\x89HDF\r\n\x1a\n"
VERSION, FLAGS = 8, 11
"""Byte offsets in the superblock of its version and its flags. Only version 3 has these flags."""
SWMR = 0b101
"""The flags "open for writing" (1) and "open for SWMR" (4)."""
LAST_START = 1 << 20
"""The last byte offset at which we look for a superblock.

It lies at byte 0 or behind a user block, whose size is a power of two, 512 bytes or more.
"""
QUIET_SECONDS = 600
"""Seconds without a write after which we take the writer for dead.

A writer that dies leaves its flags set. Then the file is read as one that does not change, until
somebody writes to it.
"""
PREFIX = "swmr-"


@dataclass(frozen=True, slots=True)
class Growing(Snapshot):
    """A file while its SWMR writer has it open; its nodes have no revision."""

    @property
    def revision(self) -> Callable[[], str | None]:
        """The revision function of its nodes, which returns None: data may change any time."""
        return live

    def check(self, opened: str | int | None = None) -> None:
        """Check that the writer still has the file open.

        Raises Changed if it has closed the file or another file lies at the path, OSError if none
        does.
        """
        if self._now(opened) != self.taken:
            raise Changed(f"{os.path.basename(self.path)!r} is no longer being written; ask again")  # noqa: PTH119 - a text

    def is_current(self) -> bool:
        """True if the writer still has the file open."""
        try:
            return self._now(None) == self.taken
        except OSError:
            return False

    def _now(self, opened: str | int | None) -> str | None:
        if isinstance(opened, int):
            return growing_revision(opened)
        with self.fence.opened(self.path if opened is None else opened) as file:
            return growing_revision(file.fileno())


def snapshot_of(path: str | os.PathLike[str] | Elsewhere, fence: Fence | None = None, resources: Resources | None = None) -> Snapshot:
    """A snapshot of the file, Growing if a SWMR writer has it open; of what is elsewhere, its own.

    `fence` None means the fence in force. Raises OSError if there is no file, Damaged if the fence
    refuses it.
    """
    if isinstance(path, Elsewhere):
        return path.snapshot(resources)
    fence = fence or fences.around(path)
    with fence.opened(path) as file:
        growing = growing_revision(file.fileno())
        if growing is not None:
            return Growing(os.fspath(path), growing, fence, given=resources)
        return Snapshot(os.fspath(path), file_revision(file.fileno()), fence, given=resources)


def restored(path: str, taken: str, fence: Fence, resources: Resources | None = None) -> Snapshot:
    """The snapshot that has these parts."""
    return (Growing if taken.startswith(PREFIX) else Snapshot)(path, taken, fence, given=resources)


def growing_revision(descriptor: int) -> str | None:
    """A text that stays the same while a SWMR writer has the open file open; None if none has."""
    status = os.fstat(descriptor)
    if time.time() - status.st_mtime > QUIET_SECONDS or not _lets_read(descriptor):
        return None
    return f"{PREFIX}{status.st_dev:x}-{status.st_ino:x}"


def _lets_read(descriptor: int) -> bool:
    """True if the superblock of an open file has the flags of a SWMR writer."""
    start = 0
    while start <= LAST_START:
        head = os.pread(descriptor, FLAGS + 1, start)
        if head.startswith(SIGNATURE) or len(head) <= FLAGS:
            break
        start = max(512, 2 * start)
    return head.startswith(SIGNATURE) and len(head) > FLAGS and head[VERSION] == 3 and head[FLAGS] & SWMR == SWMR
