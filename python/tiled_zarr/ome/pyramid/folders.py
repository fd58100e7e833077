"""The folder of finished levels: they outlive the server, and workers and servers share it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from tempfile import mkstemp

from .drafts import opened

SUFFIX = ".levels"
WRITING = ".writing"
WITHOUT_CHECKSUMS = ".levels.npy"
"""Suffix of files that versions without checksums wrote; we remove them."""
STALE_SECONDS = 24 * 3600
"""Age at which we remove a draft on a file system without locks.

Its server must be gone by then: a pass over 20 GB takes minutes.
"""


class Folder:
    """Files of levels by name. Raises OSError on construction if no file can be made there.

    A server holds a lock (flock) on its drafts while it lives. So a server that starts can remove
    the drafts of dead servers and leave those that are being written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        file, probe = self.create()
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

    def create(self) -> tuple[FileIO, Path]:
        """A new draft, locked. Raises OSError."""
        while True:
            descriptor, name = mkstemp(suffix=WRITING, dir=self.path)
            file = FileIO(descriptor, "r+b")
            # Between mkstemp and flock another server may have removed the file as a dead draft.
            if _lock(file) is not False and os.fstat(file.fileno()).st_nlink:
                return file, Path(name)
            file.close()

    def sweep(self) -> None:
        """Remove the drafts of dead servers, and the files of versions without checksums."""
        with suppress(OSError):
            for entry in list(os.scandir(self.path)):
                if entry.name.endswith(WITHOUT_CHECKSUMS):
                    Path(entry.path).unlink(missing_ok=True)
                elif entry.name.endswith(WRITING):
                    _remove_if_stale(Path(entry.path))

    def trim(self, nbytes: int) -> None:
        """Remove the files used longest ago until at most `nbytes` are left."""
        with suppress(OSError):
            found = [(entry.stat(), entry.path) for entry in os.scandir(self.path) if entry.name.endswith(SUFFIX)]
            total = sum(status.st_size for status, _ in found)
            for status, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
                if total <= nbytes:
                    return
                Path(path).unlink(missing_ok=True)
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


def _remove_if_stale(path: Path) -> None:
    """Remove a draft if no server holds its lock (or, without locks, if it is old)."""
    with suppress(OSError), opened(path, os.O_RDWR) as file:
        is_ours = _lock(file)
        is_old = time.time() - os.fstat(file.fileno()).st_mtime > STALE_SECONDS
        if is_ours or (is_ours is None and is_old):
            path.unlink(missing_ok=True)
