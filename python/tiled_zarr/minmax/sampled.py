"""A tile made of samples of a line, for levels whose exact tiles take too long to wait for.

Some sources have stored the extremes of runs, as Parquet has those of row groups in its footer. Then
we read no sample: a bin gets the extremes of all runs that it touches. It hides no spike, but shows
one as wide as its run.

Else we divide the tile into cells, as many as the budget allows patches. A *patch* is a chunk of the
source or about as much, at a random place in its cell. We reduce it as much as the level reduces
the source, and repeat its bins until the cell is full. A bin of samples is thus the extremes of
real samples near it: the range that it shows is one that the line has, but spikes may be missed.

The seed of the random numbers is SEED with the factor and the first sample of the tile, so each
request and each worker process makes the same tile.
"""

from __future__ import annotations

import numpy as np

from ..ome.pyramid.sampled import random_run
from .kernels import Block
from .samples import Samples

SEED = 21
"""Start of the random numbers, together with the factor and the first sample of the tile."""
PATCH = 4096
"""Samples of a patch of a source without chunks that reads any part; small chunks go together."""
UNKNOWN = 1024 * 1024
"""The same for a source that may decode more than it is asked for: a row group, a text file."""
READ = 16 * 1024 * 1024
"""Bytes of the source that we read for a tile of samples at most, if the budget allows as much."""


def tile(samples: Samples, span: slice, factor: int) -> Block:
    """The bins of a span of samples, which begins where a bin does, made of some of its samples.

    Blocks; raises what the source raises.
    """
    extremes = samples.node.dense.extremes
    stored = extremes() if extremes is not None else None
    return _patched(samples, span, factor) if stored is None else _of_runs(samples, span, factor, *stored)


def _of_runs(samples: Samples, span: slice, factor: int, starts: Block, pairs: Block) -> Block:
    """The same made of runs: each begins at one of `starts`, and has the extremes in `pairs`."""
    first = np.arange(span.start, span.stop, factor)
    low = np.searchsorted(starts, first, "right") - 1
    high = np.searchsorted(starts, np.minimum(first + factor, span.stop), "left")
    runs = pairs.reshape(-1)
    return np.concatenate([samples.minmax(runs[2 * i : 2 * j], 2 * (j - i)) for i, j in zip(low, high, strict=True)])


def _patched(samples: Samples, span: slice, factor: int) -> Block:
    """The same made of patches."""
    bins = -(-(span.stop - span.start) // factor)
    patch = patch_length(samples)
    most = max(1, min(READ, samples.budget) // (patch * samples.weight))
    count = min(bins, most, -(-(span.stop - span.start) // patch))
    rng = np.random.default_rng([SEED, factor, span.start])
    out = np.empty((bins, 2), samples.dtype)
    for cell in range(count):
        low, high = cell * bins // count, (cell + 1) * bins // count
        within = slice(span.start + low * factor, min(span.start + high * factor, span.stop))
        made = samples.extremes(random_run(within, patch, rng), min(factor, patch))
        out[low:high] = made[np.arange(high - low) * len(made) // (high - low)]
    return out


def patch_length(samples: Samples) -> int:
    """Samples that are cheap to read together: a chunk, or a few small neighbouring ones."""
    node = samples.node
    unit = node.source.unit or node.chunks
    if unit is not None:
        chunk = min(unit[0], samples.length)
        return max(chunk, PATCH // chunk * chunk)
    reads_any = samples.in_memory or node.source.read_stepped is not None
    return min(PATCH if reads_any else UNKNOWN, samples.length)
