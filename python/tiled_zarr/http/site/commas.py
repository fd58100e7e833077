"""CSV: https://www.rfc-editor.org/rfc/rfc4180"""  # noqa: D400 - an address

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np

from ... import marks
from ...encoding.encode import Block
from .cells import spelled, with_nulls

Column = tuple[str, Block, Mapping[str, Any]]
"""The name, the items and the attributes of a column."""


def encode(columns: Sequence[Sequence[str]], names: Sequence[str] = ()) -> bytes:
    """Columns of texts of one length as CSV in UTF-8, below their names if they have some."""
    text = StringIO()
    writer = csv.writer(text)
    if names:
        writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


def of_block(block: Block) -> bytes:
    """A block of at most two axes: a row for each item of the first, records with their fields."""
    if block.dtype.names is not None:
        return encode(*split("", block.reshape(-1)))
    rows = block.reshape(-1, 1) if block.ndim < 2 else block
    return encode([exact(rows[:, number]) for number in range(rows.shape[1])])


def of_table(columns: Iterable[Column]) -> bytes:
    """The columns of a table, below their names; a column of records has a column for each field.

    Nulls are empty fields, as pandas writes and reads them.
    """
    texts, names = list[list[str]](), list[str]()
    for name, block, attributes in columns:
        found, below = split(name, block)
        nulls = marks.nulls(block, attributes) if block.ndim == 1 else None
        texts += [with_nulls(column, nulls, "") for column in found]
        names += below
    return encode(texts, names)


def split(name: str, block: Block) -> tuple[list[list[str]], list[str]]:
    """The texts of a column of items, and its name; those of each field of records."""
    if block.dtype.names is None:
        return [exact(block)], [name]
    texts, names = list[list[str]](), list[str]()
    for field in block.dtype.names:
        found, below = split(f"{name}.{field}" if name else field, block[field])
        texts += found
        names += below
    return texts, names


def exact(items: Block) -> list[str]:
    """The texts of items, each exact: it reads back as the same value.

    Items with axes of their own, as fields of records have them, are numbers with spaces between.
    """
    if items.ndim > 1:
        return [" ".join(exact(item.reshape(-1))) for item in items]
    if items.dtype.str[1:] in {"f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}:
        return list(map(repr, items.tolist()))
    return [spelled(item) for item in _scalars(items)]


def _scalars(items: Block) -> list[Any]:
    return list(items) if items.dtype.kind == "O" else [items[number] for number in range(len(np.atleast_1d(items)))]
