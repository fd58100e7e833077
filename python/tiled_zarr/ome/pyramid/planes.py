"""Exact upper levels of planes, kept: in memory, or in files that outlive the server.

A plane is what one place on the axes before y and x shows.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeAlias

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


class Shelf:
    """Planes by name, at most `max_bytes` of them: those used longest ago go first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._planes: OrderedDict[str, Plane] = OrderedDict()

    def get(self, name: str) -> Plane | None:
        """A plane, which is now the one used last."""
        plane = self._planes.get(name)
        if plane is not None:
            self._planes.move_to_end(name)
        return plane

    def add(self, name: str, plane: Plane) -> list[str]:
        """Add a plane; the names of those that had to go."""
        self.pop(name)
        gone = self.make_room(plane.nbytes)
        self._planes[name] = plane
        self.nbytes += plane.nbytes
        return gone

    def make_room(self, nbytes: int) -> list[str]:
        """Let planes go until there is room for so many bytes, or nothing is left; their names."""
        gone = []
        while self._planes and self.nbytes + nbytes > self.max_bytes:
            gone.append(next(iter(self._planes)))
            self.pop(gone[-1])
        return gone

    def pop(self, name: str) -> None:
        """Let a plane go, if it is there."""
        plane = self._planes.pop(name, None)
        if plane is not None:
            self.nbytes -= plane.nbytes


class Planes:
    """Finished planes by name, at most `max_bytes` of them, drafts included. Thread-safe.

    With a folder they are files there, renamed into place once they are whole, so that a crash leaves no half plane; the files of other
    servers are found too. While the folder cannot be used, planes of up to BESIDE_A_FOLDER bytes altogether are kept in memory. Raises
    OSError where a folder is given that cannot be used from the start.
    """

    def __init__(self, max_bytes: int, folder: Path | None = None, clock: Clock = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.folder = None if folder is None else Folder(folder)
        self._files = Shelf(max_bytes)
        self._memory = Shelf(max_bytes if folder is None else min(max_bytes, BESIDE_A_FOLDER))
        self._missing: set[str] = set()
        self._clock = clock
        self._paused_until = float("-inf")
        self._told: dict[object, float] = {}
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all planes, in memory and in files."""
        return self._files.nbytes + self._memory.nbytes

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
            self._missing.discard(name)
            gone = (self._files if is_file else self._memory).add(name, plane)
        if is_file:
            self._unlink(gone)

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes can be kept without giving up others."""
        shelf = self._memory if self.folder is None or self._is_paused else self._files
        with self._lock:
            return shelf.nbytes + nbytes <= shelf.max_bytes

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
                self._memory.max_bytes >> 20,
                PAUSE,
            )

    @property
    def _is_paused(self) -> bool:
        return self._clock() < self._paused_until

    def _find(self, name: str, layout: Layout) -> Plane | None:
        """A finished plane, or None."""
        with self._lock:
            plane = self._memory.get(name) or self._files.get(name)
            if plane is not None or self.folder is None or name in self._missing:
                return plane
            plane = load(self.folder.file(name), layout)
            if plane is None:
                self._miss(name)
            else:
                self._unlink(self._files.add(name, plane))
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
        if layout.nbytes > self._memory.max_bytes:
            return None
        with self._lock:
            self._memory.make_room(layout.nbytes)
        return MemoryPlane(layout)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._files.pop(name)
            self._miss(name)
        self._unlink([name])

    def _miss(self, name: str) -> None:
        """Take down that a name has no file worth reading."""
        if len(self._missing) >= MOST_MISSING:
            self._missing.clear()
        self._missing.add(name)

    def _unlink(self, names: list[str]) -> None:
        assert self.folder is not None
        for name in names:
            self.folder.remove(name)
