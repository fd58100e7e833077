"""One pass over a whole text: its length, its encoding, and how many lines are comments."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ....nodes import Damaged, TooLarge
from ...common.snapshot import Snapshot

LARGEST = 256 * 1024 * 1024
"""Bytes of decompressed text at most, since a table is held in memory as a whole."""
AT_ONCE = 4 * 1024 * 1024
"""Bytes that are examined in one step; the dialect is found in the first of these steps."""
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
"""Bytes that no text contains, unless it is in UTF-8 or UTF-16."""
C1 = re.compile(rb"[\x80-\x9f]")
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, each with its encoding."""
NO_TEXT = "holds bytes that no text contains; is it really a table?"


@dataclass(slots=True)
class Survey:
    """What we learn from a whole text.

    `head` has its first bytes, `is_cut` is true if there are more. `begins` counts, by character,
    the lines after the first that begin with it.
    """

    head: bytes = b""
    is_cut: bool = False
    encoding: str = "utf-8"
    begins: dict[str, int] = field(default_factory=dict)


def stream(snapshot: Snapshot, path: str) -> Any:
    """The text, decompressed by Arrow itself.

    Arrow's background reader then never waits for Python's global lock.
    """
    return pa.input_stream(path, compression="gzip" if snapshot.path.lower().endswith(".gz") else None)


def survey(snapshot: Snapshot, path: str, encoding: str | None, marks: tuple[str, ...]) -> Survey:
    """Examine a whole text once, AT_ONCE bytes at a time: 1 GB per second if it is ASCII.

    Raises TooLarge for more than LARGEST bytes, which are counted while they are decompressed, and
    Damaged if it is no text.
    """
    found, left, last = Survey(begins=dict.fromkeys(marks, 0)), LARGEST, b""
    with stream(snapshot, path) as text:
        found.head = text.read(AT_ONCE)
        kind = _Encoding(found.head, encoding)
        piece = found.head
        while piece:
            left -= len(piece)
            if left < 0:
                raise TooLarge(too_large(snapshot, f"holds more than {LARGEST >> 20} MiB of text"))
            kind.look(snapshot, piece)
            for mark in marks:
                found.begins[mark] += _count(last + piece, mark.encode())
            last = piece[-1:]
            piece = text.read(AT_ONCE)
            found.is_cut = found.is_cut or bool(piece)
    found.encoding = kind.name(snapshot)
    return found


class _Encoding:
    """Finds the encoding of a text from one piece after the other."""

    def __init__(self, head: bytes, chosen: str | None) -> None:
        known = chosen or next((name for mark, name in MARKS if head.startswith(mark)), None) or _wide(head)
        self._known = known
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder(known or "utf-8")()
        self._is_ascii = known in (None, "utf-8")
        self._has_controls = self._has_c1 = False

    def look(self, snapshot: Snapshot, piece: bytes) -> None:
        """Examine a piece.

        Raises Damaged if it is not in the encoding that was chosen or marked.
        """
        self._has_controls = self._has_controls or CONTROL.search(piece) is not None
        if self._is_ascii and piece.isascii():
            return
        self._is_ascii = False
        self._has_c1 = self._has_c1 or C1.search(piece) is not None
        self._decode(snapshot, piece, final=False)

    def name(self, snapshot: Snapshot) -> str:
        """The encoding. Raises Damaged if the text fits none."""
        if not self._is_ascii:
            self._decode(snapshot, b"", final=True)
        if self._decoder is not None:
            return self._known or "utf-8"
        if self._has_controls:
            raise Damaged(f"{Path(snapshot.path).name!r} {NO_TEXT}")
        return "cp1252" if self._has_c1 else "latin-1"

    def _decode(self, snapshot: Snapshot, piece: bytes, *, final: bool) -> None:
        if self._decoder is None:
            return
        try:
            self._decoder.decode(piece, final)
        except UnicodeError:
            if self._known is not None:
                raise Damaged(f"{Path(snapshot.path).name!r} is no text in {self._known}; write it again, or set its encoding") from None
            self._decoder = None


def _wide(head: bytes) -> str | None:
    """UTF-16 without a byte order mark, if the zero bytes of Latin text show it; else None."""
    start = head[:1000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    few, many = len(start) // 50, len(start) // 4
    if odd > many and even <= few:
        return "utf-16-le"
    return "utf-16-be" if even > many and odd <= few else None


def _count(text: bytes, mark: bytes) -> int:
    return text.count(b"\n" + mark) + text.count(b"\r" + mark)


def too_large(snapshot: Snapshot, what: str) -> str:
    """The reason why a table is refused, with what to do."""
    return f"{Path(snapshot.path).name!r} {what}, and a text table is held in memory as a whole; save it as Parquet, which is read in parts"
