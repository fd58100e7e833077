"""The tiles of kept levels as they are sent, out of the stores of finished planes."""

from __future__ import annotations

from typing import NamedTuple

from ...codecs import Codec
from .layouts import Tile
from .levels import Pyramid
from .shapes import Shape
from .source import Index


class KeptTiles(NamedTuple):
    """The encoded tiles of a level whose planes may be kept in a folder."""

    pyramid: Pyramid
    level: int

    def fits(self, codec: Codec, shape: Shape) -> bool:
        """True if stores are written with this codec and these chunks."""
        return (codec, shape) == (self.pyramid.codec, self.pyramid.tile_shape)

    def read(self, index: Index) -> bytes | None:
        """The bytes of a tile; None if its plane is not kept, or shows other values. Blocks.

        A store holds marks ("no value here") as the source has them, since levels are halved so.
        """
        pyramid, (*place, row, column) = self.pyramid, index
        revision = pyramid.source_revision()
        revision, no_data = pyramid.seen(revision)
        if pyramid.layout is None or revision is None or no_data.changes:
            return None
        name = pyramid.plane_name(tuple(place), revision)
        return pyramid.stores.planes.body(name, pyramid.layout, Tile(self.level, row, column), pyramid.codec)


def of(pyramid: Pyramid, level: int) -> KeptTiles | None:
    """The tiles of a level; None if no folder keeps it, or if its tiles are made from the source."""
    layout = pyramid.layout
    is_kept = pyramid.stores.planes.folder is not None and layout is not None and level >= max(layout.first, pyramid.exact + 1)
    return KeptTiles(pyramid, level) if is_kept else None
