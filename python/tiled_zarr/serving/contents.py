"""The root of a server in Python: what it was started with, and what is added while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..adapters.memory.adapted import Adapted
from ..nodes import Group, Node
from ..resources import Resources


class Steady(dict[str, Any]):
    """A dict that other threads may change while one iterates."""

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.keys()))


class Contents(Mapping[str, Node]):
    """The children of the root: those that were added, then those of `base`.

    A node that was added hides a child of the same name. If it is replaced, its successor has no
    revision, since clients may ask for the chunks of either.
    """

    def __init__(self, base: Group, resources: Resources) -> None:
        self.base = base
        self.resources = resources
        self.added = Steady()
        self._nodes = Adapted(self.added, resources)

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name] if name in self.added else self.base.children[name]

    def __contains__(self, name: object) -> bool:
        return name in self.added or name in self.base.children

    def __iter__(self) -> Iterator[str]:
        added = [*self.added]
        yield from added
        yield from (name for name in self.base.children if name not in added)

    def __len__(self) -> int:
        return len(self.base.children) + sum(name not in self.base.children for name in [*self.added])

    def revision(self) -> str | None:
        """A text that changes when names come or go; None if `base` cannot say it."""
        base = self.base.revision()
        return None if base is None else f"{base}-{self._nodes.revision()}"

    def group(self) -> Group:
        """The root: `base`, with what is added to it."""
        base = self.base
        return Group(
            self,
            attributes=base.attributes,
            unavailable=base.unavailable,
            revision=self.revision,
            blocking=base.blocking,
            options=base.options,
            kind=base.kind,
            consolidated=base.consolidated,
        )
