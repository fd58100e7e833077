"""The min/max levels of a line: each tile is computed when a request asks for it, and then cached.

A line is a 1-d array. Level n holds the smallest and the largest of each 2^(n-1) * FINEST (64)
consecutive samples, a *bin*. The coarsest level is the first with at most MOST_BINS (2,000) bins.
The rules are those of images (ome/pyramid/levels.py), whose reader, background thread and cache we
use. A line differs in that its levels are small: a sixty-fourth of a sample's bin holds two
numbers, and each coarser level takes half of that. So one value holds all that we keep of a line:

    1 ... first          made from the source now, a tile at a time
    first + 1 ... last   the *kept* levels, made in one pass over the source (passes.py)

A tile that would read more than `budget` bytes of the source is made of samples (sampled.py), and
the request asks the background thread for the kept levels. If the whole line takes at most `budget`
bytes, or lies in memory and takes at most `EAGER` bytes, the first request for a kept level makes
them all, and requests that come meanwhile wait for it.

The invariant: a level is exact, or it says that it is not. While a level shows samples, `sampled()`
lists it in the metadata, and its revision is None, so no client caches it under the tag of an exact
one. The names under which we cache contain the revision of the source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..budgets import Budget
from ..caches.cost import Cache
from ..nodes import Array, Changed, Region
from ..ome.pyramid.background import Background
from . import passes, sampled
from .kernels import Block
from .samples import Samples, exact

CHUNK = 2048
"""Bins of a chunk on the wire.

A view of 1,000 to 2,000 bins touches one or two. A chunk of the finest level is made of 131,072
samples: 1 MiB of float64, the chunk of a line without chunks of its own."""
EAGER = 1024**3
"""Bytes of a line in memory up to which a request makes all kept levels, in about 0.2 s."""
KEPT = 8 * 1024 * 1024
"""Bytes of the kept levels of a line, at most; also at most a quarter of the cache of tiles."""
VERSION = 1
"""Part of the revision of a level. Raise it when we make other numbers of the same samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What the lines of a server share; the fields are those of ome/pyramid's `Stores`."""

    tiles: Cache[Any]
    background: Background
    memory: Budget
    budget: int


class Line:
    """The levels of a 1-d array; `key` names it among all that share `stores`.

    Levels are counted from 1. `budget` is how many bytes of the source we may read for one tile.
    """

    def __init__(self, key: str, node: Array, stores: Stores, budget: int) -> None:
        self.node = node
        self.stores = stores
        self.samples = Samples(node, stores.memory, budget)
        self.factors = self.samples.factors
        self._key = f"minmax {VERSION}|{key}|{node.shape}|{node.dtype.str}|{self.samples.marks!r}"

    @cached_property
    def first(self) -> int | None:
        """The index of the finest factor whose level is kept; None if no level is small enough."""
        most = min(KEPT, self.stores.tiles.max_bytes // 4)
        kept = (2 * self.samples.bins(factor) * 2 * self.samples.dtype.itemsize for factor in self.factors)
        return next((i for i, nbytes in enumerate(kept) if nbytes <= most), None)

    def shape(self, level: int) -> tuple[int, int]:
        """The shape of a level."""
        return self.samples.bins(self._factor(level)), 2

    def revision(self, level: int) -> str | None:
        """The revision of a level; None while it shows samples, or if the source has none."""
        revision = self.node.revision()
        return None if revision is None or not self.is_exact(level) else f"{revision}|minmax {VERSION}|{self._factor(level)}"

    def is_exact(self, level: int) -> bool:
        """True if every bin of a level is made of all its samples."""
        is_near = self._is_at_hand(level) or self.samples.is_cheap(CHUNK * self._factor(level))
        return is_near or self._kept(level, self.node.revision()) is not None

    def sampled(self) -> list[int]:
        """The numbers of the levels that show samples at the moment."""
        return [level for level in range(1, len(self.factors) + 1) if not self.is_exact(level)]

    def read(self, level: int, region: Region) -> Block:
        """The bins of a region of a level. Blocks; raises what the source raises."""
        bins, sides = region
        revision = self.node.revision()
        kept = self._kept(level, revision)
        if kept is None and self._is_at_hand(level):
            kept = self._made(revision).level(self._factor(level))
        if kept is not None:
            return kept[bins, sides]
        unit = self.unit(level)
        first, last = bins.start // unit, -(-bins.stop // unit)
        tiles = np.concatenate(
            [np.empty((0, 2), self.samples.dtype), *(self._tile(level, number, revision) for number in range(first, last))]
        )
        return tiles[bins.start - first * unit : bins.stop - first * unit, sides]

    def unit(self, level: int) -> int:
        """Bins of a tile: as many chunks on the wire as cover a chunk of the source."""
        factor = self._factor(level)
        chunk = min(self.node.chunks[0], self.samples.length) if self.node.chunks else 1
        wanted = -(-chunk // (CHUNK * factor)) * CHUNK
        return wanted if self.samples.is_cheap(wanted * factor) else CHUNK

    def _factor(self, level: int) -> int:
        return self.factors[level - 1]

    def _is_at_hand(self, level: int) -> bool:
        """True if this is a kept level, and a request may make all of these."""
        if self.first is None or level <= self.first:
            return False
        return self.samples.length * self.samples.weight <= (EAGER if self.samples.in_memory else self.samples.budget)

    def _kept(self, level: int, revision: str | None) -> Block | None:
        """A kept level, or None if it is not there."""
        if revision is None or self.first is None or level <= self.first:
            return None
        found: passes.Kept | None = self.stores.tiles.peek(self._name(revision))
        return None if found is None else found.level(self._factor(level))

    def _made(self, revision: str | None) -> passes.Kept:
        """The kept levels, made now: once for all who ask for them. Raises Changed."""

        def make() -> passes.Kept:
            made = passes.whole(self.samples, self.first or 0)
            if self.node.revision() != revision:
                raise Changed
            return made

        with self.stores.background.held():
            return make() if revision is None else self.stores.tiles.get(self._name(revision), make)

    def _tile(self, level: int, number: int, revision: str | None) -> Block:
        """A tile from the cache, made now, or made of samples."""
        factor, unit = self._factor(level), self.unit(level)
        span = slice(number * unit * factor, min((number + 1) * unit * factor, self.samples.length))
        is_exact = self.samples.is_cheap(CHUNK * factor)
        if not is_exact and revision is not None:
            self._make_exact(revision)
        make: Callable[[], Block] = partial(exact if is_exact else sampled.tile, self.samples, span, factor)
        with self.stores.background.held():
            return make() if revision is None else self.stores.tiles.get(f"{self._name(revision)}|{factor}|{number}|{is_exact}", make)

    def _make_exact(self, revision: str) -> None:
        """Ask the background thread for the kept levels."""
        if self.first is not None:
            name = self._name(revision)
            self.stores.background.request(name, partial(passes.run, self.samples, self.first, revision, partial(self._keep, name)))

    def _keep(self, name: str, made: passes.Kept, seconds: float) -> None:
        self.stores.tiles.put(name, made, seconds)

    def _name(self, revision: str) -> str:
        return f"{self._key}|{revision}"
