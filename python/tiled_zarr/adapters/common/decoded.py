"""Decoded pieces of files that can only be decoded whole, kept for the next who asks for a part of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from ... import budgets
from .snapshot import Snapshot

Block: TypeAlias = "np.ndarray[Any, Any]"

MOST_BYTES = 256 * 1024 * 1024
"""Kept in a process, in decoded bytes; a larger piece is kept alone until the next one comes."""


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Piece = TypeVar("Piece", bound=_Sized)


class Decoded(Generic[Piece]):
    """Pieces by file and part of it, the last used ones, up to a number of bytes; many askers wait for one decoding."""

    def __init__(self, max_bytes: int = MOST_BYTES) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._blocks: OrderedDict[Hashable, Piece] = OrderedDict()
        self._lock = Lock()
        self._making: dict[Hashable, Lock] = {}

    def get(self, snapshot: Snapshot, part: Hashable, decode: Callable[[], Piece], nbytes: int = 0) -> Piece:
        """The piece, if it is a block read-only, of a part of a file; `decode` makes it, outside of any common lock, where it is not there.

        `nbytes` is what decoding takes of the memory for requests, where that is not the source's chunk. Raises Changed where the file is
        another one by now, and TooLarge or Busy where there is no such memory.
        """
        snapshot.check()
        key = (snapshot, part)
        block = self._peek(key)
        if block is not None:
            return block
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            block = self._peek(key)
            if block is None:
                block = self._make(key, decode, nbytes)
        return block

    def _make(self, key: Hashable, decode: Callable[[], Piece], nbytes: int) -> Piece:
        try:
            with budgets.hold(nbytes):
                self._make_room(nbytes)
                block = decode()
            if isinstance(block, np.ndarray):
                block.flags.writeable = False
            self._keep(key, block)
        finally:
            with self._lock:
                self._making.pop(key, None)
        return block

    def _peek(self, key: Hashable) -> Piece | None:
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
            return self._blocks.get(key)

    def _make_room(self, nbytes: int) -> None:
        """Let go what would have to go for a piece of so many bytes, before it is made."""
        with self._lock:
            while self._blocks and self.nbytes + nbytes > self.max_bytes:
                self.nbytes -= self._blocks.popitem(last=False)[1].nbytes

    def _keep(self, key: Hashable, block: Piece) -> None:
        with self._lock:
            self._blocks[key] = block
            self.nbytes += block.nbytes
            while self.nbytes > self.max_bytes and len(self._blocks) > 1:
                self.nbytes -= self._blocks.popitem(last=False)[1].nbytes


DECODED: Decoded[Block] = Decoded()
"""The pieces of all files."""
