"""The first values of a node, as its page shows them: one alone, or rows and columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import marks
from ...encoding import values
from ...encoding.encode import Block
from ...hierarchy.keyspace import Chunk, KeySpace
from ...hierarchy.openings import reason
from ...hierarchy.places import Place
from ...nodes import Array, Node, Region
from .cells import LONGEST_ALONE, cell, with_nulls
from .places import placed

ROWS, COLUMNS = 10, 8
TABLE_COLUMNS = 12
"""Columns of a table that its page shows at most; it lists all of them below."""
FEW = 8
"""Values of an array up to which the page of its group shows them all."""
MOST_BYTES = 64 * 1024 * 1024
"""Memory that reading the first values may take; whole blocks of compressed data are decoded."""
LITTLE = 64 * 1024
"""The same for an array in the list of its group, which may have a hundred of them."""
LONGEST_UNIT = 40


@dataclass(frozen=True, slots=True)
class Column:
    """The heading of a column, and what is said below it: its type, its unit."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Values of a node: `alone` the text of one, or rows, each with a label, below `columns`.

    `caption` says which part of all they are; `failure` is the reason why there are none.
    """

    alone: str = ""
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    caption: str = ""
    failure: str = ""


def of_array(keys: KeySpace, path: str, unit: str) -> Values:
    """The first values of the array at `path`, and its unit. Blocks; a failure is said in them."""
    try:
        return _of_array(keys, there(keys, path), unit)
    except Exception as why:  # noqa: BLE001 - the page says all else about the array
        return Values(failure=reason(why))


def of_table(keys: KeySpace, path: str, columns: Sequence[tuple[str, Array]], count: int) -> Values:
    """The first rows of the table at `path`; these are the first of its `count` columns. Blocks.

    A column that fails has its reason below its name, and no values.
    """
    length = min((column.shape[0] for _, column in columns), default=0)
    shown = columns[:TABLE_COLUMNS]
    stop = min(length, ROWS)
    heads, parts = list[Column](), list[list[str]]()
    for name, column in shown:
        try:
            place = there(keys, f"{path}/{name}".lstrip("/"))
            block = read(keys, place, (slice(0, stop),))
            nulls = marks.nulls(block, place.node.attributes) if block.ndim == 1 else None
            parts.append(with_nulls([cell(item) for item in items(block)], nulls, "null"))  # as on the page of the table
            heads.append(Column(name, noted(typed(column.dtype), unit_of(place.node.attributes))))
        except Exception as why:  # noqa: BLE001 - one damaged column harms only itself
            parts.append(["…"] * stop)
            heads.append(Column(name, reason(why)))
    rows = tuple((f"{row:,}", tuple(part[row] for part in parts)) for row in range(stop))
    caption = f"{first(stop, length, 'row')}, {first(len(shown), count, 'column')}"
    return Values(columns=tuple(heads), rows=rows, caption=caption)


def few(keys: KeySpace, place: Place, unit: str) -> str:
    """All values of an array that has at most FEW, as one text; empty if it has more.

    Blocks; raises what the source raises. Empty too if it is not cheap to read them.
    """
    node, count = place.array, math.prod(place.array.shape)
    part = values.part(keys, place, whole(node.shape)) if 0 < count <= FEW else None
    if part is None or part.weight > LITTLE:
        return ""
    if place.parent is None or not node.blocking:
        block = values.held(part, keys.resources)
    else:
        with keys.places.openings.hangs.asking(place.parent, place.name):
            block = values.held(part, keys.resources)
    return " ".join(filter(None, [", ".join(cell(item) for item in items(block)), unit]))


def _of_array(keys: KeySpace, place: Place, unit: str) -> Values:
    shape, dtype = place.array.shape, place.array.dtype
    if not shape:
        return Values(alone=" ".join(filter(None, [cell(items(read(keys, place, ()))[0], LONGEST_ALONE), unit])))
    if 0 in shape:
        return Values(caption="no values")
    *before, rows = shape[:1] if len(shape) == 1 else shape[:-1]
    columns = shape[-1] if len(shape) > 1 else 1
    most = min(rows, ROWS), min(columns, COLUMNS)
    region = tuple(slice(0, 1) for _ in before) + tuple(slice(0, size) for size in (most if len(shape) > 1 else most[:1]))
    block = read(keys, place, region).reshape(most)
    caption = first(most[0], rows, "row" if len(shape) > 1 else "value")
    if len(shape) > 1:
        caption += f", {first(most[1], columns, 'column')}"
        heads = tuple(Column(f"{number:,}") for number in range(most[1]))
    elif dtype.names is not None:
        heads = tuple(Column(name, typed(dtype[name])) for name in dtype.names[:TABLE_COLUMNS])
        caption += f", {first(len(heads), len(dtype.names), 'field')}"
        block = block[:, 0]
    else:
        heads = (Column("value", unit),)
    if before:
        caption += f", at {', '.join('0' for _ in before)} on the axes before"
    if unit and len(shape) > 1:
        caption += f", in {unit}"
    labelled = tuple((f"{row:,}", tuple(cell(item) for item in cells(block[row], heads))) for row in range(most[0]))
    return Values(columns=heads, rows=labelled, caption=caption)


def cells(row: Any, heads: Sequence[Column]) -> list[Any]:
    """The items of a row: of a record its fields."""
    return items(row) if getattr(row, "shape", ()) else [row[head.name] for head in heads]


def items(block: Block) -> list[Any]:
    """The items of a block, as numpy's scalars."""
    flat = block.reshape(-1)
    return [flat[number] for number in range(flat.size)]


