"""The key spaces over the views of one tree: one a view, made when it is first asked for.

A key space remembers places, recipes and chunks, some megabytes for a tree that is much used. Views
that anybody can ask for (a codec in the path) are without number, so only those used last are kept.
One that was let go is made again in microseconds, and what lies below it is still cached: encoded
chunks and tiles are known by what they hold, not by who asked. All that it forgets is which arrays
it has described, so that a chunk of one that has gone is then 404 instead of 410.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import ModuleType

from ..caches.recent import Recent
from ..hierarchy.keyspace import KeySpace
from ..hierarchy.metadata import Config
from ..nodes import Group
from ..resources import Resources
from .view import View, same

MOST_KEPT = 64
"""Key spaces of one tree; each takes up to some 10 MB if thousands of its arrays are asked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a tree is shown: in a Zarr format (the module `v2` or `v3`), through a view."""

    format: ModuleType
    view: View = same
    config: Config | None = None


class KeySpaces:
    """The key spaces over one tree, by name. Thread-safe: all who ask for one at once get the same."""

    def __init__(self, root: Group, config: Config, resources: Resources, most: int = MOST_KEPT) -> None:
        self.root = root
        self.config = config
        self.resources = resources
        self._kept: Recent[str, KeySpace] = Recent(most)

    def of(self, name: str, shown: Shown) -> KeySpace:
        """The key space that a name stands for, made as `shown` says unless it is kept."""
        return self._kept.get(name, partial(self._made, shown))

    def _made(self, shown: Shown) -> KeySpace:
        return KeySpace(shown.view(self.root), shown.format, shown.config or self.config, self.resources)
