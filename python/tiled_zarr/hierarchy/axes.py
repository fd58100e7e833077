"""Chooses the dimension names of arrays, from the array, its siblings and the groups below it.

xarray refuses a group in which one name has two sizes, and a tree in which a name means something
else in a group above (the rules are in dimensions.py). So the names of one array depend on others:

- An array whose source names no axis has phony names (`dim_50`), which depend on its shape alone.
- An array in a group of a source (a file, say) depends on its siblings. If its own names look
  phony, it also depends on the loose arrays above it that have phony names.
- A loose array is a source by itself, in a folder or a mapping. It gives way to its siblings and
  to all groups below its group.

Loose arrays give way, the upper ones first. So a name can be decided only after all names below
it: `below` goes through the groups from the lowest up, and hands each group's names (`Uses`) to the
group above. `of` does as much of this as one array needs. Both take the same decisions, so an
array has the same names in its own document and in a consolidated one. If a tree is too large to
be opened, there is no consolidated document, and its loose arrays keep none of their own names.

To open all groups below for the document of each array is too slow: the documents of n loose arrays
would walk the tree n times. So the decision for a group is remembered, with each group that was
looked at and its revision from before.

Invariant: a remembered decision is used only if the group is still the same node, no child of the
tree has turned bad or good since, and all groups that were looked at still have these revisions.
A decision that depends on a group without a revision is never kept, except while one page is made
(`one_look`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import local
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar

from .. import texts
from ..attributes import Said
from ..caches.cost import Cache
from ..nodes import Node
from ..outlines import Outline, Source
from . import dimensions
from .dimensions import Arrays, Named, Own, Shape, Uses
from .documents import ENTRY, FEW
from .places import Place, is_loose
from .walks import Dependencies, Opened, Walk

T = TypeVar("T")
S = TypeVar("S", bound=Sized)
Names: TypeAlias = Mapping[str, Named]
"""The dimension names of the arrays of a group, by the arrays' names on the wire."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision(Generic[T]):
    """What was decided for the group `node`, and what the decision depends on.

    `over` are the groups that were looked at, the group itself among them, or the outlines of those
    of which only the names were, each with its revision from before. `changes` is how often
    children had turned bad or good by then.
    """

    node: Node
    value: T
    over: list[tuple[Node | Outline | Source, str | None]]
    changes: int
    nbytes: int

    @property
    def is_quick(self) -> bool:
        """True if the event loop may call `is_valid`: at most FEW groups, none of which blocks."""
        return len(self.over) <= FEW and not any(node.blocking for node, _ in self.over)

    def is_valid(self, node: Node, changes: int) -> bool:
        """True if the same would be decided for the group `node` now; False if that is unknown."""
        if node is not self.node or changes != self.changes:
            return False
        try:
            return all(revision is not None and source.revision() == revision for source, revision in self.over)
        except texts.PASSED_ON:
            raise
        except BaseException:  # noqa: BLE001 - deciding again raises it where it belongs
            return False


