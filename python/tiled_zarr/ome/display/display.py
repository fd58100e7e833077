"""The display view of an array: the same image with axes and types that viewers can draw.

- Axes come in the order t, c, z, y, x.
- Booleans become bytes, and floats 32-bit floats.
- 64-bit integers become 32-bit integers if the source declares a range that fits, else floats.
- Complex numbers become channels: first the magnitudes, then the phases.
- If the source declares a scale, an offset, or marks (values that mean "no value here"), numbers
  are unpacked to 32-bit floats, with NaN for marks.
- Labels, whose numbers are names, and colours are never unpacked.
- Axes that the hint calls `flipped` are read backwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np

from ...encoding import row_index
from ...nodes import Array, Dense, Region
from ...resources import Resources
from . import axes, colours, complexes, flips, hints, pictures
from .hints import Hint
from .packing import SHOWN, Packing, packing, valid_range
from .sentinels import NO_SENTINELS, Sentinels, sentinels

Block: TypeAlias = np.ndarray[Any, Any]
Convert: TypeAlias = Callable[[Block], Block]
Rule: TypeAlias = Literal["mean", "mode"]

FLOAT = np.dtype("f4")
COLOURED = frozenset({"rgb", "palette", "separated"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Display:
    """An image in the form that viewers can draw.

    `array` reads it. Its axes have the letters `axes`, in that order; those of the source have
    `letters`, in the source's order.

    `weight` is how many bytes of the source we read for one pixel of a plane: we decode its chunks
    whole along the axes before y and x. `itemsize` is in bytes, the larger one of the source's and
    the view's. `chunk_nbytes` is how many bytes the source decodes to read one pixel: a whole
    chunk, or 0 if it can read parts of a chunk.

    `is_colour` is true if the channels are red, green and blue, `in_memory` if a read only computes
    and does no I/O. `packing` is the CF packing that we undo. `sentinels` are values that may be
    marks although the source does not declare them. `valid` is CF's valid range, in unpacked
    numbers.
    """

    array: Array
    axes: str
    letters: str
    hint: Hint
    weight: int
    itemsize: int
    chunk_nbytes: int
    is_colour: bool
    is_complex: bool
    in_memory: bool
    packing: Packing | None
    sentinels: Sentinels
    valid: tuple[float, float] | None

    @property
    def rule(self) -> Rule:
        """How four pixels become one: the commonest for labels, the mean for all others."""
        return "mode" if self.hint.is_label else "mean"

    @property
    def channels(self) -> int:
        """The number of channels; 1 if there is no channel axis."""
        return self.array.shape[self.axes.index("c")] if "c" in self.axes else 1

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns of a plane."""
        return self.array.shape[-2], self.array.shape[-1]


def display(node: Array, letters: str | None = None, resources: Resources | None = None) -> Display | None:
    """The display view of an array, or None if it is no image.

    `letters` has one letter for each axis; if it is None, the hint, the dimension names and the
    shape decide. Row indexes (of sparse arrays) lie in `resources`.
    """
    hint = hints.hint(node.attributes)
    stored, node = node, pictures.as_seen(node, hint, letters)
    found = letters or axes.given(hint.axes, len(node.shape)) or axes.letters(node.shape, node.dimension_names)
    if found is None or node.dtype.kind not in "biufc":
        return None
    is_colour = _is_colour(node, found, hint)
    is_measured = node is stored and node.dtype.kind in "iuf" and not is_colour and not hint.is_label
    packed = packing(node, hint) if is_measured else None
    dtype, convert = _conversion(node.dtype, hint) if packed is None else (SHOWN, packed.unpacked)
    is_complex = node.dtype.kind == "c"
    is_open = is_measured and hint.no_data is None and not (packed and packed.marks)
    shown, all_letters = complexes.channels(node, found, resources) if is_complex else (node, found)
    if hint.flipped:
        shown = flips.flipped(complexes.dense(shown, resources) if shown.is_sparse else shown, all_letters, hint.flipped)
    return Display(
        array=_array(_Source(shown, all_letters, convert, resources), dtype),
        axes=axes.sorted_letters(all_letters),
        letters=found,
        hint=hint,
        weight=_weight(node, found),
        itemsize=node.dtype.itemsize if packed is None else max(node.dtype.itemsize, dtype.itemsize),
        chunk_nbytes=_chunk_nbytes(node),
        is_colour=is_colour,
        is_complex=is_complex,
        in_memory=not shown.blocking,
        packing=packed,
        sentinels=_sentinels(node.dtype, dtype, packed) if is_open else NO_SENTINELS,
        valid=valid_range(node.attributes, packed, node.dtype) if is_measured else None,
    )


def line(node: Array) -> Display:
    """A 1-d array as it is, for what reads displays (ome/pyramid/reads.py)."""
    return Display(
        array=node,
        axes="x",
        letters="x",
        hint=hints.hint({}),
        weight=max(node.dtype.itemsize, node.source.itemsize or 0),
        itemsize=node.dtype.itemsize,
        chunk_nbytes=_chunk_nbytes(node),
        is_colour=False,
        is_complex=False,
        in_memory=not node.blocking,
        packing=None,
        sentinels=NO_SENTINELS,
        valid=None,
    )


