"""Who is told what is found while directories and prefixes are listed at the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def ignored(_: str, __: int) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Callbacks while directories are indexed.

    `on_file` is called with every file. `on_unknown` is called for each folder and suffix with the
    number of files that have no adapter.
    """

    on_file: Callable[[Path], None] | None = None
    on_unknown: Callable[[str, int], None] = ignored
