"""The levels of an image: tiles made of their four children on demand, each once, and remembered.

A level is exact where the part of the source behind one of its tiles is small enough to be read for it. Above, a tile shows samples
until a pass over the whole source, in the background, has made its plane exact.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice, product, takewhile
from typing import Any, TypeAlias

import numpy as np

from ...budgets import Budget
from ...caches.cost import Cache
from ...nodes import Region
from ...resources import Resources
from ..display.display import Display
from . import exact, sampled, shapes
from .background import Background
from .base import Base
from .layouts import Layout, Tile
from .looks import Look, Looks, Unseen
from .nodata import NOTHING, NoData
from .planes import Planes
from .shapes import Shape
from .source import Index, Source, assemble

Block: TypeAlias = np.ndarray[Any, Any]

EAGER_PLANES = 64
"""Of an image in memory so many planes are made without being asked for."""
LOOKS = 4 * 1024 * 1024
"""Bytes of what is known of images from samples: windows of 6,000 images of one channel, of seven of the most channels."""
LOOK = 300
WINDOW = 250
MARKS = "no data 1"
"""In the revisions of images that may have marks; counts up with changes of how marks are found or shown."""


def looks_of(abandoned: Collection[int] = ()) -> Cache[Look]:
    """What samples of images have shown; `abandoned` as in Flights."""
    return Cache(LOOKS, lambda look: LOOK + WINDOW * len(look.windows), abandoned=abandoned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What the pyramids of a server share. Sizes are in bytes.

    `memory` is what may be decoded of all sources at once, `budget` how much of one is read for a tile where nothing else is said.
    Images in memory of up to `eager` get all their levels without being asked. `looks` has what samples of images have shown. Row
    indexes lie in `resources`, or those of the process.
    """

    tiles: Cache[Block]
    planes: Planes
    background: Background
    memory: Budget
    budget: int = 64 * 1024 * 1024
    eager: int = 1024**3
    looks: Cache[Look] = field(default_factory=looks_of)
    resources: Resources | None = None


