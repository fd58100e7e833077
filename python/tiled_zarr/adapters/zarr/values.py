"""The values of any store of zarr-python, read in worker threads.

Stores are asynchronous. Their coroutines run in zarr-python's own event loop, in its own thread, to
which clients of remote stores are bound; a worker thread waits for the result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any, TypeVar

from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import MemoryStore, WrapperStore

from ...nodes import Damaged
from ..common.bounds import LARGEST_DOCUMENT
from ..common.snapshot import is_for_users

LIFE = 5.0
"""Seconds for which we trust an index or a document that we have read.

A store cannot say whether a value has changed. This costs a reader who pans through a sharded array
one more read per shard in 5 s, and is as long as a change may go unnoticed.
"""
AT_ONCE = 32
"""Keys of a store that are asked for at once, while we list a group."""
T = TypeVar("T")


class Values:
    """Reads the values of a store. All of its methods block."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_at_hand = type(store) is MemoryStore
        """True if reading costs nothing: then nothing that was read is trusted later."""
        self.snapshot: str | None = None
        """The name of the snapshot that all values belong to; None if they may change."""

    def get(self, key: str, largest: int = LARGEST_DOCUMENT, byte_range: ByteRequest | None = None) -> bytes | None:
        """The value of a key, or a range of it; None if there is none.

        Raises Damaged if it has more than `largest` bytes.
        """
        found = answer(self.store.get(key, default_buffer_prototype(), byte_range))
        if found is None:
            return None
        check_size(key, len(found), largest)
        body: bytes = found.to_bytes()
        return body

    def several(self, keys: Iterable[str]) -> list[bytes | None]:
        """The values of a few keys, read at once. Raises Damaged if one is larger than a document."""
        store = BoundedStore(self.store)

        async def read() -> list[Buffer | None]:
            return await asyncio.gather(*(store.get(key, default_buffer_prototype()) for key in keys))

        return [None if found is None else found.to_bytes() for found in answer(read())]

    def names(self, prefix: str) -> list[str]:
        """The names of values and of folders below a prefix, without an order."""
        return answer(self._listed(prefix))

    async def _listed(self, prefix: str) -> list[str]:
        return [name.strip("/") async for name in self.store.list_dir(prefix)]

    def existing(self, keys: Iterable[str]) -> set[str]:
        """Those of some keys that have a value."""

        async def asked() -> set[str]:
            turns = asyncio.Semaphore(AT_ONCE)

            async def exists(key: str) -> str | None:
                async with turns:
                    return key if await self._exists(key) else None

            return {key for key in await asyncio.gather(*map(exists, keys)) if key is not None}

        return answer(asked())

    async def _exists(self, key: str) -> bool:
        """Whether a key has a value; stores of VirtualiZarr cannot say it otherwise than by giving it."""
        try:
            return await self.store.exists(key)
        except NotImplementedError:
            return await self.store.get(key, default_buffer_prototype()) is not None

    def moment(self) -> int | None:
        """A number that changes every LIFE seconds, unless the values belong to a snapshot.

        None if nothing is to be trusted later.
        """
        return 0 if self.snapshot else None if self.is_at_hand else int(time.monotonic() / LIFE)

    def revision(self) -> str | None:
        """The revision of all values: their snapshot."""
        return self.snapshot

    def state(self, keys: Iterable[str]) -> Hashable | None:  # noqa: ARG002 - `Tagged` needs them
        """A value that is the same as long as the values of these keys may be taken for unchanged.

        None if nothing is to be trusted later.
        """
        return self.moment()


def answer(asked: Coroutine[Any, Any, T]) -> T:
    """What a coroutine of a store returns. Raises Damaged for the errors of its library.

    Their texts are not for readers: they may contain addresses and signatures.
    """
    try:
        return sync(asked)
    except Exception as error:
        if is_for_users(error):
            raise
        raise Damaged("its store cannot be read there; ask again later, or restore it from a copy") from error


def _nothing(_: int) -> None:
    pass


class BoundedStore(WrapperStore[Store]):
    """A store that refuses to return values of more bytes than expected."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.largest = self.largest_part = LARGEST_DOCUMENT
        self.take: Callable[[int], None] = _nothing

    def bounded(self, largest: int, largest_part: int, take: Callable[[int], None] = _nothing) -> BoundedStore:
        """The same store for reading the chunks of an array.

        It returns whole values of at most `largest` bytes, and ranges of at most `largest_part`
        bytes. It calls `take` with the number of bytes that it has read.
        """
        store = type(self)(self._store)
        store.largest, store.largest_part, store.take = largest, largest_part, take
        return store

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The value of a key, or a range of it. Raises Damaged if it is too large."""
        found = await self._store.get(key, prototype, byte_range)
        if found is not None:
            check_size(key, len(found), self.largest if byte_range is None else self.largest_part)
            self.take(len(found))
        return found

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """The values of several keys or ranges, in order."""
        return list(await asyncio.gather(*(self.get(key, prototype, byte_range) for key, byte_range in key_ranges)))


def check_size(key: str, nbytes: int, largest: int) -> None:
    """Raises Damaged if a value has more bytes than are expected."""
    if nbytes > largest:
        raise Damaged(f"{key!r} has {nbytes} bytes to be read, at most {largest} are expected; restore it from a copy")
