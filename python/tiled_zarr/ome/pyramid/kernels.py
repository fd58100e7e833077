"""Halving a block and checking bytes, natively."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from ... import _native
from .shapes import halved

Block: TypeAlias = np.ndarray[Any, Any]
Rule: TypeAlias = Literal["mean", "mode"]
"""How four pixels become one: by their mean, or, where numbers are names, by the commonest."""


def halve(block: Block, rule: Rule) -> Block:
    """A block with half the rows and columns, rounded up, little endian and not to be written to."""
    body = _native.halve(block.view(f"V{block.itemsize}"), block.dtype.str, rule)
    return np.frombuffer(body, block.dtype.newbyteorder("<")).reshape(halved(block.shape))


CHECKSUM = 4
"""Bytes of a checksum."""
CHECKED = _native.Codec("none", crc32c=True)


def checksum(data: bytes | memoryview) -> bytes:
    """CRC-32C, little endian. Half a MiB takes 27 us with its copy, where `zlib.crc32` takes 89 (2026-11-26, 2 Zen 3 cores)."""
    return CHECKED.encode(data)[-CHECKSUM:]
