"""Checks the axes of arrays when their nodes are made: sizes are integers, names are short text.

A wrong shape raises. Anything else that is wrong is discarded, with the reason in `mended`.
"""

from __future__ import annotations

import operator
from itertools import islice
from typing import Any, TypeVar

from . import texts

MOST_AXES = 64
"""The most axes that numpy's arrays have."""
LARGEST = 2**63
"""Sizes are below this: numpy, HDF5 and Arrow count with signed 64-bit integers."""
LONGEST_NAME = 255
"""Characters of a dimension name at most.

NetCDF allows 256 bytes; a longer one is text that got there by mistake.
"""

T = TypeVar("T")
Sizes = tuple[int, ...]
Names = tuple[str | None, ...]


def shape(given: Any) -> Sizes:
    """A shape. Raises ValueError or TypeError if it is none."""
    if type(given) is tuple and all(type(size) is int and 0 <= size < LARGEST for size in given) and len(given) <= MOST_AXES:
        return given
    sizes = tuple(map(operator.index, islice(given, MOST_AXES + 1)))
    if len(sizes) > MOST_AXES:
        raise ValueError(f"no array has more than {MOST_AXES} axes")
    if not all(0 <= size < LARGEST for size in sizes):
        raise ValueError(f"no array has the shape {texts.line(texts.said_by(sizes))}")
    return sizes


def size(given: Any) -> int:
    """One size. Raises ValueError or TypeError if it is none."""
    return shape((given,))[0]


def of_type(kind: type[T], field: str, given: Any) -> T:
    """A value of a type, in a field. Raises TypeError for any other."""
    if isinstance(given, kind):
        return given
    raise TypeError(f"{field}: expected {kind.__name__}, got {type(given).__name__}")


def chunks(field: str, given: Any, ndim: int, mended: dict[str, str]) -> Sizes | None:
    """A chunk shape for an array of `ndim` axes; None if it is none.

    `field` is its name in `mended`.
    """
    if given is None:
        return None
    try:
        sizes = shape(given)
        if len(sizes) != ndim:
            raise ValueError(f"expected one size for each of {ndim} axes, got {len(sizes)}")  # noqa: TRY301 - one way to give it up
    except Exception as why:  # noqa: BLE001 - whatever a source's own object raises
        mended[field] = texts.of_error(why)
        return None
    return sizes


def maxshape(given: Any, current: Sizes, mended: dict[str, str]) -> tuple[int | None, ...] | None:
    """The shape up to which an array of the shape `current` may grow; None if it is none.

    A size is None if the axis has no limit.
    """
    try:
        ends = tuple(None if end is None else operator.index(end) for end in islice(given, MOST_AXES + 1))
        if len(ends) != len(current) or any(end is not None and end < size for end, size in zip(ends, current, strict=True)):
            got = texts.line(texts.said_by(ends))
            raise ValueError(f"expected sizes no smaller than the shape {current}, got {got}")  # noqa: TRY301 - one way to give it up
    except Exception as why:  # noqa: BLE001 - as above
        mended["maxshape"] = texts.of_error(why)
        return None
    return ends


def dimension_names(given: Any, ndim: int, mended: dict[str, str]) -> Names | None:
    """One short text or None for each of `ndim` axes; None if there are not as many."""
    if given is None:
        return None
    if type(given) is tuple and len(given) == ndim and all(name is None or is_plain(name) for name in given):
        return given
    try:
        names = tuple(islice((given,) if isinstance(given, str) else given, MOST_AXES + 1))
        if len(names) != ndim:
            count = f"more than {MOST_AXES}" if len(names) > MOST_AXES else len(names)
            raise ValueError(f"expected one name for each of {ndim} axes, got {count}")  # noqa: TRY301 - one way to give them up
        return tuple(None if name is None else _name(name) for name in names)
    except Exception as why:  # noqa: BLE001 - as above
        mended["dimension_names"] = texts.of_error(why)
        return None


def is_plain(name: Any) -> bool:
    """Whether a dimension name needs no further check."""
    return type(name) is str and name.isascii() and len(name) <= LONGEST_NAME


def _name(given: Any) -> str:
    """One dimension name. Raises ValueError if it is too long, TypeError if it is no text."""
    if isinstance(given, bytes):
        given = given.decode("utf-8", "surrogateescape")
    if not isinstance(given, str):
        raise TypeError(f"expected text for a name, got {type(given).__name__}")
    text = texts.plain(given)
    if len(text) > LONGEST_NAME:
        raise ValueError(f"a name of {len(text):,} characters; at most {LONGEST_NAME} are allowed")
    return text
