"""The folder of a Zarr hierarchy as a store of zarr-python, to be read alone, and only behind a fence."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from io import FileIO
from pathlib import Path

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import LocalStore

from ...nodes import Damaged
from ..common.bounds import LARGEST_DOCUMENT
from ..common.fences import Fence

CONSOLIDATED = ".zmetadata"
"""Left out, since members are opened one by one: it may be stale, and one type in it that zarr-python refuses takes a whole group away."""


def _nothing(_: int) -> None:
    pass


class FencedStore(LocalStore):
    """A `LocalStore` whose every file is opened behind a fence, and has a largest size.

    Keys that lead to nothing are absent, those that are refused raise. `instead` are documents that are given in place of files.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, root: Path | str, fence: Fence, instead: Mapping[str, bytes] | None = None) -> None:
        super().__init__(root, read_only=True)
        self.fence = fence
        self.instead = instead or {}
        self.largest = self.largest_part = LARGEST_DOCUMENT
        self.take: Callable[[int], None] = _nothing

    def bounded(self, largest: int, largest_part: int, take: Callable[[int], None] = _nothing) -> FencedStore:
        """The same store for the chunks of an array.

        It reads files of at most `largest` bytes whole, and of any file at most `largest_part`; `take` is called with the number
        of bytes before they are read.
        """
        store = type(self)(self.root, self.fence, self.instead)
        store.largest, store.largest_part, store.take = largest, largest_part, take
        return store

    def with_read_only(self, read_only: bool = True) -> FencedStore:
        """The same store, which cannot be written."""
        if not read_only:
            raise ValueError("this store can only be read")
        return self

    async def get(self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes of a key, or of a range of it; None if there is no such file."""
        return await asyncio.to_thread(self.get_sync, key, prototype=prototype, byte_range=byte_range)

    def get_sync(self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The same in this thread, which zarr-python asks for since 3.1.6."""
        buffer = (prototype or default_buffer_prototype()).buffer
        if key == CONSOLIDATED:
            return None
        if key in self.instead:
            start, stop = _span(byte_range, len(self.instead[key]))
            return buffer.from_bytes(self.instead[key][start:stop])
        try:
            with self.fence.opened(os.path.join(self.root, key)) as file:  # noqa: PTH118
                return buffer.from_bytes(self._read(file, byte_range))
        except FileNotFoundError:
            return None

    def _read(self, file: FileIO, byte_range: ByteRequest | None) -> bytes:
        """A range of a file, or as much of it as there is. Raises Damaged for more than an array of this type can have stored."""
        start, stop = _span(byte_range, os.fstat(file.fileno()).st_size)
        missing, largest = stop - start, self.largest if byte_range is None else self.largest_part
        if missing > largest:
            raise Damaged(f"{os.path.basename(str(file.name))!r} has {missing} bytes to be read, at most {largest} are expected")  # noqa: PTH119
        self.take(max(missing, 0))
        file.seek(start)
        parts = []
        while missing > 0 and (part := file.read(missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Several of them."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether a key has a file."""
        return await self.get(key, byte_range=RangeByteRequest(0, 0)) is not None

    async def getsize(self, key: str) -> int:
        """Bytes of a key's file."""
        with self.fence.opened(os.path.join(self.root, key)) as file:  # noqa: PTH118
            return os.fstat(file.fileno()).st_size

    def list(self) -> AsyncIterator[str]:
        """Nobody asks for it; the members of groups are listed by the adapter."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """As `list`."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """As `list`."""
        raise NotImplementedError


def _span(byte_range: ByteRequest | None, size: int) -> tuple[int, int]:
    """The first byte of a range in a file of `size` bytes, and the one after its last."""
    match byte_range:
        case None:
            return 0, size
        case RangeByteRequest(start, end):
            return start, min(end, size)
        case OffsetByteRequest(offset):
            return offset, size
        case SuffixByteRequest(suffix):
            return max(0, size - suffix), size
    raise TypeError(f"a byte range of an unknown kind: {byte_range!r}")
