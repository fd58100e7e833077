"""Converts the items of HDF5 datasets to those of nodes. Runs in helper processes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ...helpers.memory import at_most
from ...nodes import Region, TooLarge, Unavailable
from ..common.extras import require

Block = np.ndarray[Any, Any]

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of the largest block that the library reads."""
MOST_TEXT = 64 * 1024 * 1024
"""Bytes of UTF-8 in the largest block of text.

It is less, since text takes several times as much memory while it is converted.
"""
WIDE = MappingProxyType({"g": "f8", "G": "c16"})
"""The types to which we convert numbers of more than 64 bits, since Zarr has none for them."""
NUMBERS = frozenset("biufc")
"""Kinds of types that are nothing but numbers, unless h5py's metadata say more (an enumeration)."""
FIRST_TEXTS, MOST_TEXTS = 16, 65536
"""Number of texts that the first call reads, and that any later call reads at most.

We do not know how long texts are before we have read them.
"""
AIM = 8 * 1024 * 1024
"""Bytes of text that one call should read."""
SLACK = 64 * 1024 * 1024
"""Bytes of memory that the library may take besides; its chunk cache alone takes 32 MiB."""
BUFFERS = 4
"""Copies of a region and of a chunk while they are read: stored, filtered twice, converted."""
OUT_OF_MEMORY = ("alloc",)
"""Text in the library's errors about failed allocations.

Examples: "memory allocation failed", "image null after H5MM_realloc()".
"""
TEXT_COPIES = 4
"""Copies of text while it is read: the library's, bytes, and `str`, up to 4 bytes a character."""