class Pyramid:
    """An image in all its levels; `stored` are those that the source has, from level 1 on, already as displayed.

    `key` names the image among all that share the stores; `budget` is how many bytes of the source may be read for one tile. Levels whose
    chunks are more than may be decoded are left out: the finest ones are not `shown`, coarser ones are made of those before them.
    Raises TooLarge where no level is left.
    """

    def __init__(self, key: str, display: Display, stored: tuple[Display, ...], stores: Stores, budget: int) -> None:
        self.key = key
        self.display = display
        self.stores = stores
        self.tile = shapes.tile_edge(display.array.shape, display.array.chunks)
        self.sources, self.finest = _possible([Source(one, self.tile, stores.tiles, stores.memory) for one in (display, *stored)])
        above = shapes.shapes(self.sources[-1].array.shape, self.tile)[1:]
        self.shapes: tuple[Shape, ...] = (*(source.array.shape for source in self.sources), *above)
        self.tile_shape = self.sources[0].tile_shape
        self.leading = display.array.shape[:-2]
        self.base = Base(
            number=len(self.sources) - 1,
            source=self.sources[-1],
            display=display,
            shapes=self.shapes,
            tile_shape=self.tile_shape,
            budget=budget,
        )
        self.marked = f"|{MARKS}" if display.sentinels or display.packing else ""
        self.looks = Looks(key, self.sources[self.finest].reader, stores.looks)

    @property
    def shown(self) -> range:
        """The levels that can be read."""
        return range(self.finest, len(self.shapes))

    @cached_property
    def exact(self) -> int:
        """The last level whose tiles are made out of the source itself whenever they are asked for."""
        costs = (self.base.source.cost(self.tile << (level - self.base.number)) for level in range(self.base.number + 1, len(self.shapes)))
        return self.base.number + len(list(takewhile(lambda cost: cost <= self.base.budget, costs)))

    @cached_property
    def layout(self) -> Layout | None:
        """The levels that are kept of a plane; None where all are made when they are asked for, or one pixel takes too much to read."""
        first = self.base.number + 1 if self.is_eager else self.exact + 1
        dtype = self.display.array.dtype.newbyteorder("<")
        for start in range(first, len(self.shapes)):
            layout = Layout(start, tuple(shape[-2:] for shape in self.shapes[start:]), self.tile, dtype)
            if layout.nbytes <= self.stores.planes.max_bytes:
                pixel = self.display.itemsize << 2 * (start - self.base.number)
                return layout if pixel <= self.base.source.reader.largest else None
        return None

    @property
    def is_eager(self) -> bool:
        """Whether the image is in memory and small enough for all its levels to be made without being asked for."""
        array = self.display.array
        return self.display.in_memory and math.prod(array.shape) * array.dtype.itemsize <= self.stores.eager

    def source_revision(self) -> str | None:
        """The revision of the pixels."""
        return self.base.revision()

    def revision(self, level: int) -> str | None:
        """The revision of a level: none while it shows sampled, or nobody knows its marks; it may be replaced at any moment."""
        revision = self.source_revision()
        is_passing = revision is None or not self.is_exact(level) or self.looks.has_failed(revision)
        return None if is_passing else f"{revision}|level {level}|{self.display.rule}{self.marked}"

    def is_exact(self, level: int) -> bool:
        """Whether every tile of a level is made of all its pixels."""
        if level <= self.exact:
            return True
        places = math.prod(self.leading)
        return places <= EAGER_PLANES and all(self._is_kept(level, place) for place in np.ndindex(*self.leading))

    def sampled(self) -> list[int]:
        """The levels that show samples for now."""
        return [level for level in self.shown if not self.is_exact(level)]

    def read(self, level: int, region: Region) -> Block:
        """A region of a level. Blocks; raises what the source raises."""
        revision, no_data = self._seen(self.source_revision())
        source = self.sources[level] if level <= self.base.number else None
        if source is not None and source.unit_shape == self.tile_shape:
            return no_data.shown(no_data.joined(source.read(region)))
        tiles = partial(self._tile, level, revision=revision, no_data=no_data)
        return no_data.shown(assemble(region, self.tile_shape, self.display.array.dtype, tiles))

    def tile_at(self, level: int, index: Index, revision: str | None) -> Block:
        """One tile of a level, its part inside the image, its marks joined; it is kept under the revision, unless that is None."""
        revision, no_data = self._seen(revision)
        return self._tile(level, index, revision, no_data)

    def marks(self, revision: str | None) -> NoData:
        """The marks of the pixels at a revision. Blocks; raises Unseen if they cannot be looked at, Changed and Busy."""
        return self.looks.at(revision).no_data if self.display.sentinels else NOTHING

    def _seen(self, revision: str | None) -> tuple[str | None, NoData]:
        """The marks at a revision. If the pixels cannot be looked at now, no marks, and no revision: nothing is to be kept."""
        try:
            return revision, self.marks(revision)
        except Unseen:
            return None, NOTHING

    def _tile(self, level: int, index: Index, revision: str | None, no_data: NoData) -> Block:
        key = None if revision is None else self._name(revision, level)
        if level <= self.base.number:
            return no_data.joined(self.sources[level].tile(index, key))
        kept = self._kept(level, index, revision)
        if kept is not None:
            return kept
        if level <= self.exact:
            make, state = partial(self._merged, level, index, revision, no_data), "exact"
        else:
            make, state = partial(sampled.tile, self.base, level, index, no_data), "sampled"
            if revision is not None:
                self.make_exact(index[:-2], revision)
        with self.stores.background.held():
            return make() if key is None else self.stores.tiles.get(f"{key}|{state}|{index}", make)

    def make_exact(self, place: Index, revision: str) -> None:
        """Have the upper levels of a plane made of all its pixels, in the background."""
        layout = self.layout
        if layout is not None:
            name = self._plane_name(place, revision)
            plane = exact.Plane(name, layout, place, revision, partial(self.marks, revision))
            self.stores.background.request(name, partial(exact.run, self.base, self.stores.planes, plane))

    def make_eagerly(self) -> None:
        """Have the levels of an image in memory made in the background, as far as there is room."""
        revision, layout = self.source_revision(), self.layout
        if revision is None or layout is None or not self.is_eager:
            return
        places = list(islice(np.ndindex(*self.leading), EAGER_PLANES))
        missing = [place for place in places if not self._is_kept(layout.first, place, revision)]
        room = next((count for count in range(len(missing), 0, -1) if self.stores.planes.has_room(count * layout.nbytes)), 0)
        for place in reversed(missing[:room]):
            self.make_exact(place, revision)

    def _merged(self, level: int, index: Index, revision: str | None, no_data: NoData) -> Block:
        """A tile out of its four children."""
        region = self.base.region(level, index)
        out = np.empty(tuple(part.stop - part.start for part in region), self.display.array.dtype.newbyteorder("<"))
        for down, aside in product((0, 1), repeat=2):
            top, left = down * self.tile // 2, aside * self.tile // 2
            if top < out.shape[-2] and left < out.shape[-1]:
                child = (*index[:-2], 2 * index[-2] + down, 2 * index[-1] + aside)
                quarter = no_data.halved(self._tile(level - 1, child, revision, no_data), self.display.rule)
                out[..., top : top + quarter.shape[-2], left : left + quarter.shape[-1]] = quarter
        out.flags.writeable = False
        return out

    def _is_kept(self, level: int, place: Index, revision: str | None = None) -> bool:
        """Whether a level of a plane has been made of all its pixels."""
        revision = revision or self.source_revision()
        if self.layout is None or revision is None or level < self.layout.first:
            return False
        return self.stores.planes.has(self._plane_name(place, revision), self.layout)

    def _kept(self, level: int, index: Index, revision: str | None) -> Block | None:
        """A tile of a level that has been made of all its pixels, if it is kept."""
        if self.layout is None or revision is None or level < self.layout.first:
            return None
        *place, row, column = index
        block = self.stores.planes.tile(self._plane_name(tuple(place), revision), self.layout, Tile(level, row, column))
        return None if block is None else block.reshape((1,) * len(place) + block.shape)

    def _name(self, revision: str, level: int) -> str:
        return f"{self.key}|{revision}|{level}"

    def _plane_name(self, place: Index, revision: str) -> str:
        array = self.display.array
        return f"{self.key}|{revision}|{array.shape}|{array.dtype.str}|{self.display.rule}|{tuple(place)}{self.marked}"


def _possible(sources: list[Source]) -> tuple[list[Source], int]:
    """The sources up to the last that can be read, and the number of the first that can. Raises TooLarge where there is none."""
    finest = next((level for level, source in enumerate(sources) if source.reader.is_possible), None)
    if finest is None:
        sources[0].reader.require()
    assert finest is not None
    count = len(list(takewhile(lambda source: source.reader.is_possible, sources[finest:])))
    return sources[: finest + count], finest
