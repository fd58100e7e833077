"""Two kernels in native code: one halves a block, the other computes a checksum."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from ... import _native
from .shapes import halved

Block: TypeAlias = np.ndarray[Any, Any]
Rule: TypeAlias = Literal["mean", "mode"]
"""How four pixels become one: their mean, or their commonest value if the numbers are names."""


def halve(block: Block, rule: Rule) -> Block:
    """A block with half the rows and columns, rounded up. It is little-endian and read-only."""
    body = _native.halve(block.view(f"V{block.itemsize}"), block.dtype.str, rule)
    return np.frombuffer(body, block.dtype.newbyteorder("<")).reshape(halved(block.shape))


CHECKSUM = 4
"""Bytes of a CRC-32C."""


def checksum(data: bytes | memoryview) -> bytes:
    """The CRC-32C of `data`, little-endian."""
    return _native.crc32c(data).to_bytes(CHECKSUM, "little")
