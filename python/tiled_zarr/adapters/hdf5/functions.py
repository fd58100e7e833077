"""What the server asks of its HDF5 helpers. Each takes a file, and raises Changed if it has another revision by now."""

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
"""Seconds after which the descriptions at hand are sent, so that many of them are no hang."""
MOST_ATTRIBUTES = 1024 * 1024
"""Bytes of attributes after which the same is done."""
TRIES = 3
"""Looks at a file that is being written; one that fails may have met a chunk that was half written."""


def describe_object(source: Source, where: str) -> Description:
    """What lies at a path inside the file."""
    with FILES.opened(source.snapshot) as file:
        return describe(source.snapshot, posixpath.basename(where), locate(file, where))


def describe_members(source: Source, where: str, names: Sequence[str]) -> list[Description | Exception]:
    """What lies at each of some names in a group, or why that cannot be said; perhaps of the first of them alone."""
    found: list[Description | Exception] = []
    end = time.monotonic() + AT_ONCE
    nbytes = 0
    with FILES.opened(source.snapshot) as file:
        group = locate(file, where)
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
    with FILES.dataset(source.snapshot, where) as dataset:
        return read_index(dataset)


def read(source: Source, wanted: Wanted) -> np.ndarray[Any, Any]:
    """A region of a dataset; the library reads the chunks that it touches. Raises Changed if the dataset has become smaller."""
    with FILES.dataset(source.snapshot, wanted.where) as dataset:
        if any(part.stop > size for part, size in zip(wanted.region, dataset.shape, strict=False)):
            raise Changed(f"{wanted.where} has become smaller; ask again")
        return read_open(dataset, wanted.is_text, wanted.region)


def read_stored(source: Source, where: str, index: Sequence[int]) -> bytes | None:
    """The stored bytes of the chunk at a place of the grid, made by all the filters; None if there is none, or a filter was left out."""
    with FILES.dataset(source.snapshot, where) as dataset:
        corner = tuple(i * chunk for i, chunk in zip(index, dataset.chunks, strict=True))
        if dataset.id.get_chunk_info_by_coord(corner).byte_offset is None:
            return None
        mask, content = dataset.id.read_direct_chunk(corner)
        return None if mask else bytes(content)


def read_virtual(source: Source, wanted: Wanted, sources: Sequence[Source]) -> np.ndarray[Any, Any]:
    """The same for a virtual dataset whose sources must be at their revisions too."""
    return virtual.read([other.snapshot for other in sources], source.snapshot, wanted)


def idle() -> None:
    """Close what is open: the room of deleted files on disk is free only then."""
    FILES.close_all()


def _attribute_bytes(found: Description | Exception) -> int:
    attributes = getattr(found, "attributes", {})
    return sum(getattr(value, "nbytes", 0) for value in attributes.values())


def _patient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; about a file that is being written it is asked again, after opening that anew, if it fails."""

    @wraps(function)
    def ask(source: Source, *arguments: Any) -> Any:
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
"""What the server may call."""
