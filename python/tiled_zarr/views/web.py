"""Arrays in types that JavaScript has, and so has every reader that is written in it.

zarrita, and what is built on it, refuses times, texts of a fixed length, records and complex
numbers, and shows booleans as no picture. So
- text of a fixed length becomes `string`, bytes become u1 with one more axis;
- times and spans become int64 with the attributes `units` and `calendar` of the CF conventions;
  NaT is `_FillValue`;
- booleans become u1 with the attribute `dtype: bool`, from which xarray makes booleans again;
- complex numbers get a last axis of two floats, the real and the imaginary part;
- a record array becomes the group of its fields.

https://cfconventions.org/Data/cf-conventions/cf-conventions-1.12/cf-conventions.html#time-coordinate
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from .. import records
from ..attributes import joined, nothing
from ..nodes import Array, Coordinates, Dense, Node, Region, Revision, Source, Stored

UNITS = MappingProxyType(
    {
        "D": "days",
        "h": "hours",
        "m": "minutes",
        "s": "seconds",
        "ms": "milliseconds",
        "us": "microseconds",
        "ns": "nanoseconds",
        "ps": "picoseconds",
        "fs": "femtoseconds",
        "as": "attoseconds",
    }
)
"""The units of CF's times by those of numpy; years, months and weeks become days."""
EPOCH = "since 1970-01-01"
NOT_A_TIME = np.int64(np.iinfo(np.int64).min)

