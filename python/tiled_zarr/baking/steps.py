"""How the boxes of an array are made that is copied as it is, and what all ways have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..encoding.encode import encode, read_region
from ..hierarchy.keyspace import Chunk, KeySpace
from ..nodes import Array, Changed, Region
from ..storage.targets import Target
from . import boxes
from .outputs import Block, Index, Output


class Step(Protocol):
    """Makes one array of the store, box by box. All that it does blocks."""

    @property
    def output(self) -> Output:
        """The array in the store."""

    def revision(self) -> str | None:
        """The revision of what the array is made from."""

    def is_done(self, target: Target, place: Index) -> bool:
        """True if a box is in the store as a whole."""

    def nbytes(self, place: Index) -> int:
        """Decoded bytes of a box."""

    def make(self, target: Target, place: Index) -> None:
        """Write a box. Raises what the source and the target raise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Copy:
    """An array as the key space serves it; `key` is that of the array there.

    The regions of a dense array are read and encoded. The chunks of all others (sparse, text, or
    stored as they are served) come from the encoder one by one.
    """

    output: Output
    keyspace: KeySpace
    node: Array
    key: str

    def revision(self) -> str | None:
        """The revision of the array."""
        return self.node.revision()

    def is_done(self, target: Target, place: Index) -> bool:
        """True if a box is in the store as a whole."""
        return self.output.is_in(target, place)

    def nbytes(self, place: Index) -> int:
        """Decoded bytes of a box."""
        return self.output.nbytes(place)

    def make(self, target: Target, place: Index) -> None:
        """Write a box."""
        recipe = self.output.recipe
        if recipe.form == "dense" and recipe.stored is None:
            self.output.write(target, place, self._blocks(place))
            return
        with self.output.writing(target, place) as add:
            for index in boxes.chunks(self.output.places.region(place), self.output.chunk_shape):
                add(index, encode(self._chunk(index), self.keyspace.resources))

    def _blocks(self, place: Index) -> Iterator[tuple[Region, Block]]:
        """The items of a box, stripe by stripe."""
        chunk = self._chunk(tuple(0 for _ in place))
        for region in self.output.stripes(place):
            yield region, read_region(chunk, region)

    def _chunk(self, index: Index) -> Chunk:
        """A chunk of the key space. Raises Changed if it has none any more."""
        found = self.keyspace.resolve(f"{self.key}{self.output.chunk_key(index)}")
        if not isinstance(found, Chunk) or found.recipe.signature != self.output.recipe.signature:
            raise Changed
        return found


def make(step: Step, target: Target, place: Index) -> None:
    """Write a box unless it is there.

    Raises Changed if the source has changed meanwhile, and what the source and the target raise.
    """
    if step.is_done(target, place):
        return
    revision = step.revision()
    step.make(target, place)
    if step.revision() != revision:
        raise Changed
