"""Chunks of a Zarr array in an object store, each read from one version of its object.

`keyed.py` does the same for stores that cannot tell versions apart, `chunks.py` for folders. Here
each object has a tag (tagged.py). The revision of a region consists of the tags of its objects, and
of the tag of the array's document. So two questions have to be answered for a request, "has this
chunk changed?" and "what is in it?", and we ask the store once for both (`renew`):

- If nobody has read the chunk since its tag was trusted last, we fetch it. The reply has its tag,
  from which the entity tag of our reply is made. The body waits in the pool `decoded` for the
  thread that encodes the chunk a moment later.
- If we or the client may have the chunk already, we ask for the tag alone (HEAD).
- A shard's index is kept under the shard's tag, and its chunks are read with If-Match. If the shard
  was rewritten meanwhile, the store refuses, and index and chunk are read again: offsets of one
  version are never used in another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from zarr.abc.store import RangeByteRequest, SuffixByteRequest

from ...nodes import Changed, Look, Region, Revision, live
from ...revisions import joined
from .keyed import KeyedChunks
from .layout import Shards
from .shards import find, index_size
from .tagged import ABSENT, TRIES, Body, Tagged, together
from .values import answer

MOST_OBJECTS = 16
"""Largest number of objects behind a region for which we compute a revision."""
AHEAD = 5.0
"""Seconds for which an object that was fetched ahead may be read, even if no tag is trusted.

The thread that fetched it reads it at once.
"""


class Index(NamedTuple):
    """The entries of a shard's index, and the tag of the shard that they were read from."""

    entries: np.ndarray[Any, Any]
    tag: str | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.entries.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class VersionedChunks(KeyedChunks):
    """The chunks of an array whose document and objects have tags; `values` are `Tagged`."""

    @property
    def tagged(self) -> Tagged:
        """The values, with their tags."""
        assert isinstance(self.values, Tagged)
        return self.values

    def revision(self) -> Revision:
        """The revision of the array: of a region the tags of its objects, of the whole none."""
        return Revision(live, self._revision, Look(self._is_fresh, self._renew))

    def steadily(self, region: Region, read: Callable[[], np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """The region as `read`, which calls zarr-python, returns it while no shard changes.

        Raises Changed if shards are replaced during each attempt, OSError if the array is gone.
        """
        for _ in range(TRIES):
            before = self._tags(region)
            try:
                block = read()
            except Exception:
                if self._tags(region) == before:
                    raise
                continue
            self.check()
            if self._tags(region) == before:
                return block
        raise Changed("the shards changed while they were being read; ask again")

    def _block(self, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any] | None:
        """A part of a chunk, or None if that chunk was never written."""
        block = self._decoded(index)
        box: Any = (*inner, ...)
        return None if block is None else block[box]

    def _stored(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk; None if its object is absent, or lacks it."""
        for _ in range(TRIES - 1):
            with suppress(Changed):
                return self._read(index)
        return self._read(index)

    def _read(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk. Raises Changed if its shard has changed since its index."""
        key, shards = self._key(index), self.layout.shards
        if self.tagged.tag(key) == ABSENT and self.tagged.is_fresh(key):
            return None
        if shards is None:
            body = self._taken(key) or self.tagged.fetch(key, self._largest)
            return None if body is None else body.content
        found = self._known_index(key) or self._index_once(key, shards)
        at = None if found is None else find(found.entries, shards, index)
        if found is None or at is None:
            return None
        part = self._part(index, at)
        body = self.tagged.fetch(key, at[1], part, found.tag) if part else Body(b"", found.tag)
        return self._checked(key, index, at, None if body is None else body.content)

    def _known_index(self, key: str) -> Index | None:
        """The index of a shard as of its last tag, if it is kept."""
        found: Index | None = self.resources.decoded.peek((self, key, self.tagged.tag(key)))
        return found

    def _index_once(self, key: str, shards: Shards) -> Index | None:
        """The index of a shard, read once for all who want it; None if there is no such shard."""
        found: Index | None = self.tagged.flights.of(("index", key), partial(self._fetch_index, key, shards))
        return found

    def _fetch_index(self, key: str, shards: Shards) -> Index | None:
        size = index_size(shards)
        known = self._known_index(key) if self.tagged.is_fresh(key) else None
        if known is not None:
            return known  # another thread has read it just before
        body = self.tagged.fetch(key, size, RangeByteRequest(0, size) if shards.is_index_first else SuffixByteRequest(size))
        if body is None:
            return None
        found = Index(self._parsed(key, shards, body.content), body.tag)
        self.resources.decoded.keep((self, key, body.tag), found)
        return found

    def _taken(self, key: str) -> Body | None:
        """The object that `_renew` fetched for this read, if it is still what was seen last."""
        name = self, key, self.tagged.tag(key)
        body: Body | None = self.resources.decoded.peek(name) if self.tagged.is_fresh(key, AHEAD) else None
        if body is not None:
            self.resources.decoded.drop(name)
        return body

    def _revision(self, region: Region) -> str | None:
        keys = self._keys(region)
        if keys is None or self.opened is None:
            return None
        tags = [self.tagged.tag(key) for key in (self.layout.document, *keys)]
        known = [tag for tag in tags if tag is not None]
        return joined([str(self.opened), *known]) if len(known) == len(tags) else None

    def _is_fresh(self, region: Region) -> bool:
        keys = self._keys(region)
        return keys is None or all(map(self.tagged.is_fresh, (self.layout.document, *keys)))

    def _renew(self, region: Region, is_read_next: bool) -> None:
        self.tagged.look([self.layout.document])
        keys = self._keys(region) or []
        if is_read_next and self.layout.shards is not None:
            for key in self.tagged.stale(keys):
                if self._known_index(key) is None:
                    self._index_once(key, self.layout.shards)
        elif is_read_next and (stale := self.tagged.stale(keys)):
            self.tagged.flights.of(("objects", *stale), partial(self._fetch_ahead, stale))
        self.tagged.look(keys if not is_read_next or self.layout.shards is not None else ())

    def _fetch_ahead(self, keys: list[str]) -> None:
        """Fetch objects for the read that follows, unless another thread has done so just now."""
        missing = [key for key in keys if not self.tagged.is_fresh(key)]
        if len(missing) == 1:
            bodies = [self.tagged.fetch(missing[0], self._largest)]
        else:
            bodies = answer(together(self.tagged.fetch_soon(key, self._largest) for key in missing))
        for key, body in zip(missing, bodies, strict=True):
            if body is not None:
                self.resources.decoded.keep((self, key, body.tag), body)

    def _keys(self, region: Region) -> list[str] | None:
        """The keys of the objects behind a region; None if there are too many."""
        ranges = self._ranges(region)
        return None if math.prod(map(len, ranges)) > MOST_OBJECTS else [self.layout.path(place) for place in product(*ranges)]

    def _tags(self, region: Region) -> list[str | None]:
        """The tags of the shards behind a region."""
        if self.layout.shards is None:
            return []
        keys = [self.layout.path(place) for place in product(*self._ranges(region))]
        self.tagged.look(keys)
        return [self.tagged.tag(key) for key in keys]

    def _ranges(self, region: Region) -> list[range]:
        """For each axis the range of the indexes of the objects behind a region."""
        return [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.layout.file_shape, strict=True)]
