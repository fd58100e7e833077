"""What the numbers of a source stand for, as the CF conventions say it: marks for "no value here", a scale, an offset, a range.

https://cfconventions.org/cf-conventions/cf-conventions.html#missing-data and #packed-data. `_Unsigned` is netCDF-3's
way to say that signed numbers stand for unsigned ones. The display view undoes what xarray undoes; the range is only used
for contrast limits, since xarray does not mask what lies outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from ...nodes import Array
from .hints import Hint, is_number, numbers

Block: TypeAlias = np.ndarray[Any, Any]

SHOWN = np.dtype("f4")
"""The type of unpacked numbers; what is missing is NaN."""
MARKS = ("_FillValue", "missing_value")
MOST_MARKS = 16
SLAB = 256 * 1024
"""Pixels that are unpacked at once: they take 8 bytes each meanwhile (2 MiB, about what a core's cache holds)."""
SIGNS = MappingProxyType({"true": ("i", "u"), "false": ("u", "i")})
"""What `_Unsigned` turns into what."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Packing:
    """How the items of a source are read as numbers: `marks` are items, and `kind` is the type that other items have."""

    marks: tuple[np.generic, ...]
    scale: float
    offset: float
    kind: str

    @property
    def is_scaled(self) -> bool:
        """Whether numbers are other than items."""
        return (self.scale, self.offset) != (1.0, 0.0)

    def unpacked(self, block: Block) -> Block:
        """The numbers of a block, NaN where an item is a mark."""
        out = np.empty(block.shape, SHOWN)
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in _slabs(block.shape):
                self._unpack(block[rows], out[rows])
        return out

    def number(self, item: float) -> float:
        """One item as a number."""
        return item * self.scale + self.offset

    def _unpack(self, block: Block, out: Block) -> None:
        items = block.view(_signed_as(block.dtype, self.kind))
        np.copyto(out, items.astype("f8") * self.scale + self.offset if self.is_scaled else items, casting="unsafe")
        for mark in self.marks:
            out[block == mark] = np.nan


def packing(node: Array, hint: Hint) -> Packing | None:
    """How an array of integers or floats is packed; None if its items are its numbers, and none of them is a mark."""
    attributes = node.attributes
    made = Packing(
        marks=declared_marks(node, hint),
        scale=_number(attributes.get("scale_factor"), 1.0) or 1.0,
        offset=_number(attributes.get("add_offset"), 0.0),
        kind=_kind(node.dtype, attributes),
    )
    return made if made.marks or made.is_scaled or made.kind != node.dtype.kind else None


def declared_marks(node: Array, hint: Hint) -> tuple[np.generic, ...]:
    """The items of an array that stand for "no value here": those of a hint if it has any, else those of CF; never zero, nor NaN."""
    mark = node.mark
    declared = (mark.item(),) if isinstance(mark, np.integer | np.floating) else ()
    values = hint.no_data if hint.no_data is not None else (*declared, *_said(node.attributes))
    items = (_item(value, node.dtype) for value in values[:MOST_MARKS])
    return tuple(dict.fromkeys(item for item in items if item is not None and item != 0))


def valid_range(attributes: Mapping[str, Any], packed: Packing | None, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """The least and the largest number that CF says are valid; None if it says nothing, or nothing that could hold."""
    low, high = (_limit(attributes, name, place, packed, dtype) for place, name in enumerate(("valid_min", "valid_max")))
    if low is None and high is None:
        return None
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if packed is not None:
        low, high = sorted((packed.number(low), packed.number(high)))
    return (low, high) if low < high else None


def _said(attributes: Mapping[str, Any]) -> tuple[float, ...]:
    """The numbers that CF's attributes for marks hold."""
    return tuple(value for name in MARKS for value in numbers(attributes.get(name)))


def _item(value: float, dtype: np.dtype[Any]) -> np.generic | None:
    """A number as an item; None if the type has none that equals it. Signed types may be told an unsigned number of as many bits."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            item = dtype.type(value)
        return item if np.isfinite(item) else None
    if value != int(value):
        return None
    limits = np.iinfo(dtype)
    wrapped = int(value) - (1 << limits.bits) if dtype.kind == "i" and value > limits.max else int(value)
    return dtype.type(wrapped) if limits.min <= wrapped <= limits.max else None


def _limit(attributes: Mapping[str, Any], name: str, place: int, packed: Packing | None, dtype: np.dtype[Any]) -> float | None:
    """One end of the valid range, as an item; those of unsigned numbers may be told as signed ones."""
    both = numbers(attributes.get("valid_range"))
    value = both[place] if len(both) == 2 else next(iter(numbers(attributes.get(name))), None)
    is_wrapped = packed is not None and packed.kind == "u" and dtype.kind == "i" and value is not None and value < 0
    return value + (1 << 8 * dtype.itemsize) if value is not None and is_wrapped else value


def _kind(dtype: np.dtype[Any], attributes: Mapping[str, Any]) -> str:
    source, kind = SIGNS.get(str(attributes.get("_Unsigned")).lower(), ("", ""))
    return kind if source == dtype.kind else dtype.kind


def _signed_as(dtype: np.dtype[Any], kind: str) -> np.dtype[Any]:
    return dtype if kind == dtype.kind else np.dtype(dtype.str.replace(dtype.kind, kind))


def _number(value: object, default: float) -> float:
    found = numbers(value)
    return float(found[0]) if len(found) == 1 and is_number(found[0]) else default


def _slabs(shape: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows of a block, a few at a time."""
    step = max(1, SLAB // max(1, math.prod(shape[:-2]) * shape[-1]))
    for top in range(0, shape[-2], step):
        yield (..., slice(top, top + step), slice(None))
