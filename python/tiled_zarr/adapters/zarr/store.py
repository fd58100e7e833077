"""The folder of a Zarr hierarchy as a read-only store of zarr-python, behind a fence."""

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
"""The key of consolidated metadata, which we hide, since we open members one by one.

It may be stale, and a single type in it that zarr-python refuses makes the whole group unreadable.
"""


def _nothing(_: int) -> None:
    pass


class FencedStore(LocalStore):
    """A `LocalStore` that opens every file behind a fence, and limits the sizes of reads.

    A key without a file is absent; a key that the fence refuses raises. `instead` has documents
    that replace files, by key.
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
        """The same store for reading the chunks of an array.

        It reads whole files of at most `largest` bytes, and ranges of at most `largest_part` bytes
        from any file. It calls `take` with the number of bytes before it reads them.
        """
        store = type(self)(self.root, self.fence, self.instead)
        store.largest, store.largest_part, store.take = largest, largest_part, take
        return store

    def with_read_only(self, read_only: bool = True) -> FencedStore:
        """This store, which is always read-only. Raises ValueError for anything else."""
        if not read_only:
            raise ValueError("this store can only be read")
        return self

    async def get(self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes of a key, or of a range of it; None if there is no such file."""
        return await asyncio.to_thread(self.get_sync, key, prototype=prototype, byte_range=byte_range)

    def get_sync(self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The same, in the calling thread; zarr-python calls it since 3.1.6."""
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
        """A range of a file, shorter if the file ends before.

        Raises Damaged if it has more bytes than an array of this type can have stored.
        """
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
        """The bytes of several keys or ranges, in order."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """True if a key has a file."""
        return await self.get(key, byte_range=RangeByteRequest(0, 0)) is not None

    async def getsize(self, key: str) -> int:
        """The size of a key's file in bytes."""
        with self.fence.opened(os.path.join(self.root, key)) as file:  # noqa: PTH118
            return os.fstat(file.fileno()).st_size

    def list(self) -> AsyncIterator[str]:
        """Raises NotImplementedError: the adapter lists the members of groups itself."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Raises NotImplementedError, as `list` does."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Raises NotImplementedError, as `list` does."""
        raise NotImplementedError


def _span(byte_range: ByteRequest | None, size: int) -> tuple[int, int]:
    """The first byte of a range in a file of `size` bytes, and the byte after its last one."""
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
