"""The native kernel that finds the extremes of each bin of a line."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .. import _native
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


def joined(line: Block, declared: tuple[np.generic, ...]) -> Block:
    """A line with its further marks replaced by the first one, since the kernel skips only one."""
    return np.where(np.isin(line, declared[1:]), declared[0], line) if len(declared) > 1 else line


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
