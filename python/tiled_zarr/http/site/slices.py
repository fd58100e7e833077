"""`?slice=0:10,:,5`: a part of an array, spelled as numpy's basic indexing."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...encoding.encode import Block
from ...nodes import Region

NUMBER = r"-?[0-9]{1,18}"
INDEX = re.compile(NUMBER)
SPAN = re.compile(rf"({NUMBER})?:({NUMBER})?(?::([0-9]{{1,18}})?)?")


class NoSlice(ValueError):
    """A text spells no slice of an array; the message says why."""


class Slice(NamedTuple):
    """A part of an array: the region that holds it, and what is then taken out of that block."""

    region: Region
    inner: tuple[slice | int, ...]

    def of(self, block: Block) -> Block:
        """The part, out of the block of its region."""
        part: Block = block[(*self.inner, ...)]
        return part

    @property
    def of_rows(self) -> Slice:
        """The same part, but an index on the first axis leaves that axis, with one element."""
        return self if isinstance(self.inner[0], slice) else self._replace(inner=(slice(None, None, 1), *self.inner[1:]))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the part: an axis with an index is gone."""
        spans = zip(self.region, self.inner, strict=True)
        return tuple(-(-(span.stop - span.start) // inner.step) for span, inner in spans if isinstance(inner, slice))


def parse(text: str, shape: tuple[int, ...]) -> Slice:
    """The part of an array that a text spells; axes that it does not reach are taken whole.

    Raises NoSlice.

    >>> parse("1:9:2, -1", (5, 3, 2))
    Slice(region=(slice(1, 5, None), slice(2, 3, None), slice(0, 2, None)), inner=(slice(None, None, 2), 0, slice(None, None, 1)))
    >>> parse("1:9:2,-1", (5, 3, 2)).shape
    (2, 2)
    """
    given = [part.strip() for part in text.split(",")] if text.strip() else []
    if len(given) > len(shape):
        raise NoSlice(f"the slice has {len(given)} parts, and the array has {len(shape)} axes")
    axes = [axis(part, size) for part, size in zip([*given, *[":"] * (len(shape) - len(given))], shape, strict=True)]
    return Slice(tuple(region for region, _ in axes), tuple(inner for _, inner in axes))


def axis(part: str, size: int) -> tuple[slice, slice | int]:
    """The region of one axis, and what is taken out of it. Raises NoSlice."""
    if INDEX.fullmatch(part):
        index = int(part)
        if not -size <= index < size:
            raise NoSlice(f"the index {index} is outside of an axis with {size} elements")
        return slice(index % size, index % size + 1), 0
    found = SPAN.fullmatch(part)
    if found is None:
        raise NoSlice(f"{part!r} is no index and no slice: write each axis as 5, 0:10, 0:10:2 or :")
    start, stop, step = (None if number is None else int(number) for number in found.groups())
    if step == 0:
        raise NoSlice("a step of 0 leads nowhere")
    first, last, by = slice(start, stop, step).indices(size)
    return slice(first, max(first, last)), slice(None, None, by)
