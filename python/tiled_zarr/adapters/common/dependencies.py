"""Files on which a node depends besides the one that it was opened from: a node is opened again when one of them has changed.

An opener notes them while it opens; whoever keeps its node asks whether they still stand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from ...revisions import file_revision

SHARE = 20
"""Looking at the files may take one part in so many of the time: 10,000 files take 15 ms, and so are looked at 3 times a second."""

_NOTED: ContextVar[dict[str, str] | None] = ContextVar("dependencies", default=None)


def note(path: str, revision: str) -> None:
    """Tell who keeps the node that is being opened of another file, whose revision is "" where there is none."""
    noted = _NOTED.get()
    if noted is not None:
        noted[path] = revision


@contextmanager
def noted() -> Iterator[dict[str, str]]:
    """The files that are noted inside the block, with their revisions."""
    found: dict[str, str] = {}
    token = _NOTED.set(found)
    try:
        yield found
    finally:
        _NOTED.reset(token)


def revision_of(path: str | os.PathLike[str]) -> str:
    """The revision of a file; "" where there is none, or it cannot be looked at."""
    try:
        return file_revision(path)
    except OSError:
        return ""


class Dependencies:
    """Files with their revisions at one moment."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._trusted = float("-inf")
        """Until when, in monotonic seconds, the last look counts."""

    def stand(self) -> bool:
        """Whether all files are as they were. Looks at them again only if that takes a small part of the time."""
        if not self._files:
            return True
        start = time.monotonic()
        if start < self._trusted:
            return True
        if any(revision_of(path) != revision for path, revision in self._files.items()):
            return False
        now = time.monotonic()
        self._trusted = now + (SHARE - 1) * (now - start)
        return True
