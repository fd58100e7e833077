"""A tree as a store of zarr-python, in process: what a server would answer, without the server.

zarr-python runs all stores in one event loop. Opening files and encoding chunks blocks, so each
store does it in threads of its own. A pool for all stores would block itself: reading a source may
mean reading a `zarr.Array` over another of these stores.

https://zarr.readthedocs.io/en/stable/api/zarr/abc/store/
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NoReturn, TypeVar

from . import codecs, extras
from .encoding.encode import encode
from .hierarchy import v2, v3
from .hierarchy.keyspace import Chunk, KeySpace, Listing
from .hierarchy.listings import Entry
from .hierarchy.metadata import Config
from .hierarchy.steps import Waiting
from .nodes import Changed
from .opening import open as opened

try:
    from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"tiled_zarr.store needs zarr-python 3: {extras.command('zarr')}", name=error.name) from error

FORMATS = MappingProxyType({2: v2, 3: v3})
TRIES = 2
"""Attempts at one key; the second follows if the source changes during the first."""
T = TypeVar("T")


def store(
    source: object, zarr_format: Literal[2, 3] = 3, *, codec: str | None = None, chunk_shape: tuple[int, ...] | None = None
) -> KeySpaceStore:
    """A read-only store of zarr-python over anything that `tiled_zarr.open` opens.

    `zarr.open_group(store(source))`, `xarray.open_zarr(store(source))` and dask read it; each chunk
    is computed when it is asked for. `codec` and `chunk_shape` are those of the settings. Codec
    "none" saves compressing what the same process decompresses. Pickling the store pickles the
    source and opens it again. Raises what `tiled_zarr.open` raises, and ValueError if there is no
    such format or codec.
    """
    if zarr_format not in FORMATS:
        raise ValueError(f"zarr_format {zarr_format!r}: give 2 or 3")
    if codec is not None:
        codecs.parse(codec)
    config = Config(codec=codec, chunk_shape=chunk_shape)
    remake = partial(store, source, zarr_format, codec=codec, chunk_shape=chunk_shape)
    return KeySpaceStore(KeySpace(opened(source), FORMATS[zarr_format], config), remake)


class KeySpaceStore(Store):
    """The keys of a key space. `remake` makes the same store again, in another process too."""

    supports_writes = supports_deletes = supports_partial_writes = False
    supports_listing = True

    def __init__(self, keyspace: KeySpace, remake: Callable[[], KeySpaceStore] | None = None) -> None:
        super().__init__(read_only=True)
        self.keyspace = keyspace
        self.remake = remake
        self._threads: ThreadPoolExecutor | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeySpaceStore) and (other.keyspace is self.keyspace or is_same(self.remake, other.remake))

    __hash__ = None  # type: ignore[assignment] # as of all stores

    def __repr__(self) -> str:
        return f"<tiled_zarr.store of zarr_format {self.keyspace.format.NAME[1:]}: {type(self.keyspace.root).__name__.lower()}>"

    def __reduce__(self) -> tuple[Callable[..., KeySpaceStore], tuple[Any, ...]]:
        if self.remake is None:
            raise TypeError("a store over a key space cannot be pickled; make it with tiled_zarr.store")
        return remade, (self.remake,)

    def with_read_only(self, read_only: bool = False) -> KeySpaceStore:
        """The same store, which is always read-only. Raises ValueError if it should not be."""
        if not read_only:
            refuse()
        return KeySpaceStore(self.keyspace, self.remake)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes of a key or a part of them, None if there is no such key.

        Raises Changed if the source changes while it is read, and what the source raises.
        """
        body = await self._blocking(value, self.keyspace, key)
        return None if body is None else prototype.buffer.from_bytes(part(body, byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """The bytes of several keys or parts of keys, in their order."""
        return await asyncio.gather(*(self.get(key, prototype, byte_range) for key, byte_range in key_ranges))

    async def exists(self, key: str) -> bool:
        """Whether there is a key. Encodes nothing."""
        return await self._blocking(exists, self.keyspace, key)

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys. Raises TooLarge if an array has too many chunks to list."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield all keys that begin with `prefix`. Raises TooLarge as `list` does."""
        folder = prefix.rpartition("/")[0]
        waiting = [f"{folder}/" if folder else ""]
        while waiting:
            above = waiting.pop()
            for name, is_folder in await self._blocking(entries, self.keyspace, above):
                key = f"{above}{name}"
                if f"{key}/".startswith(prefix) if is_folder else key.startswith(prefix):
                    if is_folder:
                        waiting.append(f"{key}/")
                    else:
                        yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names right below a node. Raises TooLarge as `list` does."""
        folder = prefix.rstrip("/")
        for name, _ in await self._blocking(entries, self.keyspace, f"{folder}/" if folder else ""):
            yield name

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002 - zarr-python's signature
        """Raise ValueError: the store is read-only."""
        refuse()

    async def delete(self, key: str) -> None:  # noqa: ARG002 - zarr-python's signature
        """Raise ValueError: the store is read-only."""
        refuse()

    def close(self) -> None:
        """End the threads; a store that is used again starts new ones."""
        super().close()
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)

    async def _blocking(self, function: Callable[..., T], *arguments: object) -> T:
        """What a function that blocks returns, called in a thread of the store."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(thread_name_prefix="tiled_zarr.store")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def remade(remake: Callable[[], KeySpaceStore]) -> KeySpaceStore:
    """The store that was pickled."""
    return remake()


def is_same(one: object, other: object) -> bool:
    """Whether two stores are made from the same file or text, in the same way."""
    if not (isinstance(one, partial) and isinstance(other, partial)):
        return False
    return all(isinstance(made.args[0], str | os.PathLike) for made in (one, other)) and (one.args, one.keywords) == (
        other.args,
        other.keywords,
    )


def refuse() -> NoReturn:
    """Raise ValueError."""
    raise ValueError("a store of tiled_zarr is read-only; copy what it has into another store to change it")


def value(keyspace: KeySpace, key: str) -> bytes | None:
    """What a GET of a key would answer with, None if there is no such key. Blocks.

    Raises Changed if the source changes during both attempts, or no longer has what its documents
    describe: a reader would take None for fill values. Raises what the source raises.
    """
    for _ in range(TRIES):
        with suppress(Changed):
            return attempt(keyspace, key)
    raise Changed(f"{key}: the source has changed since it was opened; open it again")


def attempt(keyspace: KeySpace, key: str) -> bytes | None:
    """The same, once."""
    found = keyspace.resolve(key)
    if found is None:
        if keyspace.is_gone(key):
            raise Changed
        return None
    see = found.revision if isinstance(found, Chunk) else found.seen
    seen = see()
    body = encode(found, keyspace.resources) if isinstance(found, Chunk) else found.body()
    if see() != seen:
        raise Changed
    return body


def exists(keyspace: KeySpace, key: str) -> bool:
    """Whether a key names a chunk, or a document that its node has. Blocks."""
    found = keyspace.resolve(key)
    return found is not None and (isinstance(found, Chunk) or found.body() is not None)


def entries(keyspace: KeySpace, path: str) -> list[Entry]:
    """What lies right below a folder, whose path ends in a slash; nothing if there is none. Blocks.

    Raises TooLarge, and what listing raises.
    """
    found = keyspace.find(path)
    listing = keyspace.resumed(path, found) if isinstance(found, Waiting) else found
    if not isinstance(listing, Listing):
        return []
    group = listing.place.group
    if group is None:
        return [*listing.entries()]
    documents = [Entry(name, is_folder=False) for name in keyspace.listings.documents(listing.place)]
    return [*documents, *(Entry(child.name, is_folder=True) for child in keyspace.listing(group))]


def part(body: bytes, byte_range: ByteRequest | None) -> bytes:
    """The part of a body that a reader asks for; what lies beyond its end is left out.

    >>> part(b"abc", SuffixByteRequest(2)), part(b"abc", SuffixByteRequest(9)), part(b"abc", OffsetByteRequest(1))
    (b'bc', b'abc', b'bc')
    """
    match byte_range:
        case None:
            return body
        case RangeByteRequest(start, end):
            return body[start:end]
        case OffsetByteRequest(offset):
            return body[offset:]
        case SuffixByteRequest(suffix):
            return body[max(0, len(body) - suffix) :]
