"""Arrays in Blosc2's own format, `.b2nd`: a file (contiguous frame) or a folder (sparse frame).

https://github.com/Blosc/c-blosc2/blob/main/README_B2ND_METALAYER.rst
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...nodes import Array, Changed, Damaged, Region, Unavailable
from ...resources import Resources
from ..common.fences import pin
from ..common.folders import described, is_settled
from ..common.snapshot import Snapshot
from ..common.stores import FRAME

KIND = "a Blosc2 array"
CODE = ("LazyArray", "b2o", "proxy-source")
"""Metalayers of files that are not data but tell what to compute or where to fetch it."""


def open_b2nd(path: Path, resources: Resources | None = None) -> Array:
    """The array in a `.b2nd` file or folder. Raises Damaged if a chunk file of a folder may not be opened."""
    is_folder = path.is_dir()
    snapshot = Snapshot.of(path / FRAME if is_folder else path, resources)
    frame = Frame(snapshot, os.fspath(path) if is_folder else None)
    with snapshot.failures_as(KIND), frame.pinned() as pinned:
        source = _open(pinned)
        _check_chunks(source)
        attributes = {name: _metadata(source.vlmeta.get_vlmeta(name)) for name in source.vlmeta}
    return Array(
        shape=tuple(source.shape),
        dtype=np.dtype(source.dtype),
        read=partial(_read, frame),
        chunks=tuple(source.chunks) if 0 not in source.chunks else None,
        attributes=attributes,
        revision=snapshot.revision,
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """A file that holds an array, or the index of a folder whose files are its chunks (`folder` None means that there is none)."""

    snapshot: Snapshot
    folder: str | None

    @contextmanager
    def pinned(self) -> Iterator[str]:
        """A path at which Blosc2 finds the file, or the folder, that was checked; it must stay the same until the block is left.

        Blosc2 opens the chunk files by itself: one that is swapped for a link during the block is read, and what was read is discarded.
        """
        if self.folder is None:
            with self.snapshot.pinned() as path:
                yield path
            return
        with self.snapshot.fence.listed(self.folder) as descriptor, self.snapshot.unchanged():
            before = check_frame(self.folder, descriptor, self.snapshot)
            yield pin(descriptor) or self.folder
            if described(os.fstat(descriptor)) != before:
                raise Changed(f"{Path(self.folder).name!r} changed while it was being read; ask again")


def check_frame(folder: str, descriptor: int, snapshot: Snapshot) -> str:
    """The revision of an open folder whose every file may be opened. Raises Damaged if one may not.

    A folder without links is looked through once a revision, which takes 0.5 microseconds a chunk; one with links each time, since
    what they lead to can change without a mark on the folder.
    """
    status = os.fstat(descriptor)
    revision = described(status)
    facts, key = snapshot.resources.facts, ("a frame without links", folder, revision, snapshot.fence)
    if facts.peek(key):
        return revision
    with os.scandir(descriptor) as entries:
        others = [entry for entry in entries if not entry.is_file(follow_symlinks=False)]
    for entry in others:
        if not entry.is_dir(follow_symlinks=False):
            snapshot.fence.check(os.path.join(folder, entry.name))  # noqa: PTH118
    if not others and is_settled(status):
        facts.keep(key, True)
    return revision


def _open(path: str) -> Any:
    """The array, opened without `blosc2.open`, which in some releases runs code that a file brings along."""
    from blosc2 import NDArray, blosc2_ext

    source = blosc2_ext.open(path, "r", 0)
    if not isinstance(source, NDArray):
        raise Damaged("a Blosc2 frame that is no array, or whose description is damaged; write it again, or restore it from a copy")
    if code := [name for name in CODE if name in source.schunk.meta]:
        raise Unavailable(f"a Blosc2 file of the kind {code[0]!r}, which is no data but tells what to compute; save its result instead")
    return source


def _check_chunks(source: Any) -> None:
    """Raises Damaged if the layer that describes the array and the frame that holds its chunks disagree on their number or their size.

    Blosc2 itself does not compare them: it looks for the chunks of a damaged shape one by one, and holds the GIL for seconds meanwhile.
    """
    frame, described = source.schunk, 1
    for size, chunk in zip(source.shape, source.chunks, strict=True):
        described *= -(-size // chunk) if chunk else 0
    if described != frame.nchunks:
        raise Damaged(f"an array of {described:,} chunks in a file of {frame.nchunks:,}; write it again, or restore it from a copy")
    nbytes = math.prod(source.ext_chunks) * source.dtype.itemsize
    if described and nbytes != frame.chunksize:
        raise Damaged(
            f"chunks of {nbytes:,} bytes in a file whose chunks have {frame.chunksize:,}; write it again, or restore it from a copy"
        )


def _metadata(packed: bytes) -> Any:
    """A variable-length metalayer; unpacked without Blosc2's own types, some of which hold code."""
    import msgpack  # type: ignore[import-untyped]  # it has no stubs

    return msgpack.unpackb(packed, strict_map_key=False, ext_hook=lambda code, _: f"a value of the extension type {code}")


def _read(frame: Frame, region: Region) -> np.ndarray[Any, Any]:
    """A region; the array is opened for each, since one object is not for several threads."""
    with frame.snapshot.failures_as(KIND), frame.pinned() as path:
        return np.asarray(_open(path)[region])
