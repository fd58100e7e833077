"""The root of a server in Python: what it was started with, and what is added while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count

from ..nodes import Array, Group, Node, Region, Revision
from ..resources import Resources
from ..views.mirror import Mirror


class Steady(dict[str, Node]):
    """A dict that other threads may change while one iterates."""

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.keys()))


class Contents(Mapping[str, Node]):
    """The children of the root: those that were added, then those of `base`.

    A node that was added hides a child of the same name. `resources` are those of the application.
    """

    def __init__(self, base: Group, resources: Resources) -> None:
        self.base = base
        self.resources = resources
        self.added = Steady()
        self._stamps = count(1)
        self._changes = 0

    def add(self, name: str, node: Node) -> None:
        """Add a node, or replace the one of this name."""
        self.added[name] = stamped(node, f"{next(self._stamps)}-")
        self._changes += 1

    def remove(self, name: str) -> None:
        """Remove what was added. Raises KeyError if nothing of this name was."""
        del self.added[name]
        self._changes += 1

    def __getitem__(self, name: str) -> Node:
        added = self.added.get(name)
        return self.base.children[name] if added is None else added

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
        return None if base is None else f"{base}-{self._changes}"

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


def stamped(node: Node, stamp: str) -> Node:
    """The same node with `stamp` before its revision, and likewise everything below it.

    Caches tell data apart by path and revision, and all objects in memory have one revision: so
    without a stamp, the chunks of one object would be taken for those of its successor.
    """
    if isinstance(node, Array):
        whole, of = node.revision.whole, node.revision.of
        levels = tuple(level for below in node.levels if isinstance(level := stamped(below, stamp), Array))
        revision = Revision(partial(joined, stamp, whole), None if of is None else partial(joined_of, stamp, of), node.revision.look)
        return replace(node, revision=revision, levels=levels)
    below = Mirror(node.children, lambda _, child: stamped(child, stamp), keeps_all=True)
    return replace(node, children=below, revision=partial(joined, stamp, node.revision))


def joined(stamp: str, revision: Callable[[], str | None]) -> str | None:
    """The stamp and the revision, None if there is none."""
    found = revision()
    return None if found is None else f"{stamp}{found}"


def joined_of(stamp: str, revision: Callable[[Region], str | None], region: Region) -> str | None:
    """The same for a region."""
    found = revision(region)
    return None if found is None else f"{stamp}{found}"
