"""Files that a writer lets others read while it writes (SWMR: single writer, multiple readers), known by the flags in their superblock.

Such a file changes with every flush, twenty times a second, in ways that leave what was written before as it is: datasets grow, their
objects and names stay. So it counts as the same file until the writer closes it, and its data have no revision. Each look at a dataset
asks the library anew (H5Drefresh), since neither size nor time of the file need change when a dataset grows inside what is allocated.
https://support.hdfgroup.org/documentation/hdf5/latest/_s_w_m_r_t_n.html, _f_m_t3.html (superblock, version 3)
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
from ..common.snapshot import Snapshot

SIGNATURE = b"\x89HDF\r\n\x1a\n"
VERSION, FLAGS = 8, 11
"""Bytes of the superblock. Only its version 3 has these flags."""
SWMR = 0b101
"""Open for writing, and for others to read."""
LAST_START = 1 << 20
"""A superblock lies at byte 0, or behind a user block, whose size is a power of two from 512 on; larger ones are not looked behind."""
QUIET_SECONDS = 600
"""A writer that died leaves the flags. What nobody has written for so long is read as a file that stands still, until it is written."""
PREFIX = "swmr-"


@dataclass(frozen=True, slots=True)
class Growing(Snapshot):
    """A file while its SWMR writer has it open; its nodes have no revision."""

    @property
    def revision(self) -> Callable[[], str | None]:
        """The revision function of nodes made from the file: nobody can tell when the data change."""
        return live

    def check(self, opened: str | int | None = None) -> None:
        """Raises Changed if the writer has closed the file or another file lies there, OSError if there is none."""
        if self._now(opened) != self.taken:
            raise Changed(f"{os.path.basename(self.path)!r} is no longer being written; ask again")  # noqa: PTH119 - a text

    def stands(self) -> bool:
        """Whether the writer still has the file open."""
        try:
            return self._now(None) == self.taken
        except OSError:
            return False

    def _now(self, opened: str | int | None) -> str | None:
        if isinstance(opened, int):
            return growing_revision(opened)
        with self.fence.opened(self.path if opened is None else opened) as file:
            return growing_revision(file.fileno())


def snapshot_of(path: str | os.PathLike[str], fence: Fence | None = None, resources: Resources | None = None) -> Snapshot:
    """A file, behind a fence or the one in force, as it is or as it grows. Raises OSError if there is none, Damaged if it is refused."""
    fence = fence or fences.around(path)
    with fence.opened(path) as file:
        growing = growing_revision(file.fileno())
        if growing is not None:
            return Growing(os.fspath(path), growing, fence, given=resources)
        return Snapshot(os.fspath(path), file_revision(file.fileno()), fence, given=resources)


def restored(path: str, taken: str, fence: Fence, resources: Resources | None = None) -> Snapshot:
    """The snapshot of which these are the parts."""
    return (Growing if taken.startswith(PREFIX) else Snapshot)(path, taken, fence, given=resources)


def growing_revision(descriptor: int) -> str | None:
    """A text that stays the same while a SWMR writer has an open file open; None if none has."""
    status = os.fstat(descriptor)
    if time.time() - status.st_mtime > QUIET_SECONDS or not _lets_read(descriptor):
        return None
    return f"{PREFIX}{status.st_dev:x}-{status.st_ino:x}"


def _lets_read(descriptor: int) -> bool:
    """Whether the superblock of an open file has the flags of a SWMR writer."""
    start = 0
    while start <= LAST_START:
        head = os.pread(descriptor, FLAGS + 1, start)
        if head.startswith(SIGNATURE) or len(head) <= FLAGS:
            break
        start = max(512, 2 * start)
    return head.startswith(SIGNATURE) and len(head) > FLAGS and head[VERSION] == 3 and head[FLAGS] & SWMR == SWMR
