"""The folder of finished levels: they outlive the server, and workers and servers share it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from tempfile import mkstemp

from .drafts import opened, rows_done

SUFFIX = ".levels"
WRITING = ".writing"
WITHOUT_CHECKSUMS = ".levels.npy"
"""Suffix of files that versions without checksums wrote; we remove them."""
STALE_SECONDS = 24 * 3600
"""Age at which we remove a draft that nobody goes on with.

On a file system without locks its server must be gone by then: a pass over 20 GB takes minutes.
"""


class Folder:
    """Files of levels by name. Raises OSError on construction if no file can be made there.

    A process holds a lock (flock) on its drafts while it lives, and a draft has the name of its plane.
    So of several workers one makes a plane, and one that starts goes on with the draft of another
    that has ended. It removes drafts without a checkpoint, or a day old, that nobody holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        file, probe = self._unique()
        file.close()
        probe.unlink(missing_ok=True)
        self.sweep()

    def file(self, name: str) -> Path:
        """The path of a plane's file: a hash of `name`, with SUFFIX."""
        return self.path / (blake2b(name.encode(errors="surrogatepass"), digest_size=16).hexdigest() + SUFFIX)

    def remove(self, name: str) -> None:
        """Remove the file of a plane; a failure is ignored."""
        with suppress(OSError):
            self.file(name).unlink(missing_ok=True)

    def create(self, name: str) -> tuple[FileIO, Path] | None:
        """The draft of a plane, locked; None if another process has locked it. Raises OSError.

        Without locks it is a new file, which nobody goes on with.
        """
        path = self.file(name).with_suffix(WRITING)
        while True:
            file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600), "r+b")
            is_ours = _lock(file)
            if is_ours is None:
                file.close()
                return self._unique()
            if not is_ours:
                file.close()
                return None
            # between open and flock another process may have finished or removed the file
            if _is_at(file, path):
                return file, path
            file.close()

    def _unique(self) -> tuple[FileIO, Path]:
        descriptor, name = mkstemp(suffix=WRITING, dir=self.path)
        return FileIO(descriptor, "r+b"), Path(name)

    def sweep(self) -> None:
        """Remove drafts that nobody can go on with, and the files of versions without checksums."""
        with suppress(OSError):
            for entry in list(os.scandir(self.path)):
                if entry.name.endswith(WITHOUT_CHECKSUMS):
                    Path(entry.path).unlink(missing_ok=True)
                elif entry.name.endswith(WRITING):
                    _removed(Path(entry.path), _is_useless)

    def trim(self, nbytes: int, but: str) -> None:
        """Remove the files used longest ago until at most `nbytes` are left.

        Drafts count, except that of the plane `but`; those that somebody makes stay.
        """
        own = self.file(but).with_suffix(WRITING).name
        with suppress(OSError):
            kinds = (SUFFIX, WRITING)
            found = [(entry.stat(), entry.path) for entry in os.scandir(self.path) if entry.name.endswith(kinds) and entry.name != own]
            total = sum(status.st_size for status, _ in found)
            for status, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
                if total <= nbytes:
                    return
                if path.endswith(SUFFIX):
                    Path(path).unlink(missing_ok=True)
                elif not _removed(Path(path), lambda _: True):
                    continue
                total -= status.st_size


def _lock(file: FileIO) -> bool | None:
    """True if we hold the file's lock now; None if the file system has no locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(file: FileIO, path: Path) -> bool:
    """Whether an open file still has this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _is_useless(file: FileIO) -> bool:
    """Whether nobody goes on with a draft: it has no checkpoint, or is old."""
    return _is_old(file) or rows_done(file) == 0


def _is_old(file: FileIO) -> bool:
    return time.time() - os.fstat(file.fileno()).st_mtime > STALE_SECONDS


def _removed(path: Path, is_wanted: Callable[[FileIO], bool]) -> bool:
    """Whether a draft was removed: only if nobody holds its lock and `is_wanted(file)` says so.

    Without locks only an old one is.
    """
    with suppress(OSError), opened(path, os.O_RDWR) as file:
        is_ours = _lock(file)
        if (is_ours is None and _is_old(file)) or (is_ours and is_wanted(file)):
            path.unlink(missing_ok=True)
            return True
    return False
