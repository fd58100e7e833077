"""Makes the kept levels of a line in one pass over the source.

A pass reads the line in parts of whole chunks, about STEP (8 MiB) each. A part begins where a bin
of the first kept level does, so each bin lies in one part, and no chunk is decoded twice unless
chunks and bins do not end together. Each coarser level is made from the one before.

In the background the pass is a generator: each `next` reads one part, so that the thread can pause
between parts. If the source has changed meanwhile, we drop all, so no level mixes two revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from .kernels import Block, coarser
from .samples import Samples, exact


class Kept:
    """The kept levels of a line by their factors. Read-only."""

    def __init__(self, levels: dict[int, Block]) -> None:
        self._levels = levels

    @property
    def nbytes(self) -> int:
        """Bytes of all levels."""
        return sum(level.nbytes for level in self._levels.values())

    def level(self, factor: int) -> Block:
        """The level whose bins are `factor` samples."""
        return self._levels[factor]


def whole(samples: Samples, first: int) -> Kept:
    """The levels from the factor at index `first` on. Blocks; raises what the source raises."""
    return _above(samples, first, exact(samples, slice(0, samples.length), samples.factors[first]))


def run(samples: Samples, first: int, revision: str, keep: Callable[[Kept, float], None]) -> Iterator[int]:
    """Make the same step by step, and give them to `keep` with the seconds that they took.

    Yields after each step how many bytes of the source it has read. Stops if the source changes.
    Raises what the source raises.
    """
    factor = samples.factors[first]
    out = np.empty((samples.bins(factor), 2), samples.dtype)
    seconds = 0.0
    for part in samples.parts(slice(0, samples.length), factor):
        start = perf_counter()
        made = samples.extremes(part, factor)
        out[part.start // factor : part.start // factor + len(made)] = made
        if samples.node.revision() != revision:
            return
        seconds += perf_counter() - start
        yield (part.stop - part.start) * samples.weight
    keep(_above(samples, first, out), seconds)


def _above(samples: Samples, first: int, finest: Block) -> Kept:
    """The kept levels, made of the finest of them."""
    levels = {samples.factors[first]: finest}
    for factor in samples.factors[first + 1 :]:
        levels[factor] = coarser(levels[factor // 2], 2, samples.mark)
    return Kept(levels)
