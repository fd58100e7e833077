"""The native kernel that finds the extremes of each bin of a line, and what it takes for missing."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .. import _native, marks
from ..attributes import OURS, Late
from ..nodes import Array

Block: TypeAlias = np.ndarray[Any, Any]

NAT = np.iinfo("i8").min
"""The integer that numpy stores for NaT."""
TIMES = "mM"
"""Kinds of times, which are compared as integers of 64 bits."""
KINDS = f"biuf{TIMES}"
"""Kinds of the types that have a smallest and a largest item."""


def dtype(node: Array) -> np.dtype[Any]:
    """The type of the levels of a line: its own, little endian; bytes for booleans."""
    return np.dtype("u1") if node.dtype.kind == "b" else node.dtype.newbyteorder("<")


def mark(node: Array) -> np.generic | None:
    """The item that means "no value here", and is skipped in bins; None if only NaN does.

    It is NaT, the node's mark, the null of a column, or the one in CF's `missing_value`.
    """
    if node.dtype.kind in TIMES:
        nat: Any = np.array("NaT", dtype(node))
        item: np.generic = nat[()]
        return item
    if node.dtype.kind == "b":
        return None
    said = {} if isinstance(node.attributes, Late) else node.attributes
    given = (node.mark, said.get(OURS, {}).get("null"), said.get("missing_value"))
    found = (marks.of(one, node.dtype) for one in given if one is not None)
    return next((one for one in found if isinstance(one, np.generic)), None)


def minmax(line: Block, factor: int, skipped: np.generic | None) -> Block:
    """The smallest and the largest item of each `factor` items, of shape (bins, 2). Read-only.

    NaN and `skipped` do not count; a bin of nothing else is NaN, or `skipped` if there is no NaN.
    """
    kind = np.dtype("u1") if line.dtype.kind == "b" else line.dtype
    number = np.dtype(f"{kind.byteorder}i8") if kind.kind in TIMES else kind
    item = None if skipped is None else np.array(skipped).astype(kind.newbyteorder("<")).tobytes()
    body = _native.minmax(line.view(f"V{line.itemsize}"), number.str, factor, item)
    return np.frombuffer(body, kind.newbyteorder("<")).reshape(-1, 2)


def coarser(level: Block, factor: int, skipped: np.generic | None) -> Block:
    """A level whose bins are `factor` bins of this one."""
    low, high = (minmax(level[:, side], factor, skipped) for side in (0, 1))
    return np.stack([low[:, 0], high[:, 1]], axis=1)