Block = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the items of an array become those of another type.

    `convert` takes a block and returns one with the axes `inner` behind its own. `keeps_bytes` says
    that an item is the same bytes in both types, if they are little-endian.
    """

    dtype: np.dtype[Any]
    convert: Callable[[Block], Block]
    inner: tuple[int, ...] = ()
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=nothing)
    mark: Any = None
    keeps_bytes: bool = False


def as_web(node: Node) -> Node:
    """The node as JavaScript can read it; the same node if it can already."""
    if not isinstance(node, Array):
        return node
    if node.dtype.names and not node.is_sparse:
        return records.as_group(node)
    conversion = conversion_of(node.dtype)
    return node if conversion is None or not _fits(node.source, conversion) else _converted(node, conversion)


def _fits(source: Source, conversion: Conversion) -> bool:
    """False for entries that cannot be converted one by one.

    These are booleans, since entries of one place are added up, texts, since no entry can be of any
    length, and a fill of several parts.
    """
    if isinstance(source, Dense):
        return True
    is_kept = conversion.dtype.kind == "O" or conversion.attributes.get("dtype") == "bool"
    return not is_kept and (source.fill is None or not conversion.inner)


def conversion_of(dtype: np.dtype[Any]) -> Conversion | None:
    """How items of a type are converted; None if they stay."""
    match dtype.kind:
        case "U":
            return Conversion(np.dtype(object), lambda block: block.astype(object))
        case "S":
            return Conversion(np.dtype("u1"), lambda block: _parts(block, np.dtype("u1")), (dtype.itemsize,))
        case "b":
            return Conversion(np.dtype("u1"), lambda block: block.view("u1"), attributes={"dtype": "bool"}, keeps_bytes=True)
        case "c":
            half = np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}")
            return Conversion(half, lambda block: _parts(block, half), (2,))
        case "M" | "m":
            return _of_times(dtype)
        case _:
            return None


def _of_times(dtype: np.dtype[Any]) -> Conversion:
    """int64 in the unit of a type of times; in days or the plain unit if CF has none like it."""
    unit, step = np.datetime_data(dtype)
    plain = unit if unit in UNITS else "s" if unit == "generic" else "D"
    whole = dtype if (plain, 1) == (unit, step) else np.dtype(f"{dtype.kind}8[{plain}]")
    units = f"{UNITS[plain]} {EPOCH}" if dtype.kind == "M" else UNITS[plain]
    said = {"units": units, **({"calendar": "proleptic_gregorian"} if dtype.kind == "M" else {})}
    return Conversion(
        np.dtype(whole.byteorder + "i8"),
        lambda block: block.astype(whole, copy=False).view(f"{whole.byteorder}i8"),
        attributes=said,
        mark=NOT_A_TIME,
        keeps_bytes=whole is dtype,
    )


def _parts(block: Block, part: np.dtype[Any]) -> Block:
    """The parts of each item of a block, along a new last axis."""
    items = np.ascontiguousarray(block).reshape(-1)
    return items.view(part).reshape(*block.shape, block.dtype.itemsize // part.itemsize)


def _converted(array: Array, conversion: Conversion) -> Array:
    inner, ndim = conversion.inner, len(array.shape)
    field = records.Field(array, shape=inner)

    def axes(sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return (*sizes, *inner) if sizes and len(sizes) == ndim else sizes

    options = replace(array.options, chunk_shape=axes(array.options.chunk_shape)) if array.options.chunk_shape else array.options
    source = array.source
    return Array(
        shape=(*array.shape, *inner),
        dtype=conversion.dtype,
        source=_of_entries(source, conversion) if isinstance(source, Coordinates) else _dense(source, conversion, ndim, array.dtype, axes),
        chunks=axes(array.chunks),
        maxshape=(*array.maxshape, *inner) if array.maxshape else None,
        dimension_names=(*array.dimension_names, *[None] * len(inner)) if array.dimension_names else None,
        attributes=joined(array.attributes, conversion.attributes),
        mark=_mark(array, conversion),
        revision=Revision(array.revision, field.revision, field.look()) if array.revision.of else array.revision,
        options=options,
    )


def _dense(
    source: Dense, conversion: Conversion, ndim: int, dtype: np.dtype[Any], axes: Callable[[tuple[int, ...] | None], tuple[int, ...] | None]
) -> Dense:
    def cut(block: Any, region: tuple[slice, ...]) -> Block:
        # numpy's a[()] is a scalar, which has lost the byte order of its array and zeros at the end of text
        given = block if isinstance(block, np.ndarray) else np.array(block, dtype)
        index: Any = (..., *region[ndim:])
        converted: Block = conversion.convert(given.astype(dtype, casting="equiv", copy=False))[index]
        return converted

    stepped = source.read_stepped

    def read_stepped(region: Region, steps: tuple[int, ...]) -> Block:
        assert stepped is not None
        inner = tuple(slice(part.start, part.stop, step) for part, step in zip(region[ndim:], steps[ndim:], strict=True))
        return cut(stepped(region[:ndim], steps[:ndim]), (*region[:ndim], *inner))

    return Dense(
        lambda region: cut(source.read(region[:ndim]), region),
        read_stepped if stepped else None,
        _stored(source, conversion),
        blocking=source.blocking,
        prepared=source.prepared if conversion.keeps_bytes else None,
        unit=axes(source.unit),
        itemsize=source.itemsize or (dtype.itemsize if source.blocking and conversion.inner else None),
        recomputes=source.recomputes,
    )


def _stored(source: Dense, conversion: Conversion) -> Stored | None:
    """The stored chunks, if they are those of the converted array too."""
    return source.stored if conversion.keeps_bytes else None


def _of_entries(source: Coordinates, conversion: Conversion) -> Source:
    """The entries of a sparse array, converted; one with an inner axis has an entry for each part."""

    def entries() -> tuple[Block, Block]:
        coords, data = source.entries()
        converted = conversion.convert(np.asarray(data))
        if not conversion.inner:
            return coords, converted
        count = conversion.inner[0]
        places = np.vstack([np.repeat(coords, count, axis=1), np.tile(np.arange(count), len(data))])
        return places, converted.reshape(-1)

    fill = None if source.fill is None else conversion.convert(np.asarray([source.fill])).reshape(-1)[0]
    return Coordinates(entries, fill, source.blocking)


def _mark(array: Array, conversion: Conversion) -> Any:
    """The mark of missing values, converted; that of the type if the array has none."""
    if array.mark is None or conversion.inner:
        return conversion.mark
    return conversion.convert(np.asarray([array.mark], array.dtype))[0]
