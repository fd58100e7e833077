"""One array of the store: how it is cut, under which keys it lies, how its chunks become bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from .. import _native, dtypes
from ..adapters.zarr.layout import Shards
from ..adapters.zarr.pieces import decoder_of
from ..grid import Grid
from ..hierarchy.recipes import Recipe
from ..nodes import Damaged, Region
from ..storage import shards
from ..storage.targets import Target
from . import boxes
from .boxes import Shape

Block: TypeAlias = np.ndarray[Any, Any]
Index: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """An array in the store, at `path`, with the chunks and the codec of `recipe`.

    `box` is what one task writes, in elements: a shard if the array `is_sharded`, else as many
    chunks as a shard would have, each under a key of its own. `unit` is the box that the source
    decodes at once, if it is known. `chunk_key` spells an index below the array.
    """

    path: str
    recipe: Recipe
    box: Shape
    unit: Shape | None
    is_sharded: bool
    chunk_key: Callable[[Index], str]

    @property
    def shape(self) -> Shape:
        """The shape of the array, in elements."""
        return self.recipe.grid.shape

    @property
    def chunk_shape(self) -> Shape:
        """The shape of a chunk, in a shard of an inner chunk."""
        return self.recipe.grid.chunk_shape

    @cached_property
    def places(self) -> Grid:
        """The grid of the boxes."""
        return Grid(self.shape, self.box)

    @cached_property
    def shards(self) -> Shards:
        """The chunks of a box along each axis."""
        return shards.shards_of(self.box, self.chunk_shape)

    @property
    def itemsize(self) -> int:
        """Bytes of an item, as counted when choosing shards."""
        return max(1, self.recipe.nbytes // max(1, math.prod(self.chunk_shape)))

    def nbytes(self, place: Index) -> int:
        """Decoded bytes of a box."""
        return math.prod(boxes.shape_of(self.places.region(place))) * self.itemsize

    def key(self, index: Index) -> str:
        """The key of a chunk, or of a shard by its place."""
        return f"{self.path}/{self.chunk_key(index)}" if self.path else self.chunk_key(index)

    def stripes(self, place: Index) -> Iterator[Region]:
        """The parts of a box to read one after the other."""
        return boxes.stripes(self.places.region(place), self.chunk_shape, self.itemsize, self.unit)

    def is_in(self, target: Target, place: Index) -> bool:
        """True if a box is in the store as a whole."""
        if self.is_sharded:
            return target.has(self.key(place))
        return all(target.has(self.key(index)) for index in boxes.chunks(self.places.region(place), self.chunk_shape))

    def bodies(self, region: Region, block: Block) -> Iterator[tuple[Index, bytes]]:
        """The encoded chunks of a part of a box, by index, out of the items of a dense array there.

        Beyond the edge of the array a chunk has zero bytes.
        """
        items, runs = block.view(f"V{block.itemsize}"), dtypes.layout(block.dtype)
        for index in boxes.chunks(region, self.chunk_shape):
            # without the ellipsis a 0-d array is an item itself
            inside: Any = (*boxes.within(self.recipe.grid.region(index), region), ...)
            yield index, _native.encode(items[inside], self.chunk_shape, self.recipe.native, runs)

    def write(self, target: Target, place: Index, parts: Iterable[tuple[Region, Block]]) -> None:
        """Write a box out of the items of its stripes, in their order."""
        with self.writing(target, place) as add:
            for region, block in parts:
                for index, body in self.bodies(region, block):
                    add(index, body)

    @contextmanager
    def writing(self, target: Target, place: Index) -> Iterator[Callable[[Index, bytes], None]]:
        """Write a box: the function takes its chunks by index. A shard is there at the end."""
        if not self.is_sharded:
            yield lambda index, body: target.put(self.key(index), body)
            return
        with target.writing(self.key(place)) as file:
            shard = shards.Writer(file, self.shards)
            yield shard.add
            shard.end()

    def read(self, target: Target, place: Index) -> Generator[tuple[Region, Block]]:
        """The items of a box as they are in the store, stripe by stripe.

        Raises Damaged if a chunk of it cannot be decoded.
        """
        decoder = decoder_of(self.recipe.codec, self.chunk_shape, self.recipe.wire.itemsize)
        assert decoder is not None
        with self._reading(target, place) as body_of:
            for region in self.stripes(place):
                block = np.empty(boxes.shape_of(region), self.recipe.wire)
                bodies = [(index, body_of(index), 0) for index in boxes.chunks(region, self.chunk_shape)]
                try:
                    decoder.read(block.view(f"V{block.itemsize}"), [part.start for part in region], bodies)
                except ValueError as error:
                    raise Damaged(f"{self.key(place)} in the store is damaged; remove it and go on with --resume: {error}") from error
                yield region, block

    @contextmanager
    def _reading(self, target: Target, place: Index) -> Iterator[Callable[[Index], bytes]]:
        """The function that reads the bytes of a chunk of a box."""
        if not self.is_sharded:
            yield lambda index: target.get(self.key(index)) or b""
            return
        with target.reading(self.key(place)) as file:
            table = shards.table(file, self.shards, self.key(place))
            yield lambda index: shards.body(file, self.shards, table, index) or b""
