"""Members of ZIP archives; uncompressed ones are read in place once their checksum is verified.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from zipfile import ZipFile, ZipInfo

from ...nodes import Damaged
from ..common.decoded import piece
from ..common.snapshot import Snapshot

AT_ONCE = 1024 * 1024
"""Bytes per read; zlib checks 1 to 2 GB a second, and larger reads gain nothing.

Measured 2026-11-26.
"""
LOCAL_HEADER = 30


class Listed(ZipFile):
    """An archive whose directory has been read before; its members are opened by their ZipInfo.

    A plain ZipFile reads the directory each time: to open each of 8,000 members would parse 64
    million entries. Should a later version of zipfile call that step otherwise, we are slow again.
    """

    def _RealGetContents(self) -> None:  # noqa: N802 - its name there
        """Read nothing."""


@dataclass(slots=True)
class Member:
    """An uncompressed member: `nbytes` bytes at `offset` of the archive."""

    snapshot: Snapshot
    name: str
    offset: int
    nbytes: int
    crc: int
    is_right: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot, info: ZipInfo) -> Member:
        """The member of a directory entry.

        Its bytes follow its local header, whose name and extra field vary in length.
        """
        with snapshot.opened() as file:
            file.seek(info.header_offset)
            header = file.read(LOCAL_HEADER)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        return cls(snapshot, info.filename, info.header_offset + LOCAL_HEADER + lengths, info.file_size, info.CRC)

    def check(self) -> None:
        """Verify the member's CRC-32. Raises Damaged if its bytes do not match the archive's CRC.

        The first call for a revision reads the whole member, AT_ONCE bytes at a time: 10 GB take 5
        to 10 s. Blocks.
        """
        if self.is_right:
            return
        got: int = piece(self.snapshot.resources.facts, self.snapshot, ("checksum", self.offset), self._made)
        if got != self.crc:
            what = f"its bytes have the checksum {got:08x}, the archive says {self.crc:08x}"
            raise Damaged(f"{self.name!r} is damaged: {what}; restore it from a copy")
        self.is_right = True

    def _made(self) -> int:
        """The CRC-32 of the bytes. Raises Damaged if the archive ends before them."""
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
