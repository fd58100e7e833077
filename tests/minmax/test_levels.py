"""The levels of a line: which there are, what they hold, and how they become exact."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from minmax.twins import extremes, node_of, stores
from tiled_zarr.minmax import levels
from tiled_zarr.minmax.levels import CHUNK, Line
from tiled_zarr.minmax.samples import factors
from tiled_zarr.nodes import Array, Changed

LENGTH = 1_000_001
VALUES = np.random.default_rng(1).integers(-1000, 1000, LENGTH).astype("i4")
SMALL = 64 * CHUNK * 4 * 2
"""A budget that allows a tile of the two finest levels of VALUES, and no more."""


def line_of(node: Array, *, budget: int = 1 << 40, **fields: Any) -> Line:
    return Line("/line", node, stores(**fields), budget)


def whole(line: Line, level: int) -> np.ndarray:
    bins, sides = line.shape(level)
    return np.concatenate([line.read(level, (slice(i, min(i + CHUNK, bins)), slice(0, sides))) for i in range(0, bins, CHUNK)])


def test_factors_end_below_the_pixels_of_a_plot() -> None:
    for length in (0, 1, 128_000, 128_001, 10**6, 10**9):
        found = factors(length)
        assert all(factor == 64 << i for i, factor in enumerate(found))
        assert (found == ()) == (length <= 128_000)
        assert not found or length / found[-1] <= 2000 < length / found[-1] * 2


@pytest.mark.parametrize("chunks", [None, (100_000,), (1 << 17,), (77,)])
@pytest.mark.parametrize("budget", [1 << 40, SMALL])
def test_every_bin_is_exact_that_says_so(chunks: tuple[int, ...] | None, budget: int) -> None:
    line = line_of(node_of(VALUES, chunks=chunks), budget=budget)
    for level, factor in enumerate(line.factors, 1):
        if line.is_exact(level):
            np.testing.assert_array_equal(whole(line, level), extremes(VALUES, factor))
            assert line.revision(level) is not None
        else:
            assert level in line.sampled()
            assert line.revision(level) is None
    assert (line.sampled() == []) == (budget > SMALL)


@pytest.mark.parametrize("is_kept", [True, False])
def test_levels_are_the_same_without_a_cache(is_kept: bool) -> None:
    line = line_of(node_of(VALUES), tiles=1 << 40 if is_kept else 0)
    for level, factor in enumerate(line.factors, 1):
        np.testing.assert_array_equal(whole(line, level), extremes(VALUES, factor))


def test_samples_are_within_the_values_until_the_background_has_read_all() -> None:
    line = line_of(node_of(VALUES, chunks=(10_000,)), budget=SMALL)
    last = len(line.factors)
    first = whole(line, last)
    exact = extremes(VALUES, line.factors[-1])
    assert (first[:, 0] <= first[:, 1]).all()
    assert np.isin(first, VALUES).all()
    assert line.stores.background.wait(30)
    assert line.sampled() == []
    np.testing.assert_array_equal(whole(line, last), exact)
    line.stores.background.stop()


def test_samples_are_the_same_in_each_process() -> None:
    made = [whole(line_of(node_of(VALUES, chunks=(10_000,)), budget=SMALL, is_on=False), 4) for _ in range(2)]
    np.testing.assert_array_equal(*made)


def test_stored_extremes_hide_no_spike() -> None:
    """The source is not read: each bin holds the extremes of all runs that it touches."""
    starts = np.array([0, 300_000, 300_100, 900_000])
    runs = np.split(VALUES, starts[1:])
    pairs = np.array([(run.min(), run.max()) for run in runs], "i4")

    def read(_: Any) -> np.ndarray:
        raise AssertionError("it was read")

    line = line_of(node_of(VALUES, read=read, chunks=(LENGTH,), extremes=lambda: (starts, pairs)), budget=SMALL, is_on=False)
    last, factor = len(line.factors), line.factors[-1]
    found = whole(line, last)
    ends = np.append(starts[1:], LENGTH)
    for i, (low, high) in enumerate(found):
        touched = (starts < min((i + 1) * factor, LENGTH)) & (ends > i * factor)
        assert (low, high) == (pairs[touched, 0].min(), pairs[touched, 1].max())


def test_callers_at_once_share_one_pass() -> None:
    reads = []
    barrier = threading.Barrier(4)

    def read(region: Any) -> np.ndarray:
        reads.append(region)
        return VALUES[region]

    line = line_of(node_of(VALUES, read=read))

    def ask(level: int) -> None:
        barrier.wait(10)
        whole(line, level)

    threads = [threading.Thread(target=ask, args=(level,)) for level in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(part.stop - part.start for (part,) in reads) == LENGTH


def test_a_source_that_changes_meanwhile_mixes_nothing() -> None:
    revisions = iter(range(1000))
    line = line_of(node_of(VALUES, revision=lambda: str(next(revisions))))
    with pytest.raises(Changed):
        line.read(3, (slice(0, 10), slice(0, 2)))


def test_a_live_source_is_read_each_time() -> None:
    values = VALUES.copy()
    line = line_of(node_of(values, revision=lambda: None))
    before = whole(line, 4)
    values[0] = 5000
    assert whole(line, 4)[0, 1] == 5000 != before[0, 1]
    assert line.revision(4) is None


def test_a_revision_that_has_gone_is_not_served() -> None:
    values, revision = VALUES.copy(), ["1"]
    line = line_of(node_of(values, revision=lambda: revision[0]))
    whole(line, 4)
    values[:] = 7
    revision[0] = "2"
    assert (whole(line, 4) == 7).all()


def test_a_long_line_keeps_its_coarse_levels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "KEPT", 40_000)
    line = line_of(node_of(VALUES, chunks=(200_000,)))
    assert line.first == 3
    for level, factor in enumerate(line.factors, 1):
        np.testing.assert_array_equal(whole(line, level), extremes(VALUES, factor))
