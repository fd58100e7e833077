"""Arrays read backwards along some of their axes: photographs, and maps whose first row is south.

Nothing is copied: a read asks the source for the mirrored region and returns a view of its block.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ...nodes import Array, Region, Revision

Block: TypeAlias = np.ndarray[Any, Any]
Steps: TypeAlias = tuple[int, ...]


def flipped(node: Array, letters: str, wanted: Collection[str]) -> Array:
    """The array read backwards along the axes whose letters are wanted; itself if it has none.

    Its revision says so, because caches know the other way round under the source's revision.
    """
    axes = tuple(axis for axis, letter in enumerate(letters) if letter in wanted)
    if not axes:
        return node
    mark = f"|flipped {''.join(letters[axis] for axis in axes)}"
    return replace(mirrored(node, axes), revision=Revision(partial(_marked, node.revision.whole, mark)))


def mirrored(node: Array, axes: tuple[int, ...]) -> Array:
    """The dense array read backwards along `axes`; stored chunks are left out, since none fits."""
    source, stepped = node.dense, node.dense.read_stepped

    def own(region: Region, steps: Steps) -> Region:
        """The stored region behind a region of the mirrored array.

        It ends at the mirror image of the first element and begins at that of the last one that the
        steps reach, so that the steps meet the same elements.
        """
        parts = list(region)
        for axis in axes:
            first, size = region[axis].start, node.shape[axis]
            last = first + (max(region[axis].stop - first, 1) - 1) // steps[axis] * steps[axis]
            parts[axis] = slice(0, 0) if region[axis].stop == first else slice(size - 1 - last, size - first)
        return tuple(parts)

    def read(region: Region) -> Block:
        return np.asarray(np.flip(np.asarray(source.read(own(region, (1,) * len(region)))), axes))

    def read_stepped(region: Region, steps: Steps) -> Block:
        assert stepped is not None
        return np.asarray(np.flip(np.asarray(stepped(own(region, steps), steps)), axes))

    return replace(node, source=replace(source, read=read, read_stepped=None if stepped is None else read_stepped, stored=None))


def _marked(whole: Callable[[], str | None], mark: str) -> str | None:
    found = whole()
    return None if found is None else found + mark
