"""The values of an object store, each with the entity tag (ETag) under which it was read.

zarr-python asks a store for values and gets no tags with them, so we ask obstore itself, beside it.
Each reply of an object store has a tag, also to a request for a range: its bytes belong to that
version of the object. `Tagged` notes the last tag of each key, and when it came:

- `look` asks for the tags of some keys (HEAD), at once, but not for those that came less than
  `life` seconds ago. A key that others are asking for is not asked for a second time.
- `fetch` reads. With `expected`, it reads only the version with that tag (If-Match), and raises
  Changed if the store has another one by now.

A missing object has the tag ABSENT. A thread that wants one object asks for it itself, which costs
a third of the way through an event loop; several at once go through zarr-python's.

https://www.rfc-editor.org/rfc/rfc9110#name-etag, https://developmentseed.org/obstore/latest/api/get/
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Coroutine, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

import obstore
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import ObjectStore, WrapperStore

from ...caches.flight import Flights
from ...caches.recent import Recent
from ...nodes import Changed
from ..common.bounds import LARGEST_DOCUMENT
from ..common.faults import NoRanges, raised_as
from .values import LIFE, Values, answer, check_size

ABSENT = "absent"
"""The tag of a key without an object. Real tags have quotes."""
MOST_SEEN = 16_384
"""Keys of a store of which we know the tag, at most: about 300 bytes each."""
TRIES = 5
"""Attempts to read objects that are being replaced meanwhile."""
T = TypeVar("T")
UNBOUNDED = 1 << 62
"""For what zarr-python reads, which `BoundedStore` bounds."""


class Seen(NamedTuple):
    """The tag of a key (None if the store gives none), and when it came, in monotonic seconds."""

    tag: str | None
    moment: float


class Body(NamedTuple):
    """The bytes of an object or of a range of it, and the object's tag."""

    content: bytes
    tag: str | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self.content)


