"""Keeps the exact levels of planes, in memory or in files that outlive the server.

A plane is the rows and columns at one place on the axes before y and x. exact.py writes its levels
into a *draft*; the finished draft becomes a *plane*, which requests read tile by tile.

    draft() ----put, sealed---- keep() ----> kept: in memory, or in a file
       |                          |            |
       | no room: None            | Unkept     | more room is needed, or a tile is spoiled
       v                          v            v
    not kept <---- drop() --- pause()       not kept: made again when a request asks for it

A pass over a large image takes minutes, so with a folder the planes survive a restart, and the
worker processes of a server share them. Three things can go wrong there:

- *A crash while writing.* A draft is a file with another name. We rename it into place when it is
  whole and on disk (drafts.py), so nobody ever reads half a plane.
- *Bytes that change on disk.* Each tile has a checksum. If one is wrong, we throw away the whole
  plane, and the background thread makes it again.
- *A folder that fails* (full, read-only, gone). We write nothing to it for PAUSE seconds, and keep
  planes of up to BESIDE_A_FOLDER bytes in memory instead. `draft` never raises: without
  room, the levels show samples for longer.

To find a plane, we look in memory, then among the files that we know, then once for a file that
another process has written. We remember the names without a file, because a look costs an `open`
and every tile asks. While another process makes a plane, we look again every LOOK seconds, and
before we make one ourselves. The total is bounded by `max_bytes`: we unlink the files used longest
ago.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterable
from math import inf
from pathlib import Path
from threading import Lock
from typing import TypeAlias, TypeVar

from ...caches.forgetful import Forgetful
from ...caches.recent import Recent
from ...codecs import Codec
from ...nodes import Damaged
from ...resources import Gauge, nbytes_of
from .drafts import Block, Draft, FileDraft, MemoryPlane, Plane
from .files import Spoiled, Unkept
from .folders import Folder
from .kept import load, store_of
from .layouts import Layout, Tile

T = TypeVar("T")

log = logging.getLogger(__name__)

BESIDE_A_FOLDER = 128 * 1024 * 1024
"""Bytes of planes in memory while their folder fails; it is also the default without a folder."""
PAUSE = 60
"""Seconds for which we do not write to a folder that has failed."""
SILENCE = 3600
"""Seconds for which we do not log the same failure of a folder again."""
LOOK = 1.0
"""Seconds between two looks for a plane that another process makes."""
MOST_MISSING = 10_000
"""Names without a file that we remember; when full, we forget them all and look again."""
Clock: TypeAlias = Callable[[], float]


class Planes:
    """Finished planes by name, at most `max_bytes` of them, drafts included. Thread-safe.

    With a folder they are files there, and we also find the files of other servers. While the
    folder cannot be used, we keep planes of up to BESIDE_A_FOLDER bytes altogether in memory.
    `clock` counts seconds. Raises OSError if `folder` cannot be used from the start.
    """

    def __init__(self, max_bytes: int, folder: Path | None = None, clock: Clock = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.folder = None if folder is None else Folder(folder)
        self._files: Recent[str, Plane] = Recent(max_bytes, nbytes_of)
        self._memory: Recent[str, Plane] = Recent(max_bytes if folder is None else min(max_bytes, BESIDE_A_FOLDER), nbytes_of)
        self._missing: Forgetful[str, float] = Forgetful(MOST_MISSING)
        """Until when not to look for the file of a plane."""
        self._clock = clock
        self._paused_until = float("-inf")
        self._warned: dict[object, float] = {}
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all known planes, in memory and in files."""
        return self._files.total + self._memory.total

    def gauge(self) -> Gauge:
        """The bytes of planes in memory now, and the most there may be."""
        return Gauge("levels", self._memory.total, self._memory.most)

    def has(self, name: str, layout: Layout) -> bool:
        """True if a finished plane of this name and layout is kept."""
        return self._find(name, layout) is not None

    def tile(self, name: str, layout: Layout, tile: Tile) -> Block | None:
        """A tile of a finished plane, or None if the plane is not kept.

        If its store cannot be read or the tile's checksum is wrong, we throw away the whole plane.
        """
        return self._read(name, layout, lambda plane: plane.tile(tile))

    def body(self, name: str, layout: Layout, tile: Tile, served: Codec) -> bytes | None:
        """A tile as it is sent with a codec, or None if it is not stored so."""
        return self._read(name, layout, lambda plane: plane.body(tile, served))

    def draft(self, name: str, layout: Layout, served: Codec) -> Draft | None:
        """Room for a plane whose tiles are sent with a codec: a file if a folder works, else memory.

        None if there is no room, or if another process makes the plane or has made it.
        """
        if self.folder is None or self._is_paused:
            return self._memory_draft(layout)
        self.folder.trim(self.max_bytes - layout.draft_nbytes, name)
        try:
            made = self.folder.create(name)
            if made is not None:
                if self._is_still_missing(name, layout):
                    return FileDraft(store_of(name, layout, served), *made, self.folder.made(made[1]))
                self.folder.discard(*made)
                return None
        except (OSError, Unkept) as error:
            self.pause(error)
            return self._memory_draft(layout)
        self._missing[name] = self._clock() + LOOK
        return None

    def keep(self, name: str, draft: Draft) -> None:
        """Keep a finished draft as the plane `name`, for all to read. Raises Unkept."""
        plane = draft.finished(None if self.folder is None else self.folder.store(name))
        is_file = isinstance(draft, FileDraft)
        with self._lock:
            self._missing.pop(name, None)
            gone = (self._files if is_file else self._memory).keep(name, plane)
        if is_file:
            self._unlink(gone)
            assert self.folder is not None
            self.folder.trim(self.max_bytes, name)

    def has_room(self, nbytes: int) -> bool:
        """True if `nbytes` more can be kept without dropping other planes."""
        shelf = self._memory if self.folder is None or self._is_paused else self._files
        with self._lock:
            return shelf.total + nbytes <= shelf.most

    def pause(self, error: Unkept | OSError) -> None:
        """Write nothing to the folder for PAUSE seconds, after an error of its disk.

        Each kind of error is logged once in SILENCE seconds.
        """
        self._paused_until = self._clock() + PAUSE
        cause = error.__cause__ or error
        kind = getattr(cause, "errno", type(cause))
        if self._clock() - self._warned.get(kind, float("-inf")) >= SILENCE:
            self._warned[kind] = self._clock()
            log.warning(
                "cannot use levels_folder: %s; meanwhile up to %d MiB of levels are kept in memory, and the folder is tried "
                "again every %d seconds",
                cause,
                self._memory.most >> 20,
                PAUSE,
            )

    @property
    def _is_paused(self) -> bool:
        return self._clock() < self._paused_until

    def _find(self, name: str, layout: Layout) -> Plane | None:
        """A finished plane, or None. Looks for a file once for each name."""
        with self._lock:
            plane = self._memory.peek(name) or self._files.peek(name)
            if plane is not None or self.folder is None or self._clock() < self._missing.get(name, -inf):
                return plane
            plane = load(self.folder.store(name), name, layout)
            if plane is None:
                self._missing[name] = inf
            else:
                self._unlink(self._files.keep(name, plane))
            return plane

    def _read(self, name: str, layout: Layout, read: Callable[[Plane], T]) -> T | None:
        """What is read of a finished plane, or None if the plane is not kept."""
        plane = self._find(name, layout)
        if plane is None:
            return None
        try:
            return read(plane)
        except (OSError, Spoiled, Damaged) as error:
            if not is_gone(error):
                log.warning("the levels of %s on disk are deleted and will be made again: %s", name, error)
            self._forget(name)
        return None

    def _is_still_missing(self, name: str, layout: Layout) -> bool:
        """Whether no other process has kept the plane before we locked its draft."""
        self._missing.pop(name, None)
        return not self.has(name, layout)

    def _memory_draft(self, layout: Layout) -> MemoryPlane | None:
        if layout.nbytes > self._memory.most:
            return None
        with self._lock:
            self._memory.make_room(layout.nbytes)
        return MemoryPlane(layout)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._files.drop(name)
            self._missing[name] = inf
        self._unlink([(name, None)])

    def _unlink(self, gone: Iterable[tuple[str, object]]) -> None:
        assert self.folder is not None
        for name, _ in gone:
            self.folder.remove(name)


def is_gone(error: Exception) -> bool:
    """True if another worker has removed a store to make room, perhaps one on another host."""
    return isinstance(error, FileNotFoundError) or getattr(error, "errno", None) == errno.ESTALE
