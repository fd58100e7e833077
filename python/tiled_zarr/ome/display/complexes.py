"""Complex numbers as channels: first magnitudes, then phases from -pi to pi."""

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
    """The node as real numbers, and the letters of its axes: the channels twice over, or two channels in front where it had none."""
    dense = _dense(node, resources) if node.is_sparse else node
    if "c" not in letters:
        dense, letters = _in_front(dense), f"c{letters}"
    axis = letters.index("c")
    count = dense.shape[axis]

    def read(part: Callable[..., Block], region: Region, *steps: Cut) -> Block:
        """Each wanted channel by itself: it is read of channel number `index % count`."""
        step = steps[0][axis] if steps else 1
        blocks = []
        for index in range(region[axis].start, region[axis].stop, step):
            own = slice(index % count, index % count + 1)
            single = (*region[:axis], own, *region[axis + 1 :])
            blocks.append(PARTS[index // count](part(single, *steps)))
        return np.concatenate(blocks, axis=axis)

    source, stepped = dense.dense, dense.dense.read_stepped
    real = replace(
        dense,
        shape=(*dense.shape[:axis], len(PARTS) * count, *dense.shape[axis + 1 :]),
        dtype=np.dtype(f"f{dense.dtype.itemsize // 2}"),
        source=replace(
            source, read=partial(read, source.read), read_stepped=None if stepped is None else partial(read, stepped), blocking=True
        ),
    )
    return real, letters


def _in_front(node: Array) -> Array:
    """The node with an axis of length one before its own."""
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


def _dense(node: Array, resources: Resources | None) -> Array:
    return Array(
        shape=node.shape,
        dtype=node.dtype,
        source=Dense(partial(row_index.dense, node, resources=resources)),
        chunks=node.chunks,
        attributes=node.attributes,
        revision=node.revision,
        options=node.options,
    )
