"""The levels of an image, each shard made once: the source is read for the first of them alone.

A shard of level n + 1 is made of four of level n. The levels that a source stores are copied. The
first level above them is made while the last of these is written: its four shards are read from the
source stripe by stripe, written, halved, and dropped. Every further level is made from the shards
of the level before, read back out of the store. So a worker holds one shard and a stripe.

The pixels are those of `ome/pyramid`, halved in the same order: a served level and a baked one are
equal. Marks ("no value here") are shown as another value in a level of integers, which a mean must
skip all the same. Of such images each level is also written as it is before that, under SCRATCH,
until the bake ends.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from ..nodes import Region
from ..ome.image import Image
from ..ome.pyramid.nodata import NoData
from ..storage.targets import Target
from . import boxes
from .outputs import Block, Index, Output

SCRATCH = ".tiled-zarr-scratch/"
"""Where levels lie whose marks are not yet replaced."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """A level of an image; `below` is the level that it is made from, None if the source has it.

    `is_below` says that another level is made from this one.
    """

    output: Output
    image: Image
    number: int
    below: Level | None
    is_below: bool

    def revision(self) -> str | None:
        """The revision of the pixels."""
        return self.image.pyramid.source_revision()

    def is_done(self, target: Target, place: Index) -> bool:
        """True if a shard is in the store, with those that it is made of."""
        if not self.output.is_in(target, place):
            return False
        if self.below is None or self.below.below is not None:
            return True
        return all(self.below.output.is_in(target, child) for child in self._children(place))

    def nbytes(self, place: Index) -> int:
        """Decoded bytes of all that `make` writes."""
        below = self.below
        children = self._children(place) if below is not None and below.below is None else []
        return self.output.nbytes(place) + sum(below.output.nbytes(child) for child in children if below is not None)

    def make(self, target: Target, place: Index) -> None:
        """Write a shard, and those that it is made of unless they are there. Blocks."""
        if self.below is None:
            for _ in self._written(target, place):
                pass
            return
        region = self.output.places.region(place)
        block = np.empty(boxes.shape_of(region), self.output.recipe.wire)
        for child in self._children(place):
            with closing(self.below.pixels(target, child)) as parts:
                for part, pixels in parts:
                    half = self._marks.halved(pixels, self.image.pyramid.display.rule)
                    block[self._half(part, region, half.shape)] = half
        self._write(target, place, region, block)

    def pixels(self, target: Target, place: Index) -> Generator[tuple[Region, Block]]:
        """The pixels of a shard with marks joined, stripe by stripe: out of the store, or written now."""
        if self.below is None:
            if self._is_lossy or not self.output.is_in(target, place):
                return self._written(target, place)
            return self.output.read(target, place)
        return (self._scratch if self._is_lossy else self.output).read(target, place)

    @cached_property
    def _marks(self) -> NoData:
        """The marks of the image, the same in all levels; blocks, since that reads samples."""
        return self.below._marks if self.below is not None else self.image.pyramid.marks(self.revision())

    @property
    def _is_lossy(self) -> bool:
        """True if the store does not show which pixels are marks."""
        marks = self._marks.marks
        return bool(marks) and marks[0].dtype.kind != "f" and marks[0] != self._marks.value

    @cached_property
    def _scratch(self) -> Output:
        return replace(self.output, path=f"{SCRATCH}{self.output.path}")

    def _children(self, place: Index) -> list[Index]:
        """The places of the four shards that one is made of, or as many as there are."""
        assert self.below is not None
        *leading, row, column = place
        four = [(*leading, 2 * row + down, 2 * column + aside) for down, aside in product((0, 1), repeat=2)]
        return [child for child in four if child in self.below.output.places]

    def _half(self, part: Region, region: Region, shape: tuple[int, ...]) -> Region:
        """Where in the block of a shard the halves of a part of the level below belong."""
        leading = boxes.within(part[:-2], region[:-2])
        starts = [one.start // 2 - outer.start for one, outer in zip(part[-2:], region[-2:], strict=True)]
        return (*leading, *(slice(start, start + size) for start, size in zip(starts, shape[-2:], strict=True)))

    def _read(self, place: Index) -> Iterator[tuple[Region, Block]]:
        """The pixels of a shard from the source, with marks joined, stripe by stripe."""
        source = self.image.pyramid.sources[self.number]
        for region in self.output.stripes(place):
            yield region, self._marks.joined(source.read(region))

    def _written(self, target: Target, place: Index) -> Generator[tuple[Region, Block]]:
        """The same, each stripe after it was written."""
        with self.output.writing(target, place) as add:
            for region, block in self._read(place):
                for index, body in self.output.bodies(region, self._marks.shown(block)):
                    add(index, body)
                yield region, block

    def _write(self, target: Target, place: Index, region: Region, block: Block) -> None:
        """Write a shard, also with its marks if another level is made from it."""
        if self._is_lossy and self.is_below:
            self._scratch.write(target, place, [(region, block)])
        self.output.write(target, place, [(region, self._marks.shown(block))])
