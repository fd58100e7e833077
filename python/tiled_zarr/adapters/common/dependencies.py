"""Other files on which a node depends; the node is opened again when one of them has changed.

An adapter notes them while it opens the node. The cache that keeps the node asks whether they are
unchanged.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from ...revisions import file_revision

SHARE = 20
"""Checking the files may take at most one part in this many of the time.

Checking 10,000 files takes 15 ms, so we do it 3 times a second.
"""

_NOTED: ContextVar[dict[str, str] | None] = ContextVar("dependencies", default=None)


def note(path: str, revision: str) -> None:
    """Note another file on which the node that is being opened depends.

    Its revision is "" if it does not exist.
    """
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
    """The revision of a file; "" if it does not exist or cannot be examined."""
    try:
        return file_revision(path)
    except OSError:
        return ""


class Dependencies:
    """Files, each with its revision at one moment."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._trusted = float("-inf")
        """Until when, in monotonic seconds, the last look counts."""

    @property
    def paths(self) -> Collection[str]:
        """The paths of the files."""
        return self._files.keys()

    def are_current(self) -> bool:
        """Whether no file has changed.

        Checks the files again only if that takes a small part of the time (SHARE).
        """
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
