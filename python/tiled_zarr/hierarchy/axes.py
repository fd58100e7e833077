"""The names of axes: what a document says of an array depends on its siblings, and of a loose array on all that lies below its group.

Loose arrays give way, the upper ones first: so names are decided from the lowest groups up. What was decided is remembered for as long as
the groups that were looked at have not changed.
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
from . import dimensions
from .dimensions import Arrays, Named, Own, Shape, Uses
from .documents import FEW
from .places import Place, is_loose
from .walks import Dependencies, Opened, Walk

T = TypeVar("T")
S = TypeVar("S", bound=Sized)
Names: TypeAlias = Mapping[str, Named]
"""The names of the axes of a group's arrays, by the arrays' names on the wire."""

ENTRY = 200
"""About as many bytes of a decision go to the names of one array, or to one group that was looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision(Generic[T]):
    """What was decided for a group; `over` are the groups that were looked at, it first, each with its revision from before.

    `changes` is how often children had turned bad or good by then.
    """

    value: T
    over: list[tuple[Node, str | None]]
    changes: int
    nbytes: int

    @property
    def is_quick(self) -> bool:
        """Whether it can be told in the event loop if it is still valid."""
        return len(self.over) <= FEW and not any(node.blocking for node, _ in self.over)

    def is_valid(self, node: Node, changes: int) -> bool:
        """Whether the same would be decided for a group `node` now. False if nobody can tell."""
        if node is not self.over[0][0] or changes != self.changes:
            return False
        try:
            return all(revision is not None and node.revision() == revision for node, revision in self.over)
        except texts.PASSED_ON:
            raise
        except BaseException:  # noqa: BLE001 - looking anew tells what went wrong with whom
            return False


class Axes:
    """Names the axes of arrays, so that every group opens in xarray, and every tree as far as its sources do."""

    def __init__(self, walk: Walk, pool: Cache[Any]) -> None:
        self._walk = walk
        self._pool: Cache[Decision[Any]] = pool
        self._own = object()
        """Part of every key, as in Documents."""
        self._look = local()

    def of(self, place: Place, seen: Dependencies) -> Named:
        """The names of one array's axes. Its siblings are looked at only if it has names of its own."""
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
        """The names of all arrays in a group and all groups below it, in their order."""
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
        """Whether the names of one array's axes can be told without looking at other groups, which may block."""
        above, (_, own) = place.above, _array(place)
        if above is None or not any(own or ()) or place.options.verbatim:
            return True
        if is_loose(above):
            known = self._known(f"{above.path}/names", above.node)
            return known is not None and known.is_quick
        return not _reads_phony(own)

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within it, this thread looks once at the groups of which nobody can tell if they have changed: to make one page."""
        self._look.decided = {}
        try:
            yield
        finally:
            self._look.decided = None

    def _loose(self, place: Place, seen: Dependencies) -> Names:
        """The names of the loose arrays in a group; none where too much lies below it to look at."""

        def decide(seen: Dependencies) -> Names | None:
            opened = self._walk.below(place, seen)
            return None if opened is None else self.below(opened, seen)[0]

        return self._remembered(f"{place.path}/names", place.node, decide, seen) or {}

    def _in_source(self, place: Place, children: Mapping[str, Place], above: Callable[[], set[str] | None]) -> Names:
        """The names of the arrays in a group of a source. Multiscale groups share names between levels of other sizes."""
        arrays = _arrays(children)
        if _is_multiscale(place.node) or any(child.options.verbatim for child in children.values()):
            return {array: dimensions.verbatim(array, *arrays[array]) for array in arrays}
        misleading = dimensions.misleading(arrays)
        taken = above() if misleading else None
        return dimensions.in_source(arrays, misleading if taken is None else taken)

    def _nameless_above(self, place: Place, seen: Dependencies, known: dict[str, set[str] | None]) -> set[str] | None:
        """The phony names of the loose arrays above a group; None where these are too many to look at."""
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
        """The phony names of the loose arrays in a group; None where it is too large to be opened."""

        def decide(seen: Dependencies) -> set[str] | None:
            seen.note(place.node)
            return dimensions.nameless(_arrays(children)) if (children := self._walk.children(place)) else None

        return self._remembered(f"{place.path}/nameless", place.node, decide, seen)

    def _remembered(self, key: str, node: Node, decide: Callable[[Dependencies], S | None], seen: Dependencies) -> S | None:
        """What was decided for a group, anew unless that is valid; what was looked at for it is noted as `seen`."""
        known = self._known(key, node)
        if known is None:
            start, changes, mine = perf_counter(), self._walk.places.openings.changes, Dependencies()
            value = decide(mine)
            known = Decision(value, mine.over, changes, ENTRY * (len(mine.over) + len(value or ())))
            if all(revision is not None for _, revision in mine.over):
                self._pool.put((self._own, key), known, perf_counter() - start)
            elif getattr(self._look, "decided", None) is not None:
                self._look.decided[key] = known
        seen.over.extend(known.over)
        found: S | None = known.value
        return found

    def _known(self, key: str, node: Node) -> Decision[Any] | None:
        """What was decided for a group, if it is valid."""
        decided = getattr(self._look, "decided", None)
        known: Decision[Any] | None = decided.get(key) if decided else None
        if known is not None and known.over[0][0] is node:
            return known
        known = self._pool.peek((self._own, key))
        if known is None or known.is_valid(node, self._walk.places.openings.changes):
            return known
        self._pool.drop((self._own, key), known)
        return None


def _hand_up(uses: dict[str, Uses], path: str, below: Uses) -> None:
    """Add the names of a group to those below the group at a path, which is above it."""
    if path in uses:
        uses[path].join(below)
    else:
        uses[path] = below


def _reads_phony(own: Own) -> bool:
    """Whether the source gives an axis what looks like a phony name."""
    return any(map(dimensions.PHONY.fullmatch, filter(None, own or ())))


def _arrays(children: Mapping[str, Place]) -> Arrays:
    return {name: _array(place) for name, place in children.items() if place.group is None}


def _array(place: Place) -> tuple[Shape, Own]:
    """The shape of an array, and the names that its source gives to its axes."""
    node = place.array
    return node.shape, node.dimension_names


def _is_multiscale(node: Node) -> bool:
    """Whether the arrays of a group are levels of one image: https://ngff.openmicroscopy.org/0.5/index.html#multiscale-md."""
    attributes = node.attributes if isinstance(node.attributes, Said) else {}
    ome = attributes.get("ome")
    return any(isinstance(said.get("multiscales"), list) for said in (attributes, ome) if isinstance(said, Mapping))
