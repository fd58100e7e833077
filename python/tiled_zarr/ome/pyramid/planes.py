"""Exact upper levels of planes, kept: in memory, or in files that outlive the server.

A plane is what one place on the axes before y and x shows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from ...caches.forgetful import Forgetful
from ...caches.recent import Recent
from ...resources import Gauge, nbytes_of
from .drafts import Block, Draft, FileDraft, MemoryPlane, Plane, Spoiled, Unkept, load
from .folders import Folder
from .layouts import Layout, Tile

log = logging.getLogger(__name__)

BESIDE_A_FOLDER = 128 * 1024 * 1024
"""Bytes that planes may take in memory while their folder cannot be used: what is kept without a folder by default."""
PAUSE = 60
"""Seconds for which a folder that has failed is left alone."""
SILENCE = 3600
"""Seconds for which the same failure of a folder is not logged again."""
MOST_MISSING = 10_000
"""Names that are known to have no file; then all are forgotten, and looked for again."""
Clock: TypeAlias = Callable[[], float]


class Planes:
    """Finished planes by name, at most `max_bytes` of them, drafts included. Thread-safe.

    With a folder they are files there, renamed into place once they are whole, so that a crash leaves no half plane; the files of other
    servers are found too. While the folder cannot be used, planes of up to BESIDE_A_FOLDER bytes altogether are kept in memory. Raises
    OSError where a folder is given that cannot be used from the start.
    """

    def __init__(self, max_bytes: int, folder: Path | None = None, clock: Clock = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.folder = None if folder is None else Folder(folder)
        self._files: Recent[str, Plane] = Recent(max_bytes, nbytes_of)
        self._memory: Recent[str, Plane] = Recent(max_bytes if folder is None else min(max_bytes, BESIDE_A_FOLDER), nbytes_of)
        self._missing: Forgetful[str, None] = Forgetful(MOST_MISSING)
        self._clock = clock
        self._paused_until = float("-inf")
        self._told: dict[object, float] = {}
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all planes, in memory and in files."""
        return self._files.total + self._memory.total

    def gauge(self) -> Gauge:
        """Bytes of planes in memory, and how many there may be."""
        return Gauge("levels", self._memory.total, self._memory.most)

    def has(self, name: str, layout: Layout) -> bool:
        """Whether a finished plane is kept."""
        return self._find(name, layout) is not None

    def tile(self, name: str, layout: Layout, tile: Tile) -> Block | None:
        """A tile of a finished plane; None where it is not kept, or not as it was written: then the whole plane is thrown away."""
        plane = self._find(name, layout)
        if plane is None:
            return None
        try:
            return plane.tile(tile)
        except FileNotFoundError:  # another worker has made room
            self._forget(name)
        except (OSError, Spoiled) as error:
            log.warning("kept levels of %s are thrown away, to be made again: %s", name, error)
            self._forget(name)
        return None

    def draft(self, layout: Layout) -> Draft | None:
        """Room for a plane, on disk if there is a folder that works; None where there is no room."""
        return self._file_draft(layout) or self._memory_draft(layout)

    def keep(self, name: str, draft: Draft) -> None:
        """Show a plane that is finished to everyone. Raises Unkept where the disk fails."""
        plane = draft.finished(None if self.folder is None else self.folder.file(name))
        is_file = isinstance(draft, FileDraft)
        with self._lock:
            self._missing.pop(name, None)
            gone = (self._files if is_file else self._memory).keep(name, plane)
        if is_file:
            self._unlink(gone)

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes can be kept without giving up others."""
        shelf = self._memory if self.folder is None or self._is_paused else self._files
        with self._lock:
            return shelf.total + nbytes <= shelf.most

    def pause(self, error: Unkept | OSError) -> None:
        """Leave the folder alone for a while: an error of the disk has shown that it cannot be used. Logged once."""
        self._paused_until = self._clock() + PAUSE
        cause = error.__cause__ or error
        kind = getattr(cause, "errno", type(cause))
        if self._clock() - self._told.get(kind, float("-inf")) >= SILENCE:
            self._told[kind] = self._clock()
            log.warning(
                "levels_folder cannot be used now: %s; meanwhile up to %d MiB of levels are kept in memory, and the folder is tried "
                "again every %d seconds",
                cause,
                self._memory.most >> 20,
                PAUSE,
            )

    @property
    def _is_paused(self) -> bool:
        return self._clock() < self._paused_until

    def _find(self, name: str, layout: Layout) -> Plane | None:
        """A finished plane, or None."""
        with self._lock:
            plane = self._memory.peek(name) or self._files.peek(name)
            if plane is not None or self.folder is None or name in self._missing:
                return plane
            plane = load(self.folder.file(name), layout)
            if plane is None:
                self._missing[name] = None
            else:
                self._unlink(self._files.keep(name, plane))
            return plane

    def _file_draft(self, layout: Layout) -> FileDraft | None:
        if self.folder is None or self._is_paused:
            return None
        self.folder.trim(self.max_bytes - layout.nbytes)
        try:
            file, path = self.folder.create()
        except OSError as error:
            self.pause(error)
            return None
        try:
            return FileDraft(layout, file, path)
        except Unkept as error:
            self.pause(error)
            return None

    def _memory_draft(self, layout: Layout) -> MemoryPlane | None:
        if layout.nbytes > self._memory.most:
            return None
        with self._lock:
            self._memory.make_room(layout.nbytes)
        return MemoryPlane(layout)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._files.drop(name)
            self._missing[name] = None
        self._unlink([(name, None)])

    def _unlink(self, gone: Iterable[tuple[str, object]]) -> None:
        assert self.folder is not None
        for name, _ in gone:
            self.folder.remove(name)
