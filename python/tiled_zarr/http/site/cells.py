"""Values as text: exact, as numpy spells them, and short."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import texts

LONGEST = 80
"""Characters of a value in a table on a page, at most."""
LONGEST_ALONE = 2000
"""Characters of a value that a page shows alone, at most."""
MOST_FIELDS = 12
"""Fields of a record, or items of an array in it, that its text names at most."""


def cell(value: Any, longest: int = LONGEST) -> str:
    r"""The text of a value on one line, cut after `longest` characters.

    >>> cell(np.float32(0.1)), cell(np.datetime64("2026-11-27T06:00")), cell(np.complex64(1 + 2j))
    ('0.1', '2026-11-27T06:00', '1+2j')
    >>> cell(np.timedelta64(5, "s")), cell(np.bool_(True)), cell("naïve"), cell(b"raw\xff")
    ('5 s', 'True', 'naïve', 'raw\\xff')
    >>> cell(np.array((1, "a"), "i4,U1")[()]), cell("a" * 9, 5)
    ('f0: 1, f1: a', 'aaaaa… (9 characters)')
    """
    if isinstance(value, str | bytes):
        return cut(spelled(value), longest)
    if isinstance(value, np.ndarray):
        return cut(f"[{listed([cell(item, longest) for item in value.ravel()[: MOST_FIELDS + 1]], value.size)}]", longest)
    if isinstance(value, np.void) and value.dtype.names is not None:
        named = [f"{name}: {cell(value[name], longest)}" for name in value.dtype.names[: MOST_FIELDS + 1]]
        return cut(listed(named, len(value.dtype.names)), longest)
    return cut(spelled(value), longest)


def spelled(value: Any) -> str:
    """The whole text of a value that is no array and has no fields."""
    match value:
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case str():
            return texts.plain(value)
        case np.void():
            return value.tobytes().hex()
        case np.timedelta64() if not np.isnat(value):
            unit, count = np.datetime_data(value.dtype)  # of `m8[10s]` they are "s" and 10
            return f"{int(value.astype(np.int64)) * count} {unit}"
        case np.complexfloating():
            return str(value).strip("()")
        case _:
            return str(value)


def with_nulls(texts: list[str], nulls: np.ndarray[Any, Any] | None, null: str) -> list[str]:
    """The texts of a column, with one text for all its nulls; `nulls` is None if it has none."""
    return texts if nulls is None else [null if is_null else text for text, is_null in zip(texts, nulls.tolist(), strict=True)]


def listed(items: list[str], count: int) -> str:
    """Items with commas between them, and an ellipsis if there are more than MOST_FIELDS."""
    return ", ".join([*items[:MOST_FIELDS], *(["…"] if count > MOST_FIELDS else [])])


def cut(text: str, longest: int) -> str:
    """The beginning of a text, with its length if it is longer."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"