def read(keys: KeySpace, place: Place, region: Region) -> Block:
    """The values of a region. Blocks; raises what the source raises."""
    part: Chunk = values.part(keys, place, region)
    if part.weight > MOST_BYTES:
        raise ValueError(f"reading the first values takes {part.weight >> 20:,} MiB of memory; a page takes at most {MOST_BYTES >> 20}")
    return values.held(part, keys.resources)


def there(keys: KeySpace, path: str) -> Place:
    """The place at a path. Raises KeyError if there is no such node, and what opening it raises."""
    place = placed(keys, path)
    if place is None:
        raise KeyError(path)
    return place


def unit_of(found: Mapping[str, Any]) -> str:
    """The unit that attributes name; empty if they name none.

    >>> unit_of({"units": "mm"}), unit_of({"unit": b""}), unit_of({})
    ('mm', '', '')
    """
    named = found.get("units", found.get("unit", ""))
    return named if isinstance(named, str) and len(named) <= LONGEST_UNIT else ""


def typed(dtype: np.dtype[Any]) -> str:
    """What pages call a type.

    >>> typed(np.dtype(">i4")), typed(np.dtype("S8")), typed(np.dtype("i4,f8")), typed(np.dtype(object))
    ('int32', 'S8', 'record of 2 fields', 'text')
    """
    if dtype.kind == "O":
        return "text"
    return (
        str(dtype.newbyteorder("=")).lstrip("|<>")
        if dtype.names is None
        else f"record of {first(len(dtype.names), len(dtype.names), 'field')}"
    )


def noted(*texts: str) -> str:
    """Texts with commas between them, without those that are empty."""
    return ", ".join(filter(None, texts))


def first(shown: int, count: int, noun: str) -> str:
    """How many of something are shown.

    >>> first(1, 1, "row"), first(10, 1000, "row"), first(2, 2, "row")
    ('1 row', 'first 10 of 1,000 rows', '2 rows')
    """
    nouns = noun if count == 1 else f"{noun}s"
    return f"{count:,} {nouns}" if shown == count else f"first {shown:,} of {count:,} {nouns}"


def whole(shape: tuple[int, ...]) -> Region:
    """The region that is all of an array."""
    return tuple(slice(0, size) for size in shape)


def arrays(nodes: Mapping[str, Node], names: Sequence[str]) -> list[tuple[str, Array]]:
    """The columns of a table, in the order of the names."""
    return [(name, node) for name in names if isinstance(node := nodes.get(name), Array) and node.shape]
