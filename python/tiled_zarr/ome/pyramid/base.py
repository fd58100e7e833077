"""The base of a pyramid: the coarsest level that the source itself stores, and the shapes above."""

from __future__ import annotations

from dataclasses import dataclass

from ...nodes import Region
from ..display.display import Display
from .shapes import Shape
from .source import Index, Source, region_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """The last level that we read from the source; we compute every coarser level from it.

    `number` is the number of that level, and `source` reads it. `display` is the image at level 0.
    `shapes` are the shapes of all levels and `tile_shape` that of a whole tile, in pixels. `budget`
    is how many bytes of the source may be read for one tile.
    """

    number: int
    source: Source
    display: Display
    shapes: tuple[Shape, ...]
    tile_shape: Shape
    budget: int

    @property
    def tile(self) -> int:
        """Edge of a tile in pixels."""
        return self.tile_shape[-1]

    def revision(self) -> str | None:
        """The revision of the pixels."""
        return self.display.array.revision()

    def region(self, level: int, index: Index) -> Region:
        """The part of a tile that lies inside its level, in pixels of that level."""
        return region_of(index, self.tile_shape, self.shapes[level])
