"""The folder of finished levels: they outlive the server, and workers and hosts share it."""

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

from ...caches.forgetful import Forgetful
from ...storage.maker import maker
from .drafts import rows_done
from .files import GONE, opened, remove
from .kept import ROOT, sizes

SUFFIX = ".ome.zarr"
WRITING = ".writing"
MADE = ".part"
"""Suffix of the folder of a store that a draft of the same name is becoming."""
OLD = (".levels", ".levels.npy")
"""Suffixes of files that older versions wrote; we remove them."""
STALE_SECONDS = 24 * 3600
"""Age at which we remove a draft that nobody goes on with.

On a file system without locks its server must be gone by then: a pass over 20 GB takes minutes.
"""
SILENT_SECONDS = 600
"""Age of a draft that counts as that of a dead host, although it is locked.

A file system of several hosts may keep the lock of a host that has gone. A pass writes every 8 MiB.
"""

MOST_KNOWN = 100_000
"""Stores whose sizes we remember, at most; when full, we forget them all and look again."""


class Folder:
    """Stores of planes by name. Raises OSError on construction if no file can be made there.

    A process holds a lock (flock) on its drafts while it lives, and a draft has the name of its plane.
    So of several workers one makes a plane, and one that starts goes on with the draft of another
    that has ended. It removes drafts without a checkpoint, or a day old, that nobody holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._nbytes: Forgetful[tuple[Path, int], int] = Forgetful(MOST_KNOWN)
        """The bytes of stores, which do not change, by path and inode."""
        path.mkdir(parents=True, exist_ok=True)
        file, probe = self._unique()
        file.close()
        probe.unlink(missing_ok=True)
        self.sweep()

    def store(self, name: str) -> Path:
        """The path of a plane's store: a hash of its name and of this version, with SUFFIX."""
        return self._path(name, SUFFIX)

    def made(self, draft: Path) -> Path:
        """The folder of the store that a draft is becoming."""
        return draft.with_suffix(MADE)

    def remove(self, name: str) -> None:
        """Remove the store of a plane; a failure is ignored."""
        with suppress(OSError):
            remove(self.store(name))

    def discard(self, file: FileIO, draft: Path) -> None:
        """Remove a draft that we have locked. Raises OSError."""
        remove(self.made(draft))
        draft.unlink(missing_ok=True)
        file.close()

    def create(self, name: str) -> tuple[FileIO, Path] | None:
        """The draft of a plane, locked; None if another process has locked it. Raises OSError.

        Without locks, or if the lock is that of a dead host, it is a new file, which nobody goes on
        with.
        """
        path = self._path(name, WRITING)
        while True:
            file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600), "r+b")
            is_ours = _lock(file)
            if is_ours is None or (not is_ours and _age(file) > SILENT_SECONDS):
                file.close()
                return self._unique()
            if not is_ours:
                file.close()
                return None
            # between open and flock another process may have finished or removed the file
            if _is_at(file, path):
                return file, path
            file.close()

    def _path(self, name: str, suffix: str) -> Path:
        text = f"{maker()}|{name}".encode(errors="surrogatepass")
        return self.path / (blake2b(text, digest_size=16).hexdigest() + suffix)

    def _unique(self) -> tuple[FileIO, Path]:
        descriptor, name = mkstemp(suffix=WRITING, dir=self.path)
        return FileIO(descriptor, "r+b"), Path(name)

    def sweep(self) -> None:
        """Remove drafts that nobody can go on with, and what older versions wrote."""
        with suppress(OSError):
            for entry in list(os.scandir(self.path)):
                path = Path(entry.path)
                if entry.name.endswith(WRITING):
                    self._removed(path, _is_useless)
                elif entry.name.endswith((*OLD, GONE)) or (path.suffix == MADE and not path.with_suffix(WRITING).exists()):
                    with suppress(OSError):
                        remove(path)

    def trim(self, nbytes: int, but: str) -> None:
        """Remove the stores used longest ago until at most `nbytes` are left.

        We make no links, so we leave links alone, and do not count what they lead to.

        Drafts count, except that of the plane `but`; those that somebody makes stay, and so does the
        store of that plane. What has gone, or cannot be removed, keeps nothing else from it.
        """
        own, found = self._path(but, WRITING), []
        with suppress(OSError):
            for path in self.path.iterdir():
                if path.name.endswith((SUFFIX, WRITING)) and path != own and not path.is_symlink():
                    with suppress(OSError):
                        found.append(self._use(path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= nbytes:
                return
            if path != self.store(but) and self._trimmed(path):
                total -= size

    def _trimmed(self, path: Path) -> bool:
        """Whether a store or a draft was removed to make room."""
        if path.name.endswith(WRITING):
            return self._removed(path, lambda _: True)
        with suppress(OSError):
            remove(path)
            return True
        return False

    def _use(self, path: Path) -> tuple[int, int, Path]:
        """When a store or a draft was used last, in nanoseconds, its bytes, and its path."""
        if path.name.endswith(WRITING):
            made = self.made(path)
            return path.stat().st_mtime_ns, path.stat().st_size + sum(sizes(made).values()), path
        known = path, path.stat().st_ino
        if known not in self._nbytes:
            self._nbytes[known] = sum(sizes(path).values())
        root = path / ROOT
        return (root if root.exists() else path).stat().st_mtime_ns, self._nbytes[known], path

    def _removed(self, path: Path, is_wanted: Callable[[FileIO], bool]) -> bool:
        """Whether a draft was removed: only if nobody holds its lock and `is_wanted(file)` says so.

        Without locks, or if somebody still holds one, only an old one is.
        """
        with suppress(OSError), opened(path, os.O_RDWR) as file:
            if is_wanted(file) if _lock(file) else _age(file) > STALE_SECONDS:
                self.discard(file, path)
                return True
        return False


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
    return _age(file) > STALE_SECONDS or rows_done(file) == 0


def _age(file: FileIO) -> float:
    """Seconds since an open file was written last."""
    return time.time() - os.fstat(file.fileno()).st_mtime
