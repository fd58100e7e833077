"""Chunks of an array that are sent as they are: those of its source, and those encoded in advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from . import codecs
from .codecs import Codec


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The chunks of a source as stored: little endian, packed, in C order, `codec` applied.

    `read(index)` returns the stored bytes of the chunk at an index in the source's grid
    (`Array.chunks`), or None if that chunk is not stored, or stored unlike the others. It blocks.
    """

    codec: Codec
    read: Callable[[tuple[int, ...]], bytes | None]

    def __post_init__(self) -> None:
        """Replace the spelling of a codec by the codec. Raises ValueError if there is none."""
        given: Any = self.codec
        if not isinstance(given, Codec):
            object.__setattr__(self, "codec", codecs.parse(given, stored=True))


class Prepared(Protocol):
    """Chunks that were encoded in advance, and are sent while the data are still the same.

    Nothing else of an array depends on them: they are the bytes that encoding a chunk would make.
    """

    def fits(self, codec: Codec, shape: tuple[int, ...]) -> bool:
        """True if there are chunks of this codec and shape of the data as they are now. Blocks."""

    def read(self, index: tuple[int, ...]) -> bytes | None:
        """The bytes of the chunk at an index in their grid, None if it cannot be had. Blocks."""
