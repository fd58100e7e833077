"""The samples of a line, a 1-d array: reads them in blocks, and finds the extremes of bins of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import marks
from ..budgets import Budget
from ..nodes import Array
from ..ome.display.display import line
from ..ome.pyramid.reads import Reader
from .kernels import Block, dtype, joined, minmax

FINEST = 64
"""Samples of a bin of the finest level.

A view of 2,000 smaller bins reads one or two chunks (1 MiB) of the samples themselves."""
MOST_BINS = 2000
"""Bins of the coarsest level at most: the pixels of a wide plot."""
STEP = 8 * 1024 * 1024
"""Bytes of the source that one step reads, about; more if one of its chunks is larger."""
MANY = 4
"""Chunks that a block covers at least if they do not end where bins do."""


def factors(length: int) -> tuple[int, ...]:
    """The samples of a bin of each level of a line, finest first.

    >>> factors(128_000), factors(128_001), factors(1_000_000)
    ((), (64, 128), (64, 128, 256, 512))
    """
    found = [FINEST] if length > FINEST * MOST_BINS else []
    while found and -(-length // found[-1]) > MOST_BINS:
        found.append(2 * found[-1])
    return tuple(found)


class Samples:
    """The samples of a 1-d array, read within `memory`; levels have `dtype` and bins `factors`.

    `weight` is how many bytes of the source we read for one sample. `marks` are skipped. `budget`
    is how many bytes of the source may be read for one tile.
    """

    def __init__(self, node: Array, memory: Budget, budget: int) -> None:
        self.node = node
        self.budget = budget
        self.dtype = dtype(node)
        self.marks = marks.declared(node.mark, node.attributes, node.dtype)
        self.length = node.shape[0]
        self.factors = factors(self.length)
        self.reader = Reader(line(node), memory)
        self.weight = self.reader.display.weight

    @property
    def mark(self) -> np.generic | None:
        """The mark of a bin that has nothing else; None if only NaN is one."""
        return self.marks[0] if self.marks else None

    @property
    def in_memory(self) -> bool:
        """True if a read only computes and does no I/O."""
        return self.reader.display.in_memory

    def bins(self, factor: int) -> int:
        """The number of bins of `factor` samples."""
        return -(-self.length // factor)

    def extremes(self, part: slice, factor: int) -> Block:
        """The extremes of each bin of a part that begins where a bin does. Blocks.

        Raises what the source raises, Busy and TooLarge.
        """
        return self.minmax(self.reader.read((part,)), factor)

    def minmax(self, block: Block, factor: int) -> Block:
        """The extremes of each `factor` samples of a block, without marks."""
        return minmax(joined(block, self.marks), factor, self.mark)

    def parts(self, span: slice, factor: int) -> Iterator[slice]:
        """The parts in which to read a span, each a whole number of bins."""
        return parts(span, factor, self.node.chunks, self.weight)

    def is_cheap(self, count: int) -> bool:
        """True if so many samples in a row can be read within the budget."""
        return touched(count, self.node.chunks, self.length) * self.weight <= self.budget


def parts(span: slice, factor: int, chunks: tuple[int, ...] | None, weight: int) -> Iterator[slice]:
    """The parts of a span, in samples: multiples of `factor`, of whole chunks if possible.

    >>> [part.stop for part in parts(slice(0, 5_000_000), 64, (1_000_000,), 8)]
    [1000000, 2000000, 3000000, 4000000, 5000000]
    >>> [part.stop for part in parts(slice(0, 5_000_000), 4096, (1_000_000,), 8)]
    [4001792, 5000000]
    """
    chunk = chunks[0] if chunks else factor
    is_even = chunk % factor == 0 or factor % chunk == 0
    grain = max(chunk, factor) if is_even else -(-MANY * chunk // factor) * factor
    length = max(STEP // weight // grain, 1) * grain
    for start in range(span.start, span.stop, length):
        yield slice(start, min(start + length, span.stop))


def touched(count: int, chunks: tuple[int, ...] | None, length: int) -> int:
    """The samples of all chunks that a run of `count` samples touches, at most.

    >>> touched(100, None, 9000), touched(512, (4096,), 9000), touched(512, (300,), 9000)
    (100, 4096, 900)
    """
    chunk = chunks[0] if chunks else 1
    is_even = count % chunk == 0 or chunk % count == 0
    return min(length, (-(-count // chunk) + (not is_even)) * chunk)


def exact(samples: Samples, span: slice, factor: int) -> Block:
    """The bins of a span of samples that begins where a bin does. Blocks; raises as `extremes`."""
    return np.concatenate([samples.extremes(part, factor) for part in samples.parts(span, factor)])
