"""The levels of an image: each tile is computed when a request asks for it, and then cached.

Level 0 is the image. A pixel of every other level is made of four of the level before: their mean,
or the commonest for labels. A source may store some levels itself; the last of these is the *base*,
and we compute the coarser ones. We cannot compute all of them in advance, because one pass over
20 GB takes minutes. Nor can we compute them while a request waits: a viewer first asks for the last
level, and its single tile is made of all pixels of a plane.

The level of a tile decides how we make it:

    level 0 ... base           the source itself
    base + 1 ... exact         merged from its four children
    exact + 1 ... last         a kept plane, or samples of the source until there is one

1. *Merged.* `exact` is the last level whose tiles are made of at most `tile_budget` bytes of the
   source each. `_merged` asks for the four children, halves each, and puts them together. Children
   are made in the same way, down to the base; the cache of tiles makes each of them only once.
2. *Sampled* (sampled.py). Above `exact` we answer from samples, within the same budget. The request
   also asks the background thread to make the plane exact.
3. *Kept* (exact.py, planes.py). The background thread reads the whole plane once, makes all levels
   from `layout.first` on, and keeps them in memory or in a folder. From then on they replace the
   samples. An image in memory of at most `eager` bytes gets its kept levels without a request for
   a tile: reading its attributes is enough.

The invariant: a level is exact, or it says that it is not. While a level shows samples, `sampled()`
lists it in the metadata and its `revision` is None, so that no client caches a sampled tile under
the revision of an exact one. The names under which we cache tiles and planes contain the revision
of the source, so we never serve a tile of an older revision.

A level may have been written in advance from the same revision (`Stores.baked`): then it is read,
and its chunks are sent as they are stored. While the source has another revision, or if a chunk is
not there, the level is made as above.

Pixels may be marks ("no value here"), which a mean must skip. So we look for marks before we make
the first tile (looks.py). If that fails, we serve the pixels as they are, without a revision, and
cache nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice, product, takewhile
from typing import Any, TypeAlias

import numpy as np

from ... import codecs
from ...nodes import Array, Damaged, Options, Region, Stored
from ...revisions import shared
from ..display.display import Display
from . import exact, sampled, shapes
from .base import Base
from .layouts import Layout, Tile
from .looks import Looks, Unseen
from .nodata import NOTHING, NoData
from .shapes import Shape
from .source import Index, Source, assemble
from .stores import Stores

Block: TypeAlias = np.ndarray[Any, Any]

EAGER_PLANES = 64
"""Planes of an image in memory whose levels we make without a request.

It is also the most planes that we look up to decide whether a level is exact.
"""
MARKS = "no data 1"
"""Part of the revision of an image that may have marks.

