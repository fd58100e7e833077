"""Open HDF5 files: at most one handle per path, all under one lock. Runs in helper processes.

The library shares one cache of metadata among all handles to an inode, so a file that was rewritten
must be closed everywhere before it is opened again. The one lock costs nothing, since the library
runs only one call at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from ...caches.recent import Recent
from ..common.extras import require
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot
from .blockfile import BlockFile, Blocks
from .growing import Growing
from .links import headers, locate

MOST_FILES = 16
MOST_DATASETS = 2
CHUNK_CACHE = 32 * 1024 * 1024
"""Bytes of decoded chunks that the library keeps for each of the last MOST_DATASETS datasets.

So a chunk that many regions touch is decoded once.
"""
SLOTS = 10007
"""Slots of the cache's hash table.

HDF5's manual advises a prime that is many times the number of chunks in the cache.
"""


BEING_WRITTEN = "file is already open for write"
"""The start of the library's error for a file with a writer's flag, even if the writer died."""


class Handle(NamedTuple):
    """An open file, and the revision that it had when it was opened.

    `source` is what the library reads if the file is an object in a store, else None.
    """

    taken: str
    file: Any
    source: BlockFile | None = None


class Files:
    """The files and datasets used last, kept open."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._handles: Recent[str, Handle] = Recent(MOST_FILES)
        self._datasets: Recent[tuple[str, str], Any] = Recent(MOST_DATASETS)
        self.blocks = Blocks()
        """The blocks of objects in stores."""

    @contextmanager
    def opened(self, snapshot: Snapshot) -> Iterator[Any]:
        """The `h5py.File` of a snapshot, for this thread alone.

        Raises Changed if the file has changed.
        """
        with self._lock, snapshot.unchanged():
            yield self._file(snapshot)

    @contextmanager
    def dataset(self, snapshot: Snapshot, where: str) -> Iterator[Any]:
        """The `h5py.Dataset` at a path inside the file, for this thread alone."""
        with self.opened(snapshot) as file:
            key = (snapshot.path, where)
            dataset = self._datasets.get(key, lambda: locate(file, where))
            if isinstance(snapshot, Growing):
                dataset.refresh()
            yield dataset

    @contextmanager
    def as_reader(self, snapshot: Snapshot) -> Iterator[Any]:
        """The file opened in SWMR mode, beside its writer, and closed after this block.

        Raises OSError if the writer does not allow readers, Changed if the file has changed.
        """
        with self._lock, snapshot.unchanged():
            self.close(snapshot.path)
            try:
                file = _opened(snapshot.path, swmr=True)
            except OSError:
                snapshot.check()
                raise
            with file:
                yield file

    def prefetch(self, snapshot: Snapshot, group: Any, names: Sequence[str]) -> None:
        """Have the headers of an open group's members read at once, if they are in a store."""
        handle = self._handles.peek(snapshot.path)
        if handle is not None and handle.source is not None:
            handle.source.prefetch(headers(group, names))

    def bytes_of(self, snapshot: Snapshot) -> Callable[[int, int], bytes] | None:
        """A function that reads bytes of an open file by offset and length.

        None for an object without a user block: then the library's offsets are right.
        """
        if not isinstance(snapshot, Ranged):
            return partial(_read_path, snapshot.path)
        with self.opened(snapshot) as file:
            return BlockFile(snapshot, self.blocks).at if file.userblock_size else None

    def close(self, path: str) -> None:
        """Close a file and every dataset opened from it."""
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
            handle = self._open(snapshot)
            for path, gone in self._handles.keep(snapshot.path, handle):
                self._closed(path, gone)
        return handle.file

    def _open(self, snapshot: Snapshot) -> Handle:
        if not isinstance(snapshot, Ranged):
            return Handle(snapshot.taken, _open(snapshot))
        source = BlockFile(snapshot, self.blocks)
        return Handle(snapshot.taken, _opened(source), source)

    def _closed(self, path: str, handle: Handle) -> None:
        """Close a file that is no longer kept, and forget its datasets."""
        for key in self._datasets:
            if key[0] == path:
                self._datasets.drop(key)
        handle.file.close()


def _open(snapshot: Snapshot) -> Any:
    """The file opened for reading, without a lock that would keep its writer out.

    A file that is flagged as being written opens only in SWMR mode, and only if its writer allows
    readers; the same holds if the writer died. We try SWMR for no other error: a SWMR reader takes
    a damaged block for one that is being written, and retries for hours.

    Raises Damaged if the fence refuses the path, such as a pipe, whose opening would never return,
    and Changed if a writer has just opened the file.
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


def _read_path(path: str, offset: int, nbytes: int) -> bytes:
    with Path(path).open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(nbytes)


def _opened(path: str | BlockFile, **options: Any) -> Any:
    h5py = require("h5py", "hdf5")
    with suppress(ModuleNotFoundError):
        import_module("hdf5plugin")
    return h5py.File(path, "r", locking=False, rdcc_nbytes=CHUNK_CACHE, rdcc_nslots=SLOTS, **options)


FILES = Files()
"""The open files of this process."""
