"""Chunks of a Zarr array that lies in a store of zarr-python: values of keys, or parts of shards.

`chunks.py` does the same for a folder, whose files have revisions, and `versions.py` for an object
store. Any other store has none. So the index of a shard is kept for LIFE seconds (values.py), and
is read again after each chunk: if the chunk lies elsewhere by then, its bytes may be those of
another chunk, and both are read anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from zarr.abc.store import ByteRequest, RangeByteRequest, SuffixByteRequest

from ... import _native
from ...nodes import Changed, Damaged, Region
from ...resources import Resources, default
from ..common.bounds import LARGEST_TEXT, grown
from .layout import Layout, Shards
from .pieces import assembled, decoded, decoder_of
from .shards import find, index_size, parsed
from .values import Values

TRIES = 5
"""Attempts to read a chunk whose shard is being replaced."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyedChunks:
    """The chunks of an array, of `shape` elements each; `layout` has keys instead of paths."""

    layout: Layout
    values: Values
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoder: _native.Decoder | None
    resources: Resources
    opened: Hashable | None
    """The state of the array's document when it was opened."""

    @classmethod
    def of(cls, layout: Layout, values: Values, shape: tuple[int, ...], dtype: np.dtype[Any], resources: Resources | None) -> Self:
        """The chunks of an array with this layout."""
        decoder = None if layout.codec is None or dtype.hasobject else decoder_of(layout.codec, shape, dtype.itemsize)
        return cls(layout, values, shape, dtype, decoder, resources or default(), values.state([layout.document]))

    def read(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk, or None if it was never written.

        Raises OSError if the array itself is gone.
        """
        stored = self._stored(index)
        if stored is None:
            self.check()
        return stored

    def check(self) -> None:
        """Raises OSError if the array is gone; its chunks are then unknown, not unwritten."""
        if not self.values.existing([self.layout.document]):
            raise FileNotFoundError(f"{self.layout.document!r} is gone")

    def block(self, region: Region) -> np.ndarray[Any, Any] | None:
        """The elements of a region.

        None if one of its chunks was never written, or cannot be decoded here.
        """
        return None if self.decoder is None else assembled(region, self.shape, self.dtype, self._block)

    def steadily(self, region: Region, read: Callable[[], np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:  # noqa: ARG002 - as `Chunks`
        """The region as `read`, which calls zarr-python, returns it.

        Raises OSError if the array is gone.
        """
        block = read()
        self.check()
        return block

    def _block(self, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any] | None:
        """A part of a chunk, or None if that chunk was never written."""
        block = self._decoded(index)
        box: Any = (*inner, ...)
        return None if block is None else block[box]

    def _decoded(self, index: tuple[int, ...]) -> np.ndarray[Any, Any] | None:
        assert self.decoder is not None
        stored = self.read(index)
        return None if stored is None else decoded(self.decoder, np.empty(self.shape, self.dtype), index, stored, self._key(index))

    def _stored(self, index: tuple[int, ...]) -> bytes | None:
        key, shards = self._key(index), self.layout.shards
        if shards is None:
            return self.values.get(key, self._largest)
        for _ in range(TRIES):
            with suppress(Changed):
                return self._in_shard(key, shards, index)
            self.resources.decoded.drop((self, key, self.values.moment()))
        return self._in_shard(key, shards, index)

    def _in_shard(self, key: str, shards: Shards, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk of a shard; None if it was never written.

        Raises Changed if they lie elsewhere after they were read.
        """
        entries = self._index(key, shards)
        at = None if entries is None else find(entries, shards, index)
        if at is None:
            return None
        part = self._part(index, at)
        body = self.values.get(key, at[1], part) if part else b""
        if self.values.snapshot:
            return self._checked(key, index, at, body)
        try:
            again = find(self._read_index(key, shards), shards, index)
        except FileNotFoundError:
            again = None
        if again != at:
            raise Changed(f"the shard {key!r} changed while it was being read; ask again")
        return self._checked(key, index, at, body)

    def _part(self, index: tuple[int, ...], at: tuple[int, int]) -> ByteRequest | None:
        """The range of a chunk in its shard; None if it has no bytes. Raises Damaged if it is too long."""
        offset, nbytes = at
        if nbytes > self._largest:
            raise Damaged(f"the chunk {index} has {nbytes} bytes, at most {self._largest} are expected; restore it from a copy")
        return RangeByteRequest(offset, offset + nbytes) if nbytes else None

    def _checked(self, key: str, index: tuple[int, ...], at: tuple[int, int], body: bytes | None) -> bytes:
        """The bytes of a chunk in its shard. Raises Damaged if the shard ends before them."""
        if body is None or len(body) != at[1]:
            raise Damaged(f"the shard {key!r} has {len(body or b'')} bytes of the chunk {index}, expected {at[1]}; restore it from a copy")
        return body

    def _index(self, key: str, shards: Shards) -> np.ndarray[Any, Any] | None:
        """The index of the shard at a key; None if there is no such shard."""

        def read() -> np.ndarray[Any, Any]:
            return self._read_index(key, shards)

        moment = self.values.moment()
        try:
            return read() if moment is None else self.resources.decoded.get((self, key, moment), read)
        except FileNotFoundError:
            return None

    def _read_index(self, key: str, shards: Shards) -> np.ndarray[Any, Any]:
        """Raises FileNotFoundError if there is no such shard, Damaged if it is too short."""
        size = index_size(shards)
        wanted: ByteRequest = RangeByteRequest(0, size) if shards.is_index_first else SuffixByteRequest(size)
        body = self.values.get(key, size, wanted)
        if body is None:
            raise FileNotFoundError(key)
        return self._parsed(key, shards, body)

    def _parsed(self, key: str, shards: Shards, body: bytes) -> np.ndarray[Any, Any]:
        size = index_size(shards)
        if len(body) != size:
            raise Damaged(f"the shard {key!r} has {len(body)} bytes of its index, expected {size}; restore it from a copy")
        return parsed(body, shards, key)

    def _key(self, index: tuple[int, ...]) -> str:
        """The key under which a chunk is stored."""
        shards = self.layout.shards
        return self.layout.path(index if shards is None else shards.place(index))

    @property
    def _largest(self) -> int:
        """Bytes of the largest stored chunk that we accept."""
        return LARGEST_TEXT if self.dtype.hasobject else grown(math.prod(self.shape) * self.dtype.itemsize)