Raise the number when the way in which we find or show marks changes.
"""


class Pyramid:
    """All levels of an image.

    `stored` are the levels that the source stores, from level 1 on, as displayed. `key` names the
    image among all that share `stores`. `options` say how many bytes of the source we may
    read for one tile, and with which codec it is sent, unless `stores` do.

    We leave out stored levels whose chunks are too large to decode: the finest ones are not
    `shown`, and coarser ones are computed from the level before. Raises TooLarge if no level is
    left.
    """

    def __init__(self, key: str, display: Display, stored: tuple[Display, ...], stores: Stores, options: Options) -> None:
        self.key = key
        self.display = display
        self.stores = stores
        # that of the store, which is in Zarr v3
        self.codec = codecs.parse(options.codec or stores.codec).suited(display.array.dtype.itemsize).for_v3()
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
            budget=options.tile_budget or stores.budget,
        )
        self.marked = f"|{MARKS}" if display.sentinels or display.packing else ""
        self.looks = Looks(key, self.sources[self.finest].reader, stores.looks)
        self._opened: str | None = None
        self._baked: Mapping[int, Array] = {}

    def use(self, baked: Mapping[int, Array], revision: str | None) -> None:
        """Read levels that were written from the source at a revision while it has that."""
        dtype = self.display.array.dtype.newbyteorder("<")
        fitting = {level: node for level, node in baked.items() if level in self.shown and fits(node, self.shapes[level], dtype)}
        self._opened, self._baked = revision, fitting if revision is not None else {}

    def baked(self, level: int) -> Array | None:
        """A level that was written in advance, if the source is still the same; else None."""
        node = self._baked.get(level)
        return node if node is not None and self.source_revision() == self._opened else None

    def stored(self, level: int) -> Stored | None:
        """The stored chunks of such a level if they are its tiles, None if it has none."""
        node = self.baked(level)
        if node is None or node.dense.stored is None or node.chunks != self.tile_shape:
            return None
        return Stored(node.dense.stored.codec, partial(self._stored_chunk, level))

    @property
    def shown(self) -> range:
        """The numbers of the levels that can be read."""
        return range(self.finest, len(self.shapes))

    @cached_property
    def exact(self) -> int:
        """The last level whose tiles we always make from the source itself, within `budget`."""
        costs = (self.base.source.cost(self.tile << (level - self.base.number)) for level in range(self.base.number + 1, len(self.shapes)))
        return self.base.number + len(list(takewhile(lambda cost: cost <= self.base.budget, costs)))

    @cached_property
    def layout(self) -> Layout | None:
        """The levels of a plane that we keep, or None if we keep none.

        They begin with the first one after `exact` (of an eager image, after the base) from which
        on all levels together fit into `planes`. None if every level is made on demand, or if the
        pixels behind one pixel of the first kept level are too many to read at once.
        """
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
        """True if the image is in memory and at most `eager` bytes large."""
        array = self.display.array
        return self.display.in_memory and math.prod(array.shape) * array.dtype.itemsize <= self.stores.eager

    def source_revision(self) -> str | None:
        """The revision of the source's pixels."""
        return self.base.revision()

    def revision(self, level: int, *, keeps_marks: bool = False) -> str | None:
        """The revision of a level; None while its pixels may change and the source does not.

        That is the case while it shows samples, and while we could not look for its marks.
        """
        revision = self.source_revision()
        is_passing = revision is None or not self.is_exact(level) or self.looks.has_failed(revision)
        return None if is_passing else f"{revision}|level {level}|{self.display.rule}{self.marked}{'|kept' if keeps_marks else ''}"

    def is_exact(self, level: int) -> bool:
        """True if every tile of a level is made of all the pixels behind it.

        Above `exact` that takes a kept plane for each place on the axes before y and x. If there
        are more than EAGER_PLANES places, we do not look them all up and the answer is False.
        """
        if level <= self.exact or self.baked(level) is not None:
            return True
        places = math.prod(self.leading)
        return places <= EAGER_PLANES and all(self.is_kept(level, place) for place in np.ndindex(*self.leading))

    def sampled(self) -> list[int]:
        """The numbers of the levels that show samples at the moment."""
        return [level for level in self.shown if not self.is_exact(level)]

    def read(self, level: int, region: Region, *, keeps_marks: bool = False) -> Block:
        """The pixels of a region of a level: as served, or with marks joined if `keeps_marks`.

        Blocks; raises what the source raises.
        """
        baked = None if keeps_marks else self._read_baked(level, region)
        if baked is not None:
            return baked
        revision, no_data = self.seen(self.source_revision())
        source = self.sources[level] if level <= self.base.number else None
        served = no_data.joined if keeps_marks else no_data.shown
        if source is not None and source.unit_shape == self.tile_shape:
            return served(no_data.joined(source.read(region)))
        tiles = partial(self._tile, level, revision=revision, no_data=no_data)
        return served(assemble(region, self.tile_shape, self.display.array.dtype, tiles))

    def _read_baked(self, level: int, region: Region) -> Block | None:
        """The same from what was written in advance; None if a chunk of it is not there.

        A reader of Zarr takes a chunk that is not there for zeros. So we look first, and again
        afterwards, as one may go while it reads.
        """
        node = self.baked(level)
        if node is None or node.chunks is None:
            return None
        spans = [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, node.chunks, strict=True)]

        def is_there() -> bool:
            return all(self._stored_chunk(level, index) is not None for index in product(*spans))

        if is_there():
            block = np.asarray(node.read(region))
            if is_there():
                return block
        if level > self.exact:  # its tiles may be samples now: it has no revision any more
            self._baked = {number: other for number, other in self._baked.items() if number != level}
        return None

    def _stored_chunk(self, level: int, index: Index) -> bytes | None:
        """The stored bytes of a chunk of what was written in advance; None if they cannot be used."""
        node = self.baked(level)
        if node is None or node.dense.stored is None:
            return None
        with suppress(OSError, Damaged):
            return node.dense.stored.read(index)
        return None

    def tile_at(self, level: int, index: Index, revision: str | None) -> Block:
        """The part of a tile that lies inside its level, with marks joined. Blocks.

        It is cached under `revision`; if that is None, it is not cached.
        """
        revision, no_data = self.seen(revision)
        return self._tile(level, index, revision, no_data)

    def marks(self, revision: str | None) -> NoData:
        """The marks of the pixels at a revision. Blocks.

        Raises Unseen if we cannot read the pixels, and what the source raises of Changed and Busy.
        """
        return self.looks.at(revision).no_data if self.display.sentinels else NOTHING

    def seen(self, revision: str | None) -> tuple[str | None, NoData]:
        """The revision and the marks of the pixels at it.

        If we cannot read the pixels now, no revision and no marks: then nothing may be cached.
        """
        try:
            return revision, self.marks(revision)
        except Unseen:
            return None, NOTHING

    def _tile(self, level: int, index: Index, revision: str | None, no_data: NoData) -> Block:
        """A tile with marks joined, from the source, a kept plane, the cache, or made now.

        While we make it, the background thread begins no step (for up to PATIENCE seconds).
        """
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
        """Ask the background thread to make the kept levels of a plane from all its pixels."""
        layout = self.layout
        if layout is not None:
            name = self.plane_name(place, revision)
            plane = exact.Plane(name, layout, place, revision, partial(self.marks, revision), self.codec)
            self.stores.background.request(name, partial(exact.run, self.base, self.stores.planes, plane))

    def make_eagerly(self) -> None:
        """Ask the background thread for the levels of an image in memory, if it is eager.

        We ask for as many of the first EAGER_PLANES planes as there is room for.
        """
        revision, layout = self.source_revision(), self.layout
        if revision is None or layout is None or not self.is_eager or self.baked(layout.first) is not None:
            return
        places = list(islice(np.ndindex(*self.leading), EAGER_PLANES))
        missing = [place for place in places if not self.is_kept(layout.first, place, revision)]
        room = next((count for count in range(len(missing), 0, -1) if self.stores.planes.has_room(count * layout.nbytes)), 0)
        for place in reversed(missing[:room]):
            self.make_exact(place, revision)

    def _merged(self, level: int, index: Index, revision: str | None, no_data: NoData) -> Block:
        """A tile made from its four children: each of them, halved, is one quarter. Read-only."""
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

    def is_kept(self, level: int, place: Index, revision: str | None = None) -> bool:
        """True if a finished plane with this level is kept."""
        revision = revision or self.source_revision()
        if self.layout is None or revision is None or level < self.layout.first:
            return False
        return self.stores.planes.has(self.plane_name(place, revision), self.layout)

    def _kept(self, level: int, index: Index, revision: str | None) -> Block | None:
        """A tile of a finished plane, or None if it is not kept."""
        if self.layout is None or revision is None or level < self.layout.first:
            return None
        *place, row, column = index
        block = self.stores.planes.tile(self.plane_name(tuple(place), revision), self.layout, Tile(level, row, column))
        return None if block is None else block.reshape((1,) * len(place) + block.shape)

    def _name(self, revision: str, level: int) -> str:
        return f"{self.key}|{revision}|{level}"

    def plane_name(self, place: Index, revision: str) -> str:
        """The name under which all that share `stores` keep a plane of a revision.

        It says which levels the plane has, and from which level they are made. Servers with other
        sizes in their settings keep other levels, and one store would replace the other.
        """
        kept = f"levels from {None if self.layout is None else self.layout.first} of {self.base.number}"
        array, instance = self.display.array, self.stores.instance
        # replicas share a folder as they share tags
        told = revision if instance is None or self.stores.planes.folder is None else f"{instance}|{shared(revision)}"
        return f"{self.key}|{told}|{array.shape}|{array.dtype.str}|{self.display.rule}|{tuple(place)}|{kept}{self.marked}"


def fits(node: Array, shape: Shape, dtype: np.dtype[Any]) -> bool:
    """True if an array that was written in advance has the shape and type of a level."""
    return (node.shape, node.dtype) == (shape, dtype) and not node.is_sparse


def _possible(sources: list[Source]) -> tuple[list[Source], int]:
    """The levels of the source up to the last that we can read, and the number of the first we can.

    The readable ones have no gap between them. Raises TooLarge if there is none.
    """
    finest = next((level for level, source in enumerate(sources) if source.reader.is_possible), None)
    if finest is None:
        sources[0].reader.require()
    assert finest is not None
    count = len(list(takewhile(lambda source: source.reader.is_possible, sources[finest:])))
    return sources[: finest + count], finest