@dataclass(frozen=True, slots=True)
class Item:
    """What an item of a dataset becomes in a node.

    `shape` has the axes that each item adds to the array. `is_text` is true for variable-length
    text. `unavailable` has the fields of records that have no form in Zarr, with the reasons;
    `dtype` does not include them.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    is_text: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)


def item_of(dataset: Any) -> Item:
    """The items of a dataset. Raises Unavailable for types that numpy or Zarr does not have."""
    try:
        dtype = dataset.dtype
    except (TypeError, ValueError) as error:
        raise Unavailable("a type that numpy has no equivalent of, such as integers of 24 bits; convert it in the file") from error
    return item(dtype)


def item(dtype: np.dtype[Any]) -> Item:
    """The items of a dataset whose h5py type is `dtype`.

    Raises Unavailable for references, and for variable-length items other than text.
    """
    if dtype.kind in NUMBERS and dtype.metadata is None and dtype.char not in WIDE:
        return Item(dtype)
    h5py = require("h5py", "hdf5")
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        inner = item(base)
        return replace(inner, shape=(*shape, *inner.shape))
    text = h5py.check_string_dtype(dtype)
    if text is not None and text.length is None:
        return Item(np.dtype(object), is_text=True)
    if h5py.check_ref_dtype(dtype) is not None:
        raise Unavailable("references to other objects, which Zarr has no type for")
    if h5py.check_vlen_dtype(dtype) is not None:
        raise Unavailable("a ragged array: its items are arrays of various lengths")
    if dtype.hasobject:
        return _record(dtype)
    if dtype.char in WIDE:
        return Item(np.dtype(WIDE[dtype.char]), attributes={"tiled_zarr": {"source_type": str(dtype)}})
    if dtype.kind == "V" and dtype.names is None:
        return Item(np.dtype("u1"), (dtype.itemsize,), attributes={"tiled_zarr": {"source_type": "opaque"}})
    names = h5py.check_enum_dtype(dtype)
    return Item(dtype, attributes={"tiled_zarr": {"enum": dict(names)}} if names else {})


def _record(dtype: np.dtype[Any]) -> Item:
    """Records with variable-length fields. Raises Unavailable if no field can be shown."""
    fields: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = []
    unavailable: dict[str, str] = {}
    for name in dtype.names or ():
        try:
            found = item(dtype[name])
        except Unavailable as why:
            unavailable[name] = str(why)
        else:
            fields.append((name, found.dtype, found.shape))
            unavailable |= {f"{name}.{inner}": why for inner, why in found.unavailable.items()}
    if not fields:
        raise Unavailable("; ".join(f"{name}: {why}" for name, why in unavailable.items()))
    return Item(np.dtype(fields), unavailable=unavailable)


def are_raw(dataset: Any) -> bool:
    """True if items lie in the file exactly as numpy has them in memory, without conversion."""
    h5py = require("h5py", "hdf5")
    if dataset.dtype.hasobject or dataset.dtype.itemsize == 0:
        return False
    return bool(h5py.h5t.py_create(dataset.dtype, logical=True).equal(dataset.id.get_type()))


def read_open(dataset: Any, is_text: bool, region: Region) -> Block:
    """A region of an open dataset, with the axes of its items last.

    A damaged chunk may decode to any number of bytes, so we limit the helper's memory during the
    call to what a region and chunks of the right size need. We do not know the chunks of a virtual
    dataset's sources; such a dataset may use all of a helper's memory. Raises TooLarge if the call
    needs more.
    """
    if dataset.is_virtual:
        return read_items(dataset, is_text, region)
    try:
        with at_most(_memory(dataset, is_text, region)):
            return read_items(dataset, is_text, region)
    except (MemoryError, OSError) as error:
        if isinstance(error, OSError) and not any(word in str(error) for word in OUT_OF_MEMORY):
            raise
        raise TooLarge(
            f"{dataset.name} takes more memory there than a region of this shape may: set a smaller chunk_shape for it"
        ) from error


def _memory(dataset: Any, is_text: bool, region: Region) -> int:
    """Bytes of memory that reading a region takes at most.

    The library decodes one chunk at a time, in several buffers.
    """
    itemsize = dataset.dtype.itemsize
    nbytes = itemsize * math.prod(part.stop - part.start for part in region[: dataset.ndim])
    chunk = itemsize * math.prod(dataset.chunks) if dataset.chunks else 0
    texts = TEXT_COPIES * MOST_TEXT if is_text or dataset.dtype.hasobject else 0
    return int(SLACK + BUFFERS * (nbytes + chunk) + texts)


def read_items(dataset: Any, is_text: bool, region: Region) -> Block:
    """The same with no limit on the memory that the library may take."""
    outer, inner = region[: dataset.ndim], region[dataset.ndim :]
    index: Any = (..., *inner)
    if is_text or dataset.dtype.hasobject:
        texts: Block = _texts(dataset, outer, np.dtype(object) if is_text else item_of(dataset).dtype)[index]
        return texts
    # the library fails at empty regions of numbered virtual datasets
    if any(part.start == part.stop for part in region):
        return np.empty([part.stop - part.start for part in region], item_of(dataset).dtype)
    nbytes = dataset.dtype.itemsize * math.prod(part.stop - part.start for part in outer)
    if nbytes > MOST_BYTES:
        raise TooLarge(f"{dataset.name} has {nbytes} bytes there: at most {MOST_BYTES} are read at once by the HDF5 library")
    block: Block = _block(dataset, outer)[index]
    return np.ascontiguousarray(block).reshape(block.shape)


def _block(dataset: Any, region: Region) -> Block:
    """Items as h5py reads them, but numbers over 64 bits narrowed (WIDE), opaque ones as bytes."""
    kind = dataset.dtype.base
    if kind.kind == "V" and kind.names is None:
        return _opaque(dataset, region)
    block = np.asarray(dataset[region or ...])
    return block.astype(WIDE[kind.char]) if kind.char in WIDE else block


def _opaque(dataset: Any, region: Region) -> Block:
    """The bytes of opaque items.

    We read them without h5py's own conversion: for a type with a tag, h5py would ask the library to
    convert it into one without.
    """
    h5py = require("h5py", "hdf5")
    sizes = tuple(part.stop - part.start for part in region)
    block = np.empty((*sizes, *dataset.dtype.shape, dataset.dtype.base.itemsize), "u1")
    if block.size:
        chosen = dataset.id.get_space()
        if region:
            chosen.select_hyperslab(tuple(part.start for part in region), sizes)
        items = block.view(dataset.dtype.base)
        dataset.id.read(h5py.h5s.create_simple(sizes) if region else h5py.h5s.ALL, chosen, items, mtype=dataset.id.get_type())
    return block


def _texts(dataset: Any, region: Region, dtype: np.dtype[Any]) -> Block:
    """Texts, or records that contain texts, in several calls of the library.

    Only the texts themselves say how long they are, so the first call reads FIRST_TEXTS of them,
    and later ones as many as should have AIM bytes. Raises TooLarge at more than MOST_TEXT bytes.
    """
    texts = np.empty((*(part.stop - part.start for part in region), *dataset.dtype.shape), dtype)
    source = dataset.fields(list(dtype.names or ())) if dataset.dtype.names else dataset
    total, at_once = 0, FIRST_TEXTS
    waiting = [region]
    while waiting:
        box = waiting.pop()
        count = math.prod(part.stop - part.start for part in box)
        if count > at_once:
            waiting += reversed(_halves(box))
            continue
        block = np.asarray(source[box or ...], None if dtype.names else object)
        nbytes = _text_bytes(block)
        total += nbytes
        if total > MOST_TEXT:
            raise TooLarge(f"{dataset.name} has more than {MOST_TEXT} bytes of text there: set a smaller chunk_shape for it")
        at_once = max(1, min(MOST_TEXTS, 2 * at_once, AIM * count // max(nbytes, 1)))
        place: Any = tuple(slice(part.start - whole.start, part.stop - whole.start) for part, whole in zip(box, region, strict=True))
        texts[(*place, ...)] = _settled(block, dtype)
    return texts


def _halves(box: Region) -> list[Region]:
    """The two halves of a box along its first axis with more than one item."""
    axis = next(axis for axis, part in enumerate(box) if part.stop - part.start > 1)
    part = box[axis]
    middle = (part.start + part.stop) // 2
    return [(*box[:axis], half, *box[axis + 1 :]) for half in (slice(part.start, middle), slice(middle, part.stop))]


def _text_bytes(block: Block) -> int:
    """Bytes of the texts and ragged fields of a block, and of everything else in its records."""
    if block.dtype.names:
        return sum(_text_bytes(block[name]) for name in block.dtype.names)
    if not block.dtype.hasobject:
        return block.nbytes
    return sum(item.nbytes if isinstance(item, np.ndarray) else len(item) for item in block.flat if isinstance(item, bytes | np.ndarray))


def _settled(block: Block, dtype: np.dtype[Any]) -> Block:
    """Items as a node has them: bytes decoded to text, and only the fields that we show."""
    if block.dtype.kind == "V" and block.dtype.names is None:
        return np.ascontiguousarray(block).view("u1").reshape(*block.shape, block.dtype.itemsize)
    if not dtype.names:
        return _decoded(block) if dtype.hasobject else block
    records = np.empty(block.shape, dtype)
    for name in dtype.names:
        records[name] = _settled(block[name], dtype[name].base)
    return records


def _decoded(block: Block) -> Block:
    """Bytes decoded to text.

    HDF5 declares ASCII or UTF-8. Writers often declare ASCII and write UTF-8 or Latin-1.
    """
    texts = np.empty(block.shape, object)
    for place, text in np.ndenumerate(block):
        texts[place] = as_text(text)
    return texts


def as_text(spelled: bytes) -> str:
    """Bytes decoded as UTF-8 or, if they are not valid UTF-8, as Latin-1.

    >>> as_text("µm".encode()), as_text("µm".encode("latin-1"))
    ('µm', 'µm')
    """
    try:
        return spelled.decode()
    except UnicodeDecodeError:
        return spelled.decode("latin-1")
