"""Drafts of planes: the levels while a pass makes them, in memory or in a file of raw pixels.

A draft on disk has this form:

    rows, CRC-32C   how many rows of the source are in it, as 20 digits (the checkpoint)
    header          a line of JSON (MAGIC, first level, shapes, edge of a tile, type, codec) that
                    ends with a line feed, and its CRC-32C
    tiles           row by row of pixels, little-endian, only the part inside the level; the last
                    tile of the coarsest level comes first, the first tile of the finest one last

How it becomes a store (kept.py):

1. `FileDraft` gives the file its whole length and reserves the space (`posix_fallocate`), so that a
   full disk fails here rather than after minutes of work.
2. `put` writes blocks at any place, in any order. `checkpoint` notes how many rows of the source
   are in the file, once their bytes are on disk. A later process that opens the draft of one that
   has ended goes on from there.
3. `sealing` encodes a row of tiles into a shard of the store, which lies beside the draft under
   another name. Then it cuts that row off the end of the draft: so both together never take much
   more than the draft did. The length of the file tells which rows are left, so a later process
   goes on here too.
4. `finished` writes the documents, the root's last, and renames the store. So its name appears when
   all its bytes are on disk.

The simple way would be to map the draft into memory. A mapping ends the process by SIGBUS if the
disk is full at a write, or if someone cuts the file short before a read. With `write` and `read`
the first is an OSError and the second a short read.

If the disk fails in any of these steps, it raises Unkept. The source raises OSError too, and the
caller must know which of the two has failed.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ... import _native, codecs
from ...hierarchy.recipes import native
from ...storage import shards, targets
from .files import Spoiled, Unkept, keeping, read, remove, reserve, size, write
from .kept import Store, StoredPlane, key, load
from .kernels import CHECKSUM, checksum
from .layouts import Box, Layout, Tile

Block: TypeAlias = np.ndarray[Any, Any]
Seal: TypeAlias = Callable[[Tile], Block]
"""Takes a tile to which nothing more will be written, and returns it."""

MAGIC = "tiled-zarr levels 2"
DIGITS = 20
MARK = DIGITS + CHECKSUM
"""Bytes of the checkpoint: digits, and their checksum."""
ALL = int("9" * DIGITS)
"""The rows of a draft in which all rows of its source are, so that it may be sealed."""
LONGEST = 64 * 1024
"""Bytes of a header that we read."""
OFTEN = 0.2
"""Seconds between two checkpoints, at least: each waits for the disk, some milliseconds."""


class MemoryPlane:
    """The levels of a plane in memory. It is also its own draft."""

    rows = 0
    """Rows of the source that were done before."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.flat: Block = np.empty(layout.size, layout.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory."""
        return self.flat.nbytes

    def tile(self, tile: Tile) -> Block:
        """A tile, as a view of the plane."""
        start, shape = self.layout.start(tile), self.layout.tile_shape(tile)
        return self.flat[start : start + math.prod(shape)].reshape(shape)

    def body(self, _: Tile, __: codecs.Codec) -> None:
        """No tile is encoded."""

    def put(self, level: int, top: int, left: int, block: Block) -> None:
        """Write a block to a level, at pixel (`top`, `left`)."""
        for tile, inside, part in self.layout.parts(level, top, left, block.shape):
            self.tile(tile)[inside] = block[part]

    def checkpoint(self, rows: int) -> None:
        """Do nothing: memory does not outlive the process."""

    def left(self) -> Iterator[tuple[int, int]]:
        """All rows of tiles, once the pixels of the source are in it."""
        return self.layout.rows

    @contextmanager
    def sealing(self, _: int, __: int) -> Iterator[Seal]:
        """Seal a row of tiles."""
        yield self.tile

    def finished(self, path: Path | None) -> MemoryPlane:  # noqa: ARG002 - that of a file needs one
        """The plane, now read-only."""
        self.flat.flags.writeable = False
        return self

    def leave(self) -> None:
        """Throw the draft away."""

    def drop(self) -> None:
        """Throw the draft away."""


