"""Uncompressed members of ZIP archives: bytes of the archive that are read in place, once they are known to be what was stored.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from zipfile import ZipInfo

from ...nodes import Damaged
from ..common.decoded import piece
from ..common.snapshot import Snapshot

AT_ONCE = 1024 * 1024
"""Bytes that are read in one step: with zlib's 1 to 2 GB a second, larger steps gain nothing (measured 2026-11-26)."""
LOCAL_HEADER = 30


@dataclass(slots=True)
class Member:
    """A member that is stored as it is: `nbytes` bytes at `offset` of the archive."""

    snapshot: Snapshot
    name: str
    offset: int
    nbytes: int
    crc: int
    is_right: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot, info: ZipInfo) -> Member:
        """A member by its entry in the directory: its bytes lie behind its local header, whose name and extra field vary in length."""
        with snapshot.opened() as file:
            file.seek(info.header_offset)
            header = file.read(LOCAL_HEADER)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        return cls(snapshot, info.filename, info.header_offset + LOCAL_HEADER + lengths, info.file_size, info.CRC)

    def check(self) -> None:
        """Raises Damaged where the bytes are not those that the archive's CRC was made of.

        The first call for a revision reads the whole member, in steps of AT_ONCE: 10 GB take 5 to 10 s. Blocks.
        """
        if self.is_right:
            return
        got: int = piece(self.snapshot.resources.facts, self.snapshot, ("checksum", self.offset), self._made)
        if got != self.crc:
            what = f"its bytes have the checksum {got:08x}, the archive says {self.crc:08x}"
            raise Damaged(f"{self.name!r} is damaged: {what}; restore it from a copy")
        self.is_right = True

    def _made(self) -> int:
        """The CRC-32 that the bytes have."""
        crc, left, buffer = 0, self.nbytes, bytearray(min(AT_ONCE, self.nbytes))
        view = memoryview(buffer)
        with self.snapshot.opened() as file:
            file.seek(self.offset)
            while left and (count := file.readinto(view[: min(left, AT_ONCE)])):
                crc = zlib.crc32(view[:count], crc)
                left -= count
        if left:
            raise Damaged(f"{self.name!r} ends {left} bytes early: the archive is truncated; restore it from a copy")
        return crc
