"""Complex numbers as channels: first the magnitudes, then the phases, in radians from -pi to pi."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ...encoding import row_index
from ...nodes import Array, Dense, Region
from ...resources import Resources

Block: TypeAlias = np.ndarray[Any, Any]
Cut: TypeAlias = tuple[Any, ...]
PARTS = (np.abs, np.angle)


def channels(node: Array, letters: str, resources: Resources | None = None) -> tuple[Array, str]:
    """The node as real numbers, and the letters of its axes.

    The channel axis becomes twice as long: all magnitudes, then all phases. A node without a
    channel axis gets one of length two in front.
    """
    whole = dense(node, resources) if node.is_sparse else node
    if "c" not in letters:
        whole, letters = _in_front(whole), f"c{letters}"
    axis = letters.index("c")
    count = whole.shape[axis]

    def read(part: Callable[..., Block], region: Region, *steps: Cut) -> Block:
        """Read each wanted channel by itself, from channel `index % count` of the source."""
        step = steps[0][axis] if steps else 1
        blocks = []
        for index in range(region[axis].start, region[axis].stop, step):
            own = slice(index % count, index % count + 1)
            single = (*region[:axis], own, *region[axis + 1 :])
            blocks.append(PARTS[index // count](part(single, *steps)))
        return np.concatenate(blocks, axis=axis)

    source, stepped = whole.dense, whole.dense.read_stepped
    real = replace(
        whole,
        shape=(*whole.shape[:axis], len(PARTS) * count, *whole.shape[axis + 1 :]),
        dtype=np.dtype(f"f{whole.dtype.itemsize // 2}"),
        source=replace(
            source, read=partial(read, source.read), read_stepped=None if stepped is None else partial(read, stepped), blocking=True
        ),
    )
    return real, letters


def _in_front(node: Array) -> Array:
    """The node with one more axis, of length one, before its own."""
    source, stepped = node.dense, node.dense.read_stepped
    return replace(
        node,
        shape=(1, *node.shape),
        chunks=None if node.chunks is None else (1, *node.chunks),
        source=replace(
            source,
            read=lambda region: np.asarray(source.read(region[1:]))[None],
            read_stepped=None if stepped is None else lambda region, steps: np.asarray(stepped(region[1:], steps[1:]))[None],
        ),
    )


def dense(node: Array, resources: Resources | None) -> Array:
    """A sparse node as a dense one; its row index lies in `resources`."""
    return Array(
        shape=node.shape,
        dtype=node.dtype,
        source=Dense(partial(row_index.dense, node, resources=resources)),
        chunks=node.chunks,
        attributes=node.attributes,
        revision=node.revision,
        options=node.options,
    )