def _is_colour(node: Array, found: str, hint: Hint) -> bool:
    """True if the channels are red, green and blue, with or without opacity.

    There must be 3 or 4 of them. They are colours if the picture's `photometric` says so. Unless it
    is "minisblack", they also are if they are on the last axis, if the name of their axis says so
    ("rgb"), or if their own names do ("red", "green", "blue").
    """
    if "c" not in found or node.shape[found.index("c")] not in axes.COLOURS:
        return False
    if hint.photometric in COLOURED or hint.photometric == "minisblack":
        return hint.photometric in COLOURED
    name = (node.dimension_names or (None,) * len(found))[found.index("c")]
    is_named = (name or "").lower() in axes.COLOUR_NAMES or colours.are_rgb(tuple(map(hints.label, hint.channels)))
    return is_named or found.endswith("c")


class _Source:
    """Reads a node whose axes have the letters `found`: reorders them and converts the items."""

    def __init__(self, node: Array, found: str, convert: Convert, resources: Resources | None) -> None:
        self.node = node
        self.resources = resources
        self.axes = axes.sorted_letters(found)
        self.convert = convert
        self.order = tuple(found.index(letter) for letter in self.axes)
        self.shape = tuple(node.shape[axis] for axis in self.order)
        self.chunks = None if node.chunks is None else tuple(node.chunks[axis] for axis in self.order)
        self.stepped = _stepped(node)

    def read(self, region: Region) -> Block:
        """The pixels of a region of the display view."""
        return self.convert(self._read(self._own(region)).transpose(self.order))

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every n-th pixel of a region of the display view; `steps` has the n of each axis."""
        assert self.stepped is not None
        return self.convert(self.stepped(self._own(region), self._own(steps)).transpose(self.order))

    def _read(self, region: Region) -> Block:
        return row_index.dense(self.node, region, self.resources) if self.node.is_sparse else np.asarray(self.node.read(region))

    def _own(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Values given in the order of the display's axes, in the order of the source's axes."""
        own: list[Any] = [None] * len(values)
        for value, axis in zip(values, self.order, strict=True):
            own[axis] = value
        return tuple(own)


def _array(source: _Source, dtype: np.dtype[Any]) -> Array:
    """The node of the display view. Reading it blocks unless the source is in memory and dense."""
    node = source.node
    return Array(
        shape=source.shape,
        dtype=dtype,
        source=Dense(
            source.read,
            source.read_stepped if source.stepped else None,
            blocking=node.blocking or node.is_sparse or source.convert not in VIEWS,
        ),
        chunks=source.chunks,
        dimension_names=tuple(source.axes),
        attributes=node.attributes,
        revision=node.revision,
        options=node.options,
    )


def _weight(node: Array, found: str) -> int:
    """Bytes of the source that we decode for one pixel of a plane.

    More than one item if a chunk is longer than 1 along the other axes, since chunks are decoded
    whole.
    """
    chunks = node.chunks or (1,) * len(node.shape)
    weight = node.dtype.itemsize
    for letter, chunk, size in zip(found, chunks, node.shape, strict=True):
        weight *= 1 if letter in "yx" else min(chunk, size)
    return weight


def _chunk_nbytes(node: Array) -> int:
    """Bytes that the source decodes to read one pixel: those of a chunk (or of its `unit`), or 0.

    0 for a sparse node, for one in memory, and for one with a cheap stepped read: none decodes
    chunks.
    """
    if node.is_sparse or not node.blocking or node.source.read_stepped is not None:
        return 0
    unit = node.source.unit or node.chunks
    return 0 if unit is None else math.prod(min(sizes) for sizes in zip(unit, node.shape, strict=True)) * node.dtype.itemsize


def _stepped(node: Array) -> Callable[[Region, tuple[int, ...]], Block] | None:
    """The node's stepped read, or None; an array in memory always has one: slices are views."""
    if node.is_sparse or node.blocking or node.source.read_stepped is not None:
        return node.source.read_stepped
    return lambda region, steps: np.asarray(node.read(region))[tuple(slice(None, None, step) for step in steps)]


def _conversion(dtype: np.dtype[Any], hint: Hint) -> tuple[np.dtype[Any], Convert]:
    """The type in which we show numbers of `dtype`, and the function that converts a block."""
    match dtype.kind:
        case "b":
            return np.dtype("u1"), _bytes
        case "f":
            return (dtype, _same) if dtype.itemsize == FLOAT.itemsize else (FLOAT, _as(FLOAT))
        case "i" | "u" if dtype.itemsize < 8:
            return dtype, _same
        case "i" | "u":
            narrow = _narrow(hint)
            return narrow, _as(narrow)
    return FLOAT, _as(FLOAT)


def _sentinels(source: np.dtype[Any], dtype: np.dtype[Any], packed: Packing | None) -> Sentinels:
    """The candidates for marks, in the type that we show."""
    return _plain_sentinels(source, dtype) if packed is None else sentinels(source, packed.unpacked)


@lru_cache
def _plain_sentinels(source: np.dtype[Any], dtype: np.dtype[Any]) -> Sentinels:
    """The candidates of a type, cached: making them takes as long as the rest of a display view."""
    return sentinels(source, _as(dtype))


def _narrow(hint: Hint) -> np.dtype[Any]:
    """The 32-bit type for 64-bit integers: u4 or i4 if the declared range fits, else f4."""
    for kind in ("u4", "i4"):
        limits = np.iinfo(kind)
        if hint.range is not None and limits.min <= hint.range[0] and hint.range[1] <= limits.max:
            return np.dtype(kind)
    return FLOAT


def _same(block: Block) -> Block:
    return block


def _bytes(block: Block) -> Block:
    return block.view("u1")


VIEWS = (_same, _bytes)
"""Conversions that return a view and copy nothing."""


def _as(dtype: np.dtype[Any]) -> Convert:
    def convert(block: Block) -> Block:
        with np.errstate(over="ignore", invalid="ignore"):
            return block.astype(dtype)

    return convert