class FileDraft:
    """A plane that is being written to a file, and then to a store in the folder `made`.

    `rows` are those of the source that another process had done before it ended. Raises Unkept if
    the disk fails, also while it is made.
    """

    def __init__(self, store: Store, file: FileIO, path: Path, made: Path) -> None:
        self.layout = store.layout
        self.file = file
        self.path = path
        self.made = targets.Folder(made)
        self._written_at = time.monotonic()
        try:
            with keeping():
                self.store = store._replace(codec=codec_of(file, store.layout) or store.codec)
                self._start = MARK + len(header(self.store))
                self.rows = self._rows_done()
                if self.rows == 0:
                    remove(self.made.path)
                    file.truncate(0)
                    reserve(file, self._start + self.layout.draft_nbytes)
                    write(file, MARK, header(self.store))
                else:
                    self.made.sweep()
        except Unkept:
            self.drop()
            raise

    def put(self, level: int, top: int, left: int, block: Block) -> None:
        """Write a block to a level, at pixel (`top`, `left`). Raises Unkept.

        A tile that the block covers from left to right takes one write, others one for each row.
        """
        for tile, inside, part in self.layout.parts(level, top, left, block.shape):
            self._put(tile, inside, np.ascontiguousarray(block[part], self.layout.dtype))

    def checkpoint(self, rows: int) -> None:
        """Note that `rows` rows of the source are in the file, now on disk. Raises Unkept.

        Does nothing if that was less than OFTEN seconds ago.
        """
        if time.monotonic() - self._written_at >= OFTEN:
            self._note(rows)

    def left(self) -> Iterator[tuple[int, int]]:
        """The rows of tiles that are in no shard yet, once the pixels of the source are in it.

        Raises Unkept.
        """
        if self.rows != ALL:
            self._note(ALL)
            with keeping():
                self.file.truncate(self._end)
                # as private as a draft
                self.made.path.mkdir(mode=0o700, exist_ok=True)
        done = self._end - size(self.file)
        rows = list(self.layout.rows)
        nbytes = accumulate((self.layout.row_nbytes(*row) for row in rows), initial=0)
        return (row for row, before in zip(rows, nbytes, strict=False) if before >= done)

    @contextmanager
    def sealing(self, level: int, row: int) -> Iterator[Seal]:
        """Seal a row of tiles, and write them to their shard. Raises Unkept."""
        counts, kind = self.store.shards(level), native(self.store.codec, self.layout.dtype.itemsize)
        edge = (self.layout.tile, self.layout.tile)
        with keeping():
            with self.made.writing(key(level, row)) as output:
                shard = shards.Writer(output, counts)

                def sealed(tile: Tile) -> Block:
                    block = self._tile(tile)
                    shard.add((row, tile.column), _native.encode(block.view(f"V{block.itemsize}"), edge, kind))
                    return block

                yield sealed
                shard.end()
            os.fsync(self.file.fileno())
            self.file.truncate(size(self.file) - self.layout.row_nbytes(level, row))

    def finished(self, path: Path | None) -> StoredPlane:
        """The plane, renamed to `path` once its bytes are on disk. Raises Unkept.

        If another process has made it there meanwhile (without locks), that one is used.
        """
        assert path is not None
        with keeping():
            for name, body in self.store.documents():
                self.made.put(name, body)
            found = load(path, self.store.source, self.layout)
            if found is None:
                remove(path)
                with suppress(FileExistsError):
                    self.made.path.rename(path)
                found = load(path, self.store.source, self.layout)
            if found is None:
                remove(path)
                raise Spoiled(f"{path.name}: somebody has removed parts of it while it was made")
        self.drop()
        return found

    def leave(self) -> None:
        """Close the draft for a process that goes on with it; without a checkpoint, throw it away."""
        if self.rows == 0:
            self.drop()
        else:
            self.file.close()

    def drop(self) -> None:
        """Throw the draft away."""
        if not self.file.closed:
            with suppress(OSError):
                remove(self.made.path)
                self.path.unlink(missing_ok=True)
            self.file.close()

    @property
    def _end(self) -> int:
        """Where the last tile ends in the file."""
        return self._start + self.layout.nbytes

    def _rows_done(self) -> int:
        """Rows of the source that are in the file; 0 if it must be begun anew. Raises OSError."""
        if codec_of(self.file, self.layout) is None:
            return 0
        rows, nbytes = rows_done(self.file), size(self.file)
        is_full = nbytes == self._start + self.layout.draft_nbytes
        if rows != ALL or is_full:
            return rows if is_full else 0
        done = list(accumulate((self.layout.row_nbytes(*row) for row in self.layout.rows), initial=0))
        if self._end - nbytes not in done:
            return 0
        written = list(self.layout.rows)[: done.index(self._end - nbytes)]
        return ALL if all(self.made.has(key(*row)) for row in written) else 0

    def _note(self, rows: int) -> None:
        with keeping():
            os.fsync(self.file.fileno())
            text = b"%0*d" % (DIGITS, rows)
            write(self.file, 0, text + checksum(text))
        self.rows = rows
        self._written_at = time.monotonic()

    def _tile(self, tile: Tile) -> Block:
        shape = self.layout.tile_shape(tile)
        nbytes = math.prod(shape) * self.layout.dtype.itemsize
        return np.frombuffer(read(self.file, self._offset(tile), nbytes), self.layout.dtype).reshape(shape)

    def _put(self, tile: Tile, inside: Box, block: Block) -> None:
        itemsize, width = self.layout.dtype.itemsize, self.layout.tile_shape(tile)[1]
        start = self._offset(tile) + (inside[0].start * width + inside[1].start) * itemsize
        pieces = [block] if block.shape[1] == width else block
        with keeping():
            for row, piece in enumerate(pieces):
                write(self.file, start + row * width * itemsize, memoryview(piece).cast("B"))

    def _offset(self, tile: Tile) -> int:
        """The offset in bytes at which a tile begins in the file."""
        rows, columns = self.layout.tile_shape(tile)
        nbytes: int = (self.layout.start(tile) + rows * columns) * self.layout.dtype.itemsize
        return self._end - nbytes


Plane: TypeAlias = MemoryPlane | StoredPlane
Draft: TypeAlias = MemoryPlane | FileDraft


def rows_done(file: FileIO) -> int:
    """Rows of the source that are in a draft; 0 if it has no checkpoint. Raises OSError."""
    try:
        mark = read(file, 0, MARK)
    except Spoiled:
        return 0
    text, written = mark[:DIGITS], mark[DIGITS:]
    return int(text) if checksum(text) == written and text.isdigit() else 0


def header(store: Store) -> bytes:
    """What a draft says of itself: a line of JSON and its CRC-32C."""
    layout = store.layout
    text = json.dumps([MAGIC, layout.first, layout.shapes, layout.tile, layout.dtype.str, str(store.codec)]).encode() + b"\n"
    return text + checksum(text)


def codec_of(file: FileIO, layout: Layout) -> codecs.Codec | None:
    """The codec that a draft was begun with; None if it is no draft of this layout. Raises OSError."""
    file.seek(MARK)
    found = file.read(LONGEST) or b""
    try:
        codec = codecs.parse(json.loads(found[: found.index(b"\n")])[-1])
        return codec if found.startswith(header(Store("", layout, codec))) else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
