"""The seconds that requests take, as histograms of Prometheus and for each tree of the settings.

https://prometheus.io/docs/concepts/metric_types/#histogram
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ...clocks import PARTS, Clock

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets in seconds: from a chunk out of the cache to the usual timeout."""


class Histogram:
    """How many of the observed seconds lie in each bucket, and their sum; for one thread."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many durations were observed."""
        return sum(self.counts)

    def buckets(self) -> Iterator[tuple[str, int]]:
        """The upper bound of each bucket, as text, and how many were at most that long."""
        return zip([*map(repr, BOUNDS), "+Inf"], accumulate(self.counts), strict=True)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """A histogram of all that others have observed."""
    made = Histogram()
    for histogram in histograms:
        made.counts = [mine + other for mine, other in zip(made.counts, histogram.counts, strict=True)]
        made.total += histogram.total
    return made


class Times:
    """Histograms of the seconds that requests wait, read and encode.

    Only the event loop changes them.
    """

    __slots__ = PARTS

    def __init__(self) -> None:
        self.queue = Histogram()
        self.read = Histogram()
        self.encode = Histogram()

    def note(self, clock: Clock) -> None:
        """Count what a clock has measured."""
        if clock.queue > 0:
            self.queue.observe(clock.queue)
        if clock.read > 0:
            self.read.observe(clock.read)
        if clock.encode > 0:
            self.encode.observe(clock.encode)

    def parts(self) -> Iterator[tuple[str, Histogram]]:
        """The histograms with their names."""
        return ((name, getattr(self, name)) for name in PARTS)


@dataclass(slots=True)
class Counts:
    """Requests for which a thread worked, how many of them failed, and their seconds in all."""

    requests: int = 0
    failures: int = 0
    wait_seconds: float = 0.0
    read_seconds: float = 0.0
    encode_seconds: float = 0.0


class Sources(dict[str, Counts]):
    """The counts of each tree by its path, `/` if it is the root. Only the event loop adds to them."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__({f"/{path}": Counts() for path in sorted(paths, key=len, reverse=True)})

    def note(self, key: str, clock: Clock, *, has_failed: bool) -> None:
        """Count a request for a key, which took the seconds of `clock`."""
        counts = self.of(key)
        if counts is not None:
            counts.requests += 1
            counts.failures += has_failed
            counts.wait_seconds += clock.queue
            counts.read_seconds += clock.read
            counts.encode_seconds += clock.encode

    def of(self, key: str) -> Counts | None:
        """The counts of the tree that a key is in.

        >>> sources = Sources(["a", "a/b"])
        >>> sources.of("a/b/c/0") is sources["/a/b"], sources.of("a/bc") is sources["/a"], sources.of("c")
        (True, True, None)
        """
        path = f"/{key}/"
        return next((counts for tree, counts in self.items() if tree == "/" or path.startswith(f"{tree}/")), None)
