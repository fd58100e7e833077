"""Open HDF5 files: at most one handle a path, under one lock. Runs in helper processes.

The library keeps one set of cached metadata for all handles of an inode, so a file that was rewritten must be closed everywhere before
it is opened again. It runs one call at a time anyway, so the one lock costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import RLock
from typing import Any, NamedTuple

from ...caches.recent import Recent
from ..common.extras import require
from ..common.snapshot import Snapshot
from .growing import Growing
from .links import locate

MOST_FILES = 16
MOST_DATASETS = 2
CHUNK_CACHE = 32 * 1024 * 1024
"""Decoded bytes of chunks kept for each of the datasets read last, so that one chunk that many regions touch is decoded once."""
SLOTS = 10007
"""A prime, many times the number of chunks in the cache, as the library's manual advises."""


BEING_WRITTEN = "file is already open for write"
"""How the library's error begins for a file with the flag of a writer, of one that died too."""


class Handle(NamedTuple):
    """An open file and the revision it was opened at."""

    taken: str
    file: Any


class Files:
    """The files and datasets used last, kept open."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._handles: Recent[str, Handle] = Recent(MOST_FILES)
        self._datasets: Recent[tuple[str, str], Any] = Recent(MOST_DATASETS)

    @contextmanager
    def opened(self, snapshot: Snapshot) -> Iterator[Any]:
        """The `h5py.File` of a snapshot, for this thread alone. Raises Changed where the file is another one by now."""
        with self._lock, snapshot.unchanged():
            yield self._file(snapshot)

    @contextmanager
    def dataset(self, snapshot: Snapshot, where: str) -> Iterator[Any]:
        """A `h5py.Dataset` by its path inside the file, for this thread alone."""
        with self.opened(snapshot) as file:
            key = (snapshot.path, where)
            dataset = self._datasets.get(key, lambda: locate(file, where))
            if isinstance(snapshot, Growing):
                dataset.refresh()
            yield dataset

    @contextmanager
    def as_reader(self, snapshot: Snapshot) -> Iterator[Any]:
        """A file, opened beside a writer for this use alone. Raises OSError if its writer lets nobody read, Changed if it has changed."""
        with self._lock, snapshot.unchanged():
            self.close(snapshot.path)
            try:
                file = _opened(snapshot.path, swmr=True)
            except OSError:
                snapshot.check()
                raise
            with file:
                yield file

    def close(self, path: str) -> None:
        """Close a file and all that was opened of it."""
        with self._lock:
            handle = self._handles.peek(path)
            if handle is not None:
                self._handles.drop(path)
                self._closed(path, handle)

    def close_all(self) -> None:
        """Close all files."""
        with self._lock:
            for path in self._handles:
                self.close(path)

    def _file(self, snapshot: Snapshot) -> Any:
        handle = self._handles.peek(snapshot.path)
        if handle is None or handle.taken != snapshot.taken:
            self.close(snapshot.path)
            handle = Handle(snapshot.taken, _open(snapshot))
            for path, gone in self._handles.keep(snapshot.path, handle):
                self._closed(path, gone)
        return handle.file

    def _closed(self, path: str, handle: Handle) -> None:
        """Close a file that is kept no longer, and forget the datasets of it."""
        for key in self._datasets:
            if key[0] == path:
                self._datasets.drop(key)
        handle.file.close()


def _open(snapshot: Snapshot) -> Any:
    """The file for reading, without a lock that would keep its writer out.

    A file that is being written opens only where its writer lets others read (SWMR), as one whose writer died. We try that for no other
    error: a reader that meets a damaged block then takes it for one being written, and tries again for hours. Raises Damaged for what the
    fence refuses, such as a pipe, whose opening would never return, and Changed for a file that a writer has opened just now.
    """
    snapshot.fence.check(snapshot.path)
    if isinstance(snapshot, Growing):
        return _opened(snapshot.path, swmr=True)
    try:
        return _opened(snapshot.path)
    except OSError as error:
        if BEING_WRITTEN not in str(error):
            raise
        snapshot.check()
        with suppress(OSError):
            return _opened(snapshot.path, swmr=True)
        raise


def _opened(path: str, **options: Any) -> Any:
    h5py = require("h5py", "hdf5")
    with suppress(ModuleNotFoundError):
        import_module("hdf5plugin")
    return h5py.File(path, "r", locking=False, rdcc_nbytes=CHUNK_CACHE, rdcc_nslots=SLOTS, **options)


FILES = Files()
"""The open files of this process."""
