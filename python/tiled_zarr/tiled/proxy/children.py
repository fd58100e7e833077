"""The children of a container of Tiled, each looked at when it is asked for.

A look is a request for what Tiled tells of one child (told.py). It is good for `Trust.look` seconds;
until then nothing is asked again. The states of a child:

    not known ---look---> absent | present ---Trust.look seconds---> look again

What a look at a child that is present changes:

- Tiled tells the same: the node stays, and so does all that is cached for it.
- Tiled tells something else: another node, and the old one has another revision at once, so that
  whoever is reading it starts again.
- The caller may not read the values any more: a node that refuses to be read.

A page of a listing is a look at all children on it, though it does not say whether the caller may
read their values, nor what data they have. So such a child has no revision, until a client asks
for it by its own key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple

from ...caches.allowance import Share
from ...nodes import Group, Node, Unavailable, live
from ...outlines import Outline
from . import arrays, tables
from .origins import Cell, Origin
from .remote import Path
from .told import Told, counted
from .view import View

MOST_LISTED = 10_000
"""Children that a listing looks at, at most, as many as one document describes.

Of larger containers we ask only for the names."""
XARRAY = "xarray_dataset"
"""The spec of a container whose arrays are one xarray Dataset."""


class Seen(NamedTuple):
    """What the last look at a child saw, and until when it is good, in seconds of `monotonic`.

    `told` is None if there is no child. `refused` is the node if the caller may not read its
    values. `is_listed` says that only a listing told of the child.
    """

    told: Told | None
    node: Node | None
    refused: Node | None
    cell: Cell
    until: float
    is_listed: bool = False

    def is_good(self) -> bool:
        """True if there is no need to look again."""
        return monotonic() <= self.until and not self.cell.is_outdated


class Names(NamedTuple):
    """The names of all children, and until when they are good."""

    names: tuple[str, ...]
    until: float


class Children(Mapping[str, Node]):
    """The nodes of the children of the container at `path`, as `view` sees them.

    `count` is the number of children, or None if that has to be asked for.
    """

    def __init__(self, view: View, path: Path, count: int | None = None) -> None:
        self._view = view
        self._path = path
        self._seen: Share[str, Seen] = view.resources.nodes.share()
        self._names: Names | None = None
        self._count = (count, monotonic() + view.trust.look)

    def __getitem__(self, name: str) -> Node:
        seen = self._at(name)
        if seen.told is None:
            raise KeyError(name)
        if seen.node is None:
            raise Unavailable(f"Zarr has no {seen.told.family} arrays; known are {', '.join(FAMILIES)}")
        return seen.refused or seen.node

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._at(name).told is not None

    def __len__(self) -> int:
        """The number of children. Blocks if Tiled has to count them."""
        count, until = self._count
        if count is None or monotonic() > until:
            count = self._view.count(self._path)
            self.counted(count)
        return count

    def __iter__(self) -> Iterator[str]:
        known = self._names
        return iter(known.names) if known is not None and monotonic() < known.until else self._listed()

    def counted(self, count: int | None) -> None:
        """Note the number of children that Tiled has told with something else."""
        self._count = (count, monotonic() + self._view.trust.look)

    def containers(self) -> list[str]:
        """The names of those children that are containers."""
        return [name for name in self if (seen := self._seen.get(name)) is not None and isinstance(seen.node, Group) and seen.node.outline]

    def _listed(self) -> Iterator[str]:
        """The names, page by page; those of a container that is not too large are remembered."""
        until, names = monotonic() + self._view.trust.look, list[str]()
        for name, told in self._view.children(self._path, with_nodes=len(self) <= MOST_LISTED):
            if told is not None:
                self._note(name, told, until)
            if len(names) <= MOST_LISTED:
                names.append(name)
            yield name
        if len(names) <= MOST_LISTED:
            self._names = Names(tuple(names), until)

    def _note(self, name: str, told: Told, until: float) -> None:
        """Note what a listing tells of a child, unless a look told the same."""
        seen = self._seen.get(name)
        if seen is None or seen.is_listed or seen.told is None or seen.told.digest != told.digest:
            self._seen[name] = self._made(name, told, seen, until, is_listed=True)

    def _at(self, name: str) -> Seen:
        """What a child is now. Blocks if the last look is too old."""
        seen = self._seen.get(name)
        if seen is None or not seen.is_good() or (seen.is_listed and _has_values(seen) and not self._view.wants_document()):
            seen = self._view.flights.of((self._path, name), partial(self._looked, name))
        assert seen is not None
        return seen

    def _looked(self, name: str) -> Seen:
        """Look at a child now, and note what it is."""
        path, view, former = (*self._path, name), self._view, self._seen.get(name)
        if former is not None and former.is_good() and not former.is_listed:
            return former  # another thread has looked just before
        until = monotonic() + view.trust.look
        is_known = former is not None and former.told is not None and former.told.is_assembled
        told = view.look(path, with_sources=not is_known)
        if is_known and former is not None and former.told is not None and told is not None:
            told = former.told if told.digest == former.told.digest else view.look(path)
        seen = self._made(name, told, former, until)
        if told is not None and _has_values(seen) and not view.may_read(path, told):
            seen = seen._replace(refused=refused(seen.node))
        self._seen[name] = seen
        return seen

    def _made(self, name: str, told: Told | None, former: Seen | None, until: float, *, is_listed: bool = False) -> Seen:
        """What is seen; with the node and the cell of before if Tiled tells the same."""
        view = self._view
        text = None if told is None or is_listed else told.revision(view.trust.keep, view.tag)
        if told is not None and former is not None and former.told is not None and former.told.digest == told.digest:
            former.cell.revision, former.cell.is_outdated = text, False
            self._recounted(former.node, told)
            return Seen(told, former.node, None, former.cell, until, is_listed)
        if former is not None:
            former.cell.revision = None if told is None else text
        cell = Cell(text)
        node = None if told is None or told.family not in FAMILIES else FAMILIES[told.family](Origin(view, (*self._path, name), told, cell))
        return Seen(told, node, None, cell, until, is_listed)

    def _recounted(self, node: Node | None, told: Told) -> None:
        """Note how many children a container has now."""
        if isinstance(node, Group) and isinstance(node.children, Children):
            node.children.counted(counted(told.structure))


def container(origin: Origin) -> Group:
    """The node of a container."""
    return group(Children(origin.view, origin.path, counted(origin.told.structure)), origin.told, origin.attributes)


def group(children: Children, told: Told, attributes: Mapping[str, Any]) -> Group:
    """The group of a container with these children and attributes."""
    is_small = counted(told.structure) is not None
    return Group(
        children=children,
        attributes=attributes,
        blocking=True,
        kind="source" if XARRAY in told.specs else "folder",
        consolidated=is_small,
        outline=Outline(live, children.containers if is_small else tuple),
    )


def _has_values(seen: Seen) -> bool:
    """True for a node whose values a caller may not be allowed to read though it is listed."""
    return seen.told is not None and seen.node is not None and seen.told.family != "container"


def refused(node: Node | None) -> Node | None:
    """The node, whose values the caller may not read."""
    return tables.refused(node) if isinstance(node, Group) else node and arrays.refused(node)


FAMILIES: Mapping[str, Callable[[Origin], Node]] = MappingProxyType(
    {"container": container, "array": arrays.array, "sparse": arrays.sparse, "table": tables.table}
)
"""What makes the node of each of Tiled's structure families."""
