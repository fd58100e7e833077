"""Keeps the key spaces over one tree: one per view, made at the first request for it.

A key space remembers places, recipes and chunks: some megabytes for a tree in heavy use. Clients
can ask for any number of views (a codec in the path), so only the key spaces used last are kept. To
make one again takes microseconds, and the data below it are still cached: the keys of encoded
chunks and tiles contain what they hold, not who asked. Only the record of which arrays it has
described is lost, so a chunk of an array that is gone then gets 404 instead of 410.
"""

from __future__ import annotations

from collections.abc import Callable
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
"""Key spaces of one tree, at most.

Each takes up to about 10 MB if thousands of its arrays are requested."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a tree is shown: through a view, in a Zarr format (the module `v2` or `v3`).

    `config` None means that of the `KeySpaces`.
    """

    format: ModuleType
    view: View = same
    config: Config | None = None


class KeySpaces:
    """The key spaces over one tree, by name. `refusal` is that of KeySpace.

    Thread-safe: threads that ask for the same name at once get the same key space.
    """

    def __init__(
        self, root: Group, config: Config, resources: Resources, most: int = MOST_KEPT, refusal: Callable[[], Exception] | None = None
    ) -> None:
        self.root = root
        self.config = config
        self.resources = resources
        self.refusal = refusal
        self._kept: Recent[str, KeySpace] = Recent(most)

    def of(self, name: str, shown: Shown) -> KeySpace:
        """The key space of a name; makes it as `shown` says unless it is kept."""
        return self._kept.get(name, partial(self._made, shown))

    def _made(self, shown: Shown) -> KeySpace:
        return KeySpace(shown.view(self.root), shown.format, shown.config or self.config, self.resources, self.refusal)
