"""Counts what threads do for each tree that the settings name, which are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...clocks import Clock


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
