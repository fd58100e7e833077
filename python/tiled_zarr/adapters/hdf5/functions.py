"""The functions that the server calls in its HDF5 helpers.

Each takes a file, and raises Changed if the file's revision differs.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any

import numpy as np

from ...helpers.messages import portable
from ...nodes import Changed
from . import virtual
from .describing import describe, refusal
from .descriptions import Description, Source, Wanted
from .files import FILES
from .index import ChunkIndex
from .indexing import read_index
from .items import read_open
from .links import locate

AT_ONCE = 0.2
"""Seconds after which a helper sends the descriptions made so far: no call may seem to hang."""
MOST_ATTRIBUTES = 1024 * 1024
"""Bytes of attributes after which it does the same."""
TRIES = 3
"""Attempts on a file that is being written; one may fail because it met a half-written chunk."""


def describe_object(source: Source, where: str) -> Description:
    """The description of the object at a path inside the file."""
    with FILES.opened(source.snapshot) as file:
        return describe(source.snapshot, posixpath.basename(where), locate(file, where))


def describe_members(source: Source, where: str, names: Sequence[str]) -> list[Description | Exception]:
    """For each of some names in a group the description, or the error that prevented it.

    The list may be shorter than `names`; it has at least one entry.
    """
    found: list[Description | Exception] = []
    nbytes = 0
    with FILES.opened(source.snapshot) as file:
        group = locate(file, where)
        FILES.prefetch(source.snapshot, group, names)
        end = time.monotonic() + AT_ONCE
        for name in names:
            try:
                found.append(describe(source.snapshot, name, locate(group, name)))
            except Exception as error:  # noqa: BLE001 - one bad child does not break its siblings
                found.append(portable(refusal(source.snapshot, name, error)))
            nbytes += _attribute_bytes(found[-1])
            if time.monotonic() > end or nbytes > MOST_ATTRIBUTES:
                break
    return found


def chunk_index(source: Source, where: str) -> ChunkIndex:
    """The index of a chunked dataset."""
    snapshot = source.snapshot
    with FILES.dataset(snapshot, where) as dataset:
        return read_index(dataset, FILES.bytes_of(snapshot))


def read(source: Source, wanted: Wanted) -> np.ndarray[Any, Any]:
    """A region of a dataset; the library reads and decodes the chunks that it touches.

    Raises Changed if the dataset has shrunk.
    """
    with FILES.dataset(source.snapshot, wanted.where) as dataset:
        if any(part.stop > size for part, size in zip(wanted.region, dataset.shape, strict=False)):
            raise Changed(f"{wanted.where} has become smaller; ask again")
        return read_open(dataset, wanted.is_text, wanted.region)


def read_stored(source: Source, where: str, index: Sequence[int]) -> bytes | None:
    """The stored bytes of the chunk at an index of the grid.

    None if there is no such chunk, or a filter was skipped for it.
    """
    with FILES.dataset(source.snapshot, where) as dataset:
        corner = tuple(i * chunk for i, chunk in zip(index, dataset.chunks, strict=True))
        if dataset.id.get_chunk_info_by_coord(corner).byte_offset is None:
            return None
        mask, content = dataset.id.read_direct_chunk(corner)
        return None if mask else bytes(content)


def read_virtual(source: Source, wanted: Wanted, sources: Sequence[Source]) -> np.ndarray[Any, Any]:
    """A region of a virtual dataset; also checks the revisions of its sources."""
    return virtual.read([other.snapshot for other in sources], source.snapshot, wanted)


def idle() -> None:
    """Close all files: the disk space of deleted files is freed only then."""
    FILES.close_all()


def _attribute_bytes(found: Description | Exception) -> int:
    attributes = getattr(found, "attributes", {})
    return sum(getattr(value, "nbytes", 0) for value in attributes.values())


def _patient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with retries: if it fails on a growing file, reopen that and call again.

    What it reads from a store has the time that the source gives.
    """

    @wraps(function)
    def ask(source: Source, *arguments: Any) -> Any:
        with FILES.blocks.within(source.seconds):
            return retry(source, *arguments)

    def retry(source: Source, *arguments: Any) -> Any:
        for _ in range(TRIES - 1 if source.is_growing else 0):
            try:
                return function(source, *arguments)
            except Changed:
                raise
            except (OSError, RuntimeError, ValueError):
                FILES.close(source.path)
        return function(source, *arguments)

    return ask


FUNCTIONS = MappingProxyType(
    {
        function.__name__: _patient(function)
        for function in (describe_object, describe_members, chunk_index, read, read_stored, read_virtual)
    }
)
"""The functions that the server may call, by name."""
