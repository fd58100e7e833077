"""Exact upper levels of planes, kept: in memory, or in files that outlive the server.

A plane is what one place on the axes before y and x shows. Its levels lie one after the other in one flat array, the finest first.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import mkstemp
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .pyramid import Shape

Block: TypeAlias = np.ndarray[Any, Any]
SUFFIX = ".levels.npy"
WRITING = ".writing"


class Layout(NamedTuple):
    """What a plane holds: the levels from `first` on, with their rows and columns, and the type of pixels."""

    first: int
    shapes: tuple[Shape, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Pixels of all levels."""
        return sum(map(math.prod, self.shapes))

    @property
    def nbytes(self) -> int:
        """Bytes of all levels."""
        return self.size * self.dtype.itemsize


class Plane:
    """The levels of a plane as views of one flat array."""

    def __init__(self, flat: Block, layout: Layout) -> None:
        self.flat = flat
        self.first = layout.first
        ends = np.cumsum([math.prod(shape) for shape in layout.shapes])
        self.levels = [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), layout.shapes, strict=True)]

    def level(self, number: int) -> Block | None:
        """One level, or None where it is not kept."""
        return self.levels[number - self.first] if number >= self.first else None


class Draft:
    """A plane that is being made; nobody else sees it before `Planes.keep`."""

    def __init__(self, layout: Layout, folder: Path | None) -> None:
        self.layout = layout
        self.path: Path | None = None
        if folder is None:
            flat: Block = np.empty(layout.size, layout.dtype)
        else:
            descriptor, name = mkstemp(suffix=WRITING, dir=folder)
            os.close(descriptor)
            self.path = Path(name)
            flat = np.lib.format.open_memmap(self.path, mode="w+", dtype=layout.dtype, shape=(layout.size,))
        self.plane = Plane(flat, layout)

    def drop(self) -> None:
        """Throw the draft away."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Planes:
    """Finished planes by name, at most `max_bytes` of them: those used longest ago go first. Thread-safe.

    With a folder they are files there, renamed into place once they are whole, so that a crash leaves no half plane; the files of other
    servers are found too.
    """

    def __init__(self, max_bytes: int, folder: Path | None = None) -> None:
        self.max_bytes = max_bytes
        self.folder = folder
        self.nbytes = 0
        self._planes: OrderedDict[str, Plane] = OrderedDict()
        self._missing: set[str] = set()
        self._lock = Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: str, layout: Layout) -> Plane | None:
        """A finished plane, or None."""
        with self._lock:
            plane = self._planes.get(name)
            if plane is not None:
                self._planes.move_to_end(name)
                return plane
            if self.folder is None or name in self._missing:
                return None
            plane = _load(self._path(name), layout)
            if plane is None:
                self._missing.add(name)
            else:
                self._add(name, plane)
            return plane

    def draft(self, layout: Layout) -> Draft:
        """Room for a plane. Raises OSError where the disk is full."""
        return Draft(layout, self.folder)

    def keep(self, name: str, draft: Draft) -> None:
        """Show a plane that is finished to everyone."""
        plane = draft.plane
        if draft.path is not None:
            path = self._path(name)
            _settle(plane.flat, draft.path, path)
            plane = _load(path, draft.layout) or plane
        with self._lock:
            self._missing.discard(name)
            self._add(name, plane)
        self._clear()

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes can be kept without giving up others."""
        with self._lock:
            return self.nbytes + nbytes <= self.max_bytes

    def _add(self, name: str, plane: Plane) -> None:
        old = self._planes.pop(name, None)
        self.nbytes += plane.flat.nbytes - (0 if old is None else old.flat.nbytes)
        self._planes[name] = plane
        while self.nbytes > self.max_bytes and len(self._planes) > 1:
            gone, oldest = self._planes.popitem(last=False)
            self.nbytes -= oldest.flat.nbytes
            if self.folder is not None:
                self._path(gone).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / (blake2b(name.encode(), digest_size=16).hexdigest() + SUFFIX)

    def _clear(self) -> None:
        """Remove the oldest files until the folder is within its bounds; readers keep what they have mapped."""
        if self.folder is None:
            return
        with suppress(OSError):
            found = [(entry.stat(), entry.path) for entry in os.scandir(self.folder) if entry.name.endswith(SUFFIX)]
            total = sum(status.st_size for status, _ in found)
            for status, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
                if total <= self.max_bytes:
                    return
                Path(path).unlink(missing_ok=True)
                total -= status.st_size


def _settle(flat: Block, written: Path, path: Path) -> None:
    """Have the file on disk before it gets its name."""
    flat.flush()  # type: ignore[attr-defined] # it is a memmap
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)


def _load(path: Path, layout: Layout) -> Plane | None:
    """The plane in a file, mapped; None where there is none, or another one than expected."""
    try:
        flat = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if flat.shape != (layout.size,) or flat.dtype != layout.dtype:
        return None
    with suppress(OSError):
        os.utime(path)
    return Plane(flat, layout)
