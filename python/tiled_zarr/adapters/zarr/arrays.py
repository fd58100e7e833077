"""The node of an array that zarr-python has opened, wherever its chunks are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ... import budgets, marks
from ...nodes import LIVE, Array, Damaged, Dense, Region, Revision, Stored, TooLarge, Unavailable
from ..common.bounds import LARGEST_TEXT
from ..common.extras import require
from ..common.snapshot import is_for_users
from .chunks import Chunks

if TYPE_CHECKING:
    from .keyed import KeyedChunks  # it needs zarr-python, whose absence `open` reports

Item: TypeAlias = "tuple[np.dtype[Any], Callable[[Any], np.ndarray[Any, Any]]]"
"""The type of items, and the function that converts what zarr-python reads into a block."""

DIMENSIONS = "_ARRAY_DIMENSIONS"
UNSAFE = "pickle"
DAMAGED = "they are truncated, damaged or of a kind that zarr-python does not read; write them again, or restore them from a copy"
MOST_FREE = 4 * 1024 * 1024
"""Bytes of memory for strings up to which a read needs no share of the budget for requests.

A served chunk of text mostly takes less than 1 MiB.
"""


def node(  # noqa: PLR0913 - one value, made in one place
    source: Any,
    store: Any,
    chunks: Chunks | KeyedChunks | None,
    item: Item,
    *,
    other_names: Callable[[], Sequence[str] | None] = lambda: None,
    revision: Revision = LIVE,
    watched: tuple[str, ...] = (),
) -> Array:
    """The node of zarr-python's array `source`.

    `chunks`, if given, reads and decodes without zarr-python what it can. zarr-python reads all
    else from `store`, which bounds what it reads. `other_names` returns the dimension names if
    neither the attributes nor the document have them. Any axis may grow: a Zarr array is extended
    by changing its document alone, and keeps its chunks.
    """
    dtype, convert = item
    attributes = source.attrs.asdict()
    noted = attributes.pop(DIMENSIONS, None)  # an empty list for a scalar
    names = noted or getattr(source.metadata, "dimension_names", None) or other_names()
    attributes |= _mark(source, dtype, attributes, is_xarrays=noted is not None or names is not None)
    _check_grid(source)
    known = _bounded(source, store)
    read = partial(_read_text, source, store) if dtype.hasobject else known.__getitem__
    codec = None if chunks is None else chunks.layout.codec
    return Array(
        shape=source.shape,
        dtype=dtype,
        source=Dense(partial(_read, read, convert, chunks), stored=None if chunks is None or codec is None else Stored(codec, chunks.read)),
        chunks=chunk_shape(source),
        dimension_names=tuple(names) if names and len(names) == source.ndim else None,
        attributes=attributes,
        maxshape=(None,) * source.ndim,
        revision=revision,
        watched=watched,
    )


def _mark(source: Any, dtype: np.dtype[Any], attributes: Mapping[str, Any], *, is_xarrays: bool) -> dict[str, Any]:
    """The attribute `_FillValue`, which marks missing values in netCDF.

    In v3 the array has it as an attribute, in xarray's encoding. In v2 it is the array's
    `fill_value`, if xarray would open the array: for xarray, that overrides an attribute
    `_FillValue`.
    """
    if source.metadata.zarr_format == 3:
        mark = marks.from_v3(attributes[marks.ATTRIBUTE], dtype, attributes) if marks.ATTRIBUTE in attributes else None
        return {} if mark is None else {marks.ATTRIBUTE: mark}
    fill = source.metadata.fill_value
    return {marks.ATTRIBUTE: fill} if is_xarrays and fill is not None else {}


def item_of(source: Any) -> Item:
    """The type of items, and the function that makes a block from what zarr-python reads.

    Raises Unavailable for objects other than text.
    """
    zarr = require("zarr", "zarr")
    stored = getattr(source.metadata, "data_type", None) or source.metadata.dtype
    if isinstance(stored, zarr.dtype.VariableLengthUTF8):
        return np.dtype(object), _texts
    if source.dtype.hasobject:
        raise Unavailable(f"an array of objects other than text ({type(stored).__name__}), which Zarr readers disagree on")
    return source.dtype, np.asarray


def _texts(block: Any) -> np.ndarray[Any, Any]:
    """Strings as `str`; the null in chunks that were never written becomes an empty string."""
    stored = np.asarray(block)
    texts = np.empty(stored.shape, object)
    for place, text in np.ndenumerate(stored):
        texts[place] = text if isinstance(text, str) else ""
    return texts


def _bounded(source: Any, store: Any, allowance: Any = None) -> Any:
    """zarr-python's array with bounded codecs. Raises Damaged for codecs without known bounds."""
    from .codecs import bounded

    return bounded(source, store, allowance)


def _read_text(source: Any, store: Any, region: Region) -> Any:
    """Strings, whose sizes no document tells.

    We first read with MOST_FREE bytes; if that is too little, we reserve LARGEST_TEXT bytes of the
    budget for requests and read again.
    """
    from .codecs import Allowance

    try:
        return _bounded(source, store, Allowance(MOST_FREE))[region]
    except TooLarge:
        with budgets.hold(LARGEST_TEXT):
            return _bounded(source, store, Allowance(LARGEST_TEXT))[region]


def _read(
    read: Callable[[Region], Any], convert: Callable[[Any], np.ndarray[Any, Any]], chunks: Chunks | KeyedChunks | None, region: Region
) -> np.ndarray[Any, Any]:
    """A region, decoded without zarr-python if possible.

    Raises OSError if the array is gone; otherwise its chunks would look unwritten.
    """
    block = chunks.block(region) if chunks else None
    if block is not None:
        return block

    def decoded() -> np.ndarray[Any, Any]:
        try:
            return convert(read(region))
        except Exception as error:
            if is_for_users(error):
                raise
            raise Damaged(
                "a chunk cannot be decoded: it is truncated, damaged or of a kind that zarr-python does not read; restore it from a copy"
            ) from error

    return chunks.steadily(region, decoded) if chunks else decoded()


def _check_grid(source: Any) -> None:
    """Raises Damaged if a chunk has size 0 on an axis with data: zarr-python would divide by it."""
    try:
        chunks = tuple(source.chunks)
    except NotImplementedError:
        return
    if any(size and chunk < 1 for size, chunk in zip(source.shape, chunks, strict=False)):
        raise Damaged(f"its chunks of the shape {chunks} hold nothing of an array of the shape {source.shape}; write it again")


def chunk_shape(source: Any) -> tuple[int, ...] | None:
    """The shape of the regular chunks, in shards that of the inner chunks, or None."""
    try:
        chunks = tuple(source.chunks)
    except NotImplementedError:
        return None
    return chunks if all(isinstance(size, int) and size > 0 for size in chunks) else None


def check_codecs(metadata: Any) -> None:
    """Raises Unavailable for codecs that execute code from the data."""
    if isinstance(metadata, Mapping):
        if UNSAFE in (metadata.get("id"), metadata.get("name")):
            raise Unavailable(f"its codec {UNSAFE!r} runs what the data say; store it as text or numbers")
        codecs = [metadata.get(field) for field in ("filters", "compressor", "codecs", "configuration")]
        check_codecs([codec for codec in codecs if codec])
    elif isinstance(metadata, list | tuple):
        for part in metadata:
            check_codecs(part)
