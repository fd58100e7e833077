"""The display view of an array: the axes and types that viewers can draw.

Axes stand in the order t, c, z, y, x. Booleans are served as bytes, floats in 32 bits, 64-bit integers as floats, or as 32-bit integers
where the source declares a range that fits; complex numbers become channels, first magnitudes, then phases.
Where the source declares marks for "no value here", a scale or an offset, numbers are unpacked to 32-bit floats, with NaN
for marks. Names (labels) and colours are shown as they are.
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
from . import axes, complexes, hints, pictures
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
    """An image as viewers want it: `array`, whose axes have the letters `axes`, in their order; those of the source have `letters`.

    `weight` is how many bytes of the source have to be read for one pixel, its chunks being whole along the axes before y and x;
    `itemsize` is that of the source or of the view, the larger one, and `chunk_nbytes` what the source decodes for any pixel at all: a
    whole chunk, 0 where it reads parts of one. `is_colour` says that the channels are red, green and blue, `in_memory` that reading needs
    nothing but computing. `packing` is what is undone of the source's; `sentinels` are numbers that may be marks although nobody says so;
    `valid` is the range outside of which CF takes no number for valid.
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
        """How four pixels become one."""
        return "mode" if self.hint.is_label else "mean"

    @property
    def channels(self) -> int:
        """The number of channels; without an axis for them it is one."""
        return self.array.shape[self.axes.index("c")] if "c" in self.axes else 1

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.array.shape[-2], self.array.shape[-1]


def display(node: Array, letters: str | None = None, resources: Resources | None = None) -> Display | None:
    """The display view of an array, or None where it is no image; `letters`, one for each of its axes, are found out if not given.

    Row indexes lie in `resources`.
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


def _is_colour(node: Array, found: str, hint: Hint) -> bool:
    """Whether channels are red, green and blue: as the picture says, or else where they are the items of a pixel."""
    if "c" not in found or node.shape[found.index("c")] not in axes.COLOURS:
        return False
    return hint.photometric in COLOURED or (hint.photometric != "minisblack" and found.endswith("c"))


class _Source:
    """A node read with its axes (of letters `found`) in order and its items converted."""

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
        """A block of the display view."""
        return self.convert(self._read(self._own(region)).transpose(self.order))

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every so many pixels of a block."""
        assert self.stepped is not None
        return self.convert(self.stepped(self._own(region), self._own(steps)).transpose(self.order))

    def _read(self, region: Region) -> Block:
        return row_index.dense(self.node, region, self.resources) if self.node.is_sparse else np.asarray(self.node.read(region))

    def _own(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Values for the display's axes, put in the order of the source's."""
        own: list[Any] = [None] * len(values)
        for value, axis in zip(values, self.order, strict=True):
            own[axis] = value
        return tuple(own)


def _array(source: _Source, dtype: np.dtype[Any]) -> Array:
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
    """Bytes of the source behind a pixel: its chunks are decoded whole, also along the other axes."""
    chunks = node.chunks or (1,) * len(node.shape)
    weight = node.dtype.itemsize
    for letter, chunk, size in zip(found, chunks, node.shape, strict=True):
        weight *= 1 if letter in "yx" else min(chunk, size)
    return weight


def _chunk_nbytes(node: Array) -> int:
    """Bytes that reading any pixel decodes; a source that reads every so many pixels cheaply decodes no chunks, nor does memory."""
    if node.is_sparse or not node.blocking or node.source.read_stepped is not None:
        return 0
    unit = node.source.unit or node.chunks
    return 0 if unit is None else math.prod(min(sizes) for sizes in zip(unit, node.shape, strict=True)) * node.dtype.itemsize


def _stepped(node: Array) -> Callable[[Region, tuple[int, ...]], Block] | None:
    """The node's stepped read; blocks in memory are views, of which any part is free."""
    if node.is_sparse or node.blocking or node.source.read_stepped is not None:
        return node.source.read_stepped
    return lambda region, steps: np.asarray(node.read(region))[tuple(slice(None, None, step) for step in steps)]


def _conversion(dtype: np.dtype[Any], hint: Hint) -> tuple[np.dtype[Any], Convert]:
    """The type to show numbers in, and how a block is brought to it."""
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
    """What may be a mark, in the type that is shown."""
    return _plain_sentinels(source, dtype) if packed is None else sentinels(source, packed.unpacked)


@lru_cache
def _plain_sentinels(source: np.dtype[Any], dtype: np.dtype[Any]) -> Sentinels:
    """Made once a type: it takes as long as all else of a view."""
    return sentinels(source, _as(dtype))


def _narrow(hint: Hint) -> np.dtype[Any]:
    """The 32-bit type for 64-bit integers."""
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
"""Conversions that take no time."""


def _as(dtype: np.dtype[Any]) -> Convert:
    def convert(block: Block) -> Block:
        with np.errstate(over="ignore", invalid="ignore"):
            return block.astype(dtype)

    return convert
