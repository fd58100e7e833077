"""A key space as a zarr-python store, in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype

from tiled_zarr.encoding.encode import encode
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace


def value(keyspace: KeySpace, key: str) -> bytes | None:
    """What a GET of a key would answer with."""
    found = keyspace.resolve(key)
    if found is None:
        return None
    return encode(found) if isinstance(found, Chunk) else found.body()


class KeySpaceStore(Store):
    """Read only; lists what the key space lists."""

    supports_writes = supports_deletes = supports_partial_writes = False
    supports_listing = True

    def __init__(self, keyspace: KeySpace) -> None:
        super().__init__(read_only=True)
        self.keyspace = keyspace

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeySpaceStore) and other.keyspace is self.keyspace

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        body = value(self.keyspace, key)
        return None if body is None else prototype.buffer.from_bytes(body)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype) for key, _ in key_ranges]

    async def exists(self, key: str) -> bool:
        return value(self.keyspace, key) is not None

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        group = self.keyspace.group(prefix.rstrip("/"))
        for entry in self.keyspace.listing(group) if group else []:
            yield entry.name

    async def list(self) -> AsyncIterator[str]:
        async for name in self.list_dir(""):
            yield name

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        async for name in self.list_dir(prefix):
            yield name

    async def set(self, key: str, value: Buffer) -> None:
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        raise NotImplementedError


class BlockingStore(KeySpaceStore):
    """The same for sources that zarr-python reads, which cannot be called in its own event loop."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        body = await asyncio.to_thread(value, self.keyspace, key)
        return None if body is None else prototype.buffer.from_bytes(body)
