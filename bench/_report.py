"""Prints the result of a contest and records its comparisons.

It prints a line per program and a line per comparison; each comparison is a row of the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import _record
from _contest import Result
from _images import Tiles
from _spread import Spread


class Comparison(NamedTuple):
    """The two programs whose rates are divided, and the ratio that we aim for."""

    ours: str
    theirs: str
    goal: float | None = None

    def described(self, ratio: Spread) -> str:
        """A ratio and its goal, as in `goal 0.85: 0.91 (0.88 to 0.93)`."""
        return str(ratio) if self.goal is None else f"goal {self.goal:g}: {ratio}"


def report(name: str, case: str, tiles: Tiles, results: Mapping[str, Result], comparisons: Iterable[Comparison], *packages: str) -> None:
    """Print the results, and append the comparisons to bench/record/<name>.csv.

    The record has the versions of `packages` too.
    """
    print(f"\n{case}, {tiles.nbytes // 1024} KiB decoded")
    for result in results.values():
        print(f"  {result}  encoded 1 : {tiles.nbytes / 1024 / result.body:.2f}")
    for comparison in comparisons:
        ratio = ratios(results[comparison.ours], results[comparison.theirs])
        costs = results[comparison.theirs].median.cost / results[comparison.ours].median.cost
        print(f"    {comparison.ours} / {comparison.theirs}: {comparison.described(ratio)}; by processor time {costs:.2f}", flush=True)
        _record.append(name, {"case": case, **figures(results, comparison, ratio)}, packages)


def ratios(ours: Result, theirs: Result) -> Spread:
    """The ratio of the two programs' rates, round by round."""
    return Spread.of(mine.rate / other.rate for mine, other in zip(ours.samples, theirs.samples, strict=True))


def figures(results: Mapping[str, Result], comparison: Comparison, ratio: Spread) -> dict[str, object]:
    """A comparison as columns of the record."""
    ours, theirs = results[comparison.ours], results[comparison.theirs]
    return {
        "ours": comparison.ours,
        "theirs": comparison.theirs,
        "ours_per_second": ours.median.rate,
        "theirs_per_second": theirs.median.rate,
        "ratio": ratio.median,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "goal": comparison.goal,
        "rounds": len(ours.samples),
        "ours_cpu_ms": ours.median.cost,
        "theirs_cpu_ms": theirs.median.cost,
        "ours_peak_mib": ours.peak,
        "ours_limit_mib": ours.program.limit,
        "theirs_peak_mib": theirs.peak,
        "ours_body_kib": ours.body,
        "theirs_body_kib": theirs.body,
        "ours_client": ours.median.client,
        "theirs_client": theirs.median.client,
    }