class Tagged(Values):
    """Reads the values of an obstore store, and knows their tags.

    A tag is trusted for `life` seconds, which is infinity for data that never change. All methods
    but `tag` and `is_fresh` block, or are coroutines for zarr-python's event loop.
    """

    def __init__(self, store: ObjectStore[Any], life: float = LIFE, abandoned: Collection[int] = ()) -> None:
        super().__init__(TaggedStore(store, self))
        self.life = life
        self.flights: Flights[Hashable, Any] = Flights(abandoned)
        """What is being asked for, by threads."""
        self._client = store.store
        self._seen: Recent[str, Seen] = Recent(MOST_SEEN)

    def close(self) -> None:
        """Nothing: obstore's client ends with this object."""

    def tag(self, key: str) -> str | None:
        """The last tag of a key; None if it never came, or if the store gives none."""
        seen = self._seen.peek(key)
        return None if seen is None else seen.tag

    def is_fresh(self, key: str, at_least: float = 0.0) -> bool:
        """True if the tag of a key came less than `life` seconds ago, or `at_least` seconds."""
        seen = self._seen.peek(key)
        return seen is not None and time.monotonic() - seen.moment < max(self.life, at_least)

    def stale(self, keys: Iterable[str]) -> list[str]:
        """Those of some keys whose tag has to be asked for."""
        return [key for key in keys if not self.is_fresh(key)]

    def look(self, keys: Iterable[str]) -> None:
        """Ask for the tags of those keys that are not fresh, at once."""
        stale = self.stale(keys)
        if stale:
            self.flights.of(("tags", *stale), partial(self._look, stale))

    def state(self, keys: Iterable[str]) -> Hashable | None:
        """The tags of some keys, asked for if they are not fresh; None if one has none."""
        keys = list(keys)
        self.look(keys)
        tags = tuple(map(self.tag, keys))
        return None if None in tags else tags

    def existing(self, keys: Iterable[str]) -> set[str]:
        """Those of some keys that have a value; asks for those that are not fresh."""
        keys = list(keys)
        self.look(keys)
        return {key for key in keys if self.tag(key) != ABSENT}

    def get(self, key: str, largest: int = LARGEST_DOCUMENT, byte_range: ByteRequest | None = None) -> bytes | None:
        """The value of a key, or a range of it; None if there is none. Raises as `fetch`."""
        body = self.fetch(key, largest, byte_range)
        return None if body is None else body.content

    def fetch(self, key: str, largest: int, byte_range: ByteRequest | None = None, expected: str | None = None) -> Body | None:
        """The value of a key, or a range of it, with its tag; None if there is none.

        Raises Changed if it has another tag than `expected`, Damaged if it has more than `largest`
        bytes, and what `raised_as` raises if the store cannot be read.
        """
        try:
            with self._failing(key):
                result = obstore.get(self._client, key, options=options_of(byte_range, expected))
                check_size(key, result.range[1] - result.range[0], largest)
                body = Body(bytes(result.bytes()), result.meta["e_tag"])
        except FileNotFoundError:
            body = None
        except NoRanges:
            if not isinstance(byte_range, SuffixByteRequest):
                raise
            return self._fetch_end(key, largest, byte_range.suffix, expected)
        return self._noted(key, body, expected)

    async def fetch_soon(self, key: str, largest: int, byte_range: ByteRequest | None = None, expected: str | None = None) -> Body | None:
        """The same, in zarr-python's event loop, where many requests run at once."""
        try:
            with self._failing(key):
                result = await obstore.get_async(self._client, key, options=options_of(byte_range, expected))
                check_size(key, result.range[1] - result.range[0], largest)
                body = Body(bytes(await result.bytes_async()), result.meta["e_tag"])
        except FileNotFoundError:
            body = None
        except NoRanges:
            if not isinstance(byte_range, SuffixByteRequest):
                raise
            return await asyncio.to_thread(self._fetch_end, key, largest, byte_range.suffix, expected)
        return self._noted(key, body, expected)

    def _fetch_end(self, key: str, largest: int, nbytes: int, expected: str | None) -> Body | None:
        """The last bytes of a value, from a store that does not count from the end (Azure)."""
        with self._failing(key):
            meta = obstore.head(self._client, key)
        if not meta["size"]:
            return self._noted(key, Body(b"", meta["e_tag"]), expected)
        wanted = RangeByteRequest(max(0, meta["size"] - nbytes), meta["size"])
        return self.fetch(key, largest, wanted, expected or meta["e_tag"])

    async def _listed(self, prefix: str) -> list[str]:
        with raised_as(prefix or "the store"):
            return await super()._listed(prefix)

    def _look(self, keys: Sequence[str]) -> None:
        """Ask for the tags of keys, unless they have become fresh just now."""
        stale = self.stale(keys)
        if len(stale) == 1:
            try:
                with self._failing(stale[0]):
                    tag = obstore.head(self._client, stale[0])["e_tag"]
            except FileNotFoundError:
                tag = ABSENT
            self._note(stale[0], tag)
        elif stale:
            answer(together(map(self._look_soon, stale)))

    async def _look_soon(self, key: str) -> None:
        try:
            with self._failing(key):
                tag = (await obstore.head_async(self._client, key))["e_tag"]
        except FileNotFoundError:
            tag = ABSENT
        self._note(key, tag)

    @contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        """Raises our errors in place of obstore's; a tag that the store contradicts is forgotten."""
        try:
            with raised_as(key):
                yield
        except Changed:
            self._seen.drop(key)
            raise

    def _noted(self, key: str, body: Body | None, expected: str | None) -> Body | None:
        """The body, after its tag is noted. Raises Changed if it is not the one expected."""
        tag = ABSENT if body is None else body.tag
        self._note(key, tag)
        if expected is not None and tag != expected:
            raise changed(key)
        return body

    def _note(self, key: str, tag: str | None) -> None:
        self._seen.keep(key, Seen(tag, time.monotonic()))


class TaggedStore(WrapperStore[ObjectStore[Any]]):
    """The store for zarr-python; what it reads of a key that was seen has the tag seen last."""

    def __init__(self, store: ObjectStore[Any], values: Tagged) -> None:
        super().__init__(store)
        self._values = values

    def with_read_only(self, read_only: bool = False) -> TaggedStore:
        """A store that may be written to, or not, which notes its tags in the same place."""
        return type(self)(self._store.with_read_only(read_only), self._values)

    async def get(self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The value of a key, or a range of it. Raises Changed if it has changed."""
        tag = self._values.tag(key)
        body = await self._values.fetch_soon(key, UNBOUNDED, byte_range, None if byte_range is None or tag == ABSENT else tag)
        return None if body is None else (prototype or default_buffer_prototype()).buffer.from_bytes(body.content)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """The values of several keys or ranges, in order."""
        return list(await asyncio.gather(*(self.get(key, prototype, byte_range) for key, byte_range in key_ranges)))


async def together(asked: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What some coroutines return, which run at once."""
    return await asyncio.gather(*asked)


def options_of(byte_range: ByteRequest | None, expected: str | None) -> Any:
    """The options of a request. A weak tag matches nothing by itself; the reply's is compared."""
    options: dict[str, Any] = {} if expected is None or expected.startswith("W/") else {"if_match": expected}
    match byte_range:
        case RangeByteRequest(start, end):
            options["range"] = (start, end)
        case OffsetByteRequest(offset):
            options["range"] = {"offset": offset}
        case SuffixByteRequest(suffix):
            options["range"] = {"suffix": suffix}
    return options


def changed(key: str) -> Changed:
    """The error for an object that was replaced."""
    return Changed(f"{key!r} changed in its store while it was being read; ask again")
