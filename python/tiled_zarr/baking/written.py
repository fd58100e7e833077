"""The chunks of an array in a store, sent and read in place of those of its source.

The layout of the store decides nothing that a client sees: documents, entity tags and tokens are
those of the source. A chunk of the store whose shape and codec are those that are served is the
very bytes that encoding it would make, so it is sent as it is. Otherwise the items are read from
the store, and encoded as those of the source would be. So a client may read one chunk from the
store, and the next one from the source, and sees no difference.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TypeVar

import numpy as np

from .. import budgets
from ..codecs import Codec
from ..hierarchy.openings import reason
from ..nodes import Array, Block, Changed, Damaged, Region, TooLarge
from ..revisions import file_revision
from .origins import Names, origin
from .outputs import Index

AGAIN = 30.0
"""Seconds after which a store is looked for again: a look takes 0.1 ms, and a bake may have ended."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Lost(Exception):
    """A chunk is not in the store, where a reader of Zarr would take it for zeros."""


@dataclass(frozen=True, slots=True)
class Counterpart:
    """An array of a store, opened when its `document` had the revision `opened`."""

    document: Path
    opened: str
    array: Array

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.document.parent.name

    def is_same(self) -> bool:
        """True if nobody has baked the array anew since it was opened."""
        try:
            return file_revision(self.document) == self.opened
        except OSError:
            return False

    def chunk(self, index: Index) -> bytes:
        """The encoded bytes of a chunk. Raises Lost if it is not there, and what reading it raises."""
        stored = self.array.dense.stored
        body = None if stored is None else stored.read(index)
        if body is None:
            raise Lost(f"the chunk {index} of {self.name} is not there: bake it again")
        return body

    def block(self, region: Region) -> Block:
        """The items of a region. Raises Lost if a chunk is not there, and what reading raises.

        A reader takes a chunk for zeros that goes while it reads, so we look afterwards. A chunk
        takes memory that nobody has counted: it may be larger than the one that is served.
        """
        assert self.array.chunks is not None
        with budgets.hold(math.prod(self.array.chunks) * self.array.dtype.itemsize):
            block = np.asarray(self.array.read(region))
        for index in product(
            *(range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.array.chunks, strict=True))
        ):
            self.chunk(index)
        return block


Find = Callable[[str], Counterpart | None]
"""Returns the array in a store that has an origin, None if there is none. Blocks."""


class Written:
    """What a store has of `source`, the array at a path `inside` its source, as it is now.

    `find` looks for a store once for each revision of the source, and again every AGAIN seconds as
    long as there is none. The functions block.
    """

    def __init__(self, source: Array, inside: Names, find: Find) -> None:
        self._source = source
        self._inside = inside
        self._find = find
        self._lock = Lock()
        self._known: tuple[str | None, Counterpart | None] = None, None
        self._again = 0.0
        self._has_told = False

    def fits(self, codec: Codec, shape: tuple[int, ...]) -> bool:
        """True if the store has chunks of this codec and shape."""
        found = self._now()
        if found is None or found.array.dense.stored is None:
            return False
        return found.array.chunks == shape and found.array.dense.stored.codec == codec

    def read(self, index: Index) -> bytes | None:
        """The bytes of a chunk, None if it cannot be had."""
        return self._got(lambda found: found.chunk(index))

    def block(self, region: Region) -> Block:
        """The items of a region, from the store or the source. Raises what the source raises."""
        block = self._got(lambda found: found.block(region))
        return self._source.read(region) if block is None else block

    def _got(self, ask: Callable[[Counterpart], T]) -> T | None:
        """What `ask` reads from the store; None if it fails, or if the store was written anew."""
        found = self._now()
        if found is None:
            return None
        try:
            got = ask(found)
        except (OSError, Damaged, Changed, Lost, TooLarge) as error:
            self._tell(found, error)
            return None
        return got if found.is_same() else None

    def _now(self) -> Counterpart | None:
        """The array in a store that was made from the source as it is now."""
        revision = self._source.revision()
        if revision is None:
            return None
        known, found = self._known
        if known == revision and found is not None and found.is_same():
            return found
        return self._looked_for(revision)

    def _looked_for(self, revision: str) -> Counterpart | None:
        """The array in a store at a revision of the source; None until it is time to look again."""
        with self._lock:
            if self._known[0] != revision or monotonic() >= self._again:
                wanted = origin(self._inside, revision)
                self._known = revision, None if wanted is None else self._find(wanted)
                self._again = monotonic() + AGAIN
            found = self._known[1]
            return found if found is not None and found.is_same() else None

    def _tell(self, found: Counterpart, error: Exception) -> None:
        """Log once what is wrong with the store."""
        if not self._has_told and found.is_same():
            self._has_told = True
            log.warning("%s is not used where it cannot be read: %s", found.name, error if isinstance(error, Lost) else reason(error))