class Axes:
    """Names the axes of arrays so that xarray opens every group.

    It also opens every tree, unless a source contradicts itself. `pool` keeps the decisions.
    """

    def __init__(self, walk: Walk, pool: Cache[Any]) -> None:
        self._walk = walk
        self._pool: Cache[Decision[Any]] = pool
        self._own = object()
        """Part of every key: the pool also holds the decisions of other key spaces."""
        self._look = local()

    def of(self, place: Place, seen: Dependencies) -> Named:
        """The dimension names of one array, one per axis.

        Opens siblings and other groups only if the source names an axis of the array. Blocks then.
        """
        above, array, (shape, own) = place.above, place.wire_name, _array(place)
        if not any(own or ()):
            return dimensions.unnamed(array, shape)
        if place.options.verbatim:
            return dimensions.verbatim(array, shape, own)
        if above is None:
            return dimensions.in_source({array: (shape, own)})[array]
        if is_loose(above):
            return self._loose(above, seen).get(array) or dimensions.alone(array, shape, own)
        seen.note(above.node)
        siblings = self._walk.children(above)
        taken = partial(self._nameless_above, above, seen, {}) if _reads_phony(own) else set[str]
        return self._in_source(above, siblings if array in siblings else {array: place}, taken)[array]

    def below(self, opened: list[Opened], seen: Dependencies) -> list[Names]:
        """The dimension names of all arrays in `opened`, one mapping per group, in its order."""
        nameless: dict[str, set[str] | None] = {}
        uses: dict[str, Uses] = {}
        found: list[Names] = []
        for group in reversed(opened):
            path, arrays = group.place.path, _arrays(group.children)
            mine = uses.pop(path, None) or Uses()
            if group.is_loose:
                names: Names = dimensions.loose(arrays, mine)
            else:
                names = self._in_source(group.place, group.children, partial(self._nameless_above, group.place, seen, nameless))
            for array, (shape, own) in arrays.items():
                if own:
                    mine.add(array, shape, names[array])
            mine.barred.update(name for name in group.children if name not in arrays)
            if group.place is not opened[0].place:
                _hand_up(uses, path.rpartition("/")[0], mine)
            found.append(names)
        return found[::-1]

    def are_at_hand(self, place: Place) -> bool:
        """True if `of` cannot block: it needs no other group for this array, or remembers them."""
        above, (_, own) = place.above, _array(place)
        if above is None or not any(own or ()) or place.options.verbatim:
            return True
        if is_loose(above):
            known = self._known(f"{above.path}/names", above.node)
            return known is not None and known.is_quick
        return not _reads_phony(own)

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """While it is entered, this thread looks only once at each group without a revision.

        Used to make one page, whose documents would otherwise each open the same groups again.
        """
        self._look.decided = {}
        try:
            yield
        finally:
            self._look.decided = None

    def _loose(self, place: Place, seen: Dependencies) -> Names:
        """The names of the loose arrays in a group; none if too much lies below it to be opened."""

        def decide(seen: Dependencies) -> Names | None:
            opened = self._walk.below(place, seen)
            return None if opened is None else self.below(opened, seen)[0]

        return self._remembered(f"{place.path}/names", place.node, decide, seen) or {}

    def _in_source(self, place: Place, children: Mapping[str, Place], above: Callable[[], set[str] | None]) -> Names:
        """The names of the arrays in a group of a source.

        Levels of a multiscale image share names though their sizes differ: they keep their own.
        """
        arrays = _arrays(children)
        if _is_multiscale(place.node) or any(child.options.verbatim for child in children.values()):
            return {array: dimensions.verbatim(array, *arrays[array]) for array in arrays}
        misleading = dimensions.misleading(arrays)
        taken = above() if misleading else None
        return dimensions.in_source(arrays, misleading if taken is None else taken)

    def _nameless_above(self, place: Place, seen: Dependencies, known: dict[str, set[str] | None]) -> set[str] | None:
        """The phony names of all loose arrays above a group; None if these are too many to open."""
        names: set[str] = set()
        above = place.above
        while above is not None:
            if is_loose(above):
                if above.path not in known:
                    known[above.path] = self._nameless(above, seen)
                found = known[above.path]
                if found is None:
                    return None
                names |= found
            above = above.above
        return names

    def _nameless(self, place: Place, seen: Dependencies) -> set[str] | None:
        """The phony names of the loose arrays in a group; None if it is too large to be opened."""

        def decide(seen: Dependencies) -> set[str] | None:
            group = place.group
            assert group is not None
            if self._walk.is_too_large(group):
                seen.note_names(group)
                return None
            seen.note_children(group)
            return dimensions.nameless(_arrays(children)) if (children := self._walk.children(place)) else None

        return self._remembered(f"{place.path}/nameless", place.node, decide, seen)

    def _remembered(self, key: str, node: Node, decide: Callable[[Dependencies], S | None], seen: Dependencies) -> S | None:
        """The remembered decision for a group if it is valid, else what `decide` returns now.

        Adds the groups that the decision depends on to `seen`. The pool keeps it only if all of
        them have a revision.
        """
        known = self._known(key, node)
        if known is None:
            start, changes, mine = perf_counter(), self._walk.places.openings.changes, Dependencies()
            value = decide(mine)
            mine.close(self._walk.places.openings)
            known = Decision(node, value, mine.over, changes, ENTRY * (len(mine.over) + len(value or ())))
            if all(revision is not None for _, revision in mine.over):
                self._pool.put((self._own, key), known, perf_counter() - start)
            elif getattr(self._look, "decided", None) is not None:
                self._look.decided[key] = known
        seen.over.extend(known.over)
        found: S | None = known.value
        return found

    def _known(self, key: str, node: Node) -> Decision[Any] | None:
        """The remembered decision for a group, or None. Drops one that is no longer valid."""
        decided = getattr(self._look, "decided", None)
        known: Decision[Any] | None = decided.get(key) if decided else None
        if known is not None and known.node is node:
            return known
        known = self._pool.peek((self._own, key))
        if known is None or known.is_valid(node, self._walk.places.openings.changes):
            return known
        self._pool.drop((self._own, key), known)
        return None


def _hand_up(uses: dict[str, Uses], path: str, below: Uses) -> None:
    """Add the names in and below a group to those below its parent, which is at `path`."""
    if path in uses:
        uses[path].join(below)
    else:
        uses[path] = below


def _reads_phony(own: Own) -> bool:
    """True if one of the source's own names looks like a phony name (`dim_50`)."""
    return any(map(dimensions.PHONY.fullmatch, filter(None, own or ())))


def _arrays(children: Mapping[str, Place]) -> Arrays:
    return {name: _array(place) for name, place in children.items() if place.group is None}


def _array(place: Place) -> tuple[Shape, Own]:
    """The shape of an array, and its source's own dimension names."""
    node = place.array
    return node.shape, node.dimension_names


def _is_multiscale(node: Node) -> bool:
    """True if the arrays of a group are levels of one image, as its `multiscales` metadata says.

    https://ngff.openmicroscopy.org/0.5/index.html#multiscale-md
    """
    attributes = node.attributes if isinstance(node.attributes, Said) else {}
    ome = attributes.get("ome")
    return any(isinstance(said.get("multiscales"), list) for said in (attributes, ome) if isinstance(said, Mapping))
