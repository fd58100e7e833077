"""The tree of one caller: the tree of all, without what they may not see.

A container is shown as a group whose children are decided on one by one. For each name we ask
Tiled's policy, by way of Tiled's own adapter of the container (`Rights`), and keep the answer for
KEPT seconds. The node itself comes from the tree that all callers share, so that its recipes and
its chunks in the cache are shared too. What may be read whole is that same node; what may be read
in part is a copy, which stays the same object as long as the node and the right are the same.

A decision holds for what it was made for: an adapter in a mapping, a row of a catalog with its
metadata and tags. If something else stands under the name, we ask again at once.

A hidden child does not exist: its name is in no listing, and looking it up raises KeyError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from tiled.server.core import NoEntry

from ...caches.allowance import Share
from ...caches.flight import Flights
from ...nodes import Changed, Group, Node
from ...outlines import Outline
from ...resources import Resources
from ..catalog.rows import Row
from .loops import Home
from .rights import KEPT, Right, Rights
from .withheld import Refuse, withheld

PAGE = 500
"""Children that one question to a catalog returns."""
MOST_DECIDED = 10_000
"""Children of a container up to which a listing decides on each: as many as a document opens. The
names of more are those that the policy's filters leave, as in Tiled's own listings."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the groups of one caller share. `refuse` is called where data may not be read."""

    rights: Rights
    home: Home
    resources: Resources
    refuse: Refuse


class Decided(NamedTuple):
    """What was decided on a child, until a time of the monotonic clock.

    `adapter` is Tiled's, for which this was decided, and from which its children are decided on.
    `origin` is what the node was made from when it was last shown to be that of the adapter.
    """

    until: float
    right: Right
    adapter: Any
    shown: Shown
    origin: Any = None


class Shown:
    """A child as a caller sees it, made anew only if its node or its right has changed."""

    def __init__(self) -> None:
        self._last: tuple[Node, Right, Node] | None = None
        self._members: Members | None = None

    def of(self, view: View, node: Node, decided: Decided) -> Node:
        """What the caller sees of a node."""
        last = self._last
        if last is None or last[0] is not node or last[1] is not decided.right:
            self._members = None
            last = self._last = node, decided.right, self._made(view, node, decided)
        if self._members is not None:
            self._members.container = decided.adapter
        return last[2]

    def _made(self, view: View, node: Node, decided: Decided) -> Node:
        if isinstance(node, Group) and node.kind != "table" and view.rights.differ_below(decided.adapter):
            self._members = Members(view, node, decided.adapter)
            return self._members.group()
        return node if decided.right is Right.DATA else withheld(node, view.refuse)


class Members(Mapping[str, Node]):
    """The children of a container that a caller may see. Thread-safe.

    `whole` is the group with all of them, `container` is Tiled's adapter of the same.
    """

    def __init__(self, view: View, whole: Group, container: Any) -> None:
        self.view = view
        self.whole = whole
        self.container = container
        self._decided: Share[str, Decided] = view.resources.nodes.share()
        self._origin: Callable[[str], tuple[Any, Callable[[], Node]]] = getattr(whole.children, "origin", self._in_file)
        self._filtered: tuple[float, Any, Any] | None = None
        self._counted: tuple[float, int] | None = None
        self._flights: Flights[tuple[str, int], Decided] = Flights(view.resources.abandoned)

    def group(self) -> Group:
        """The group of these children. Its documents are made anew when decisions are."""
        whole = self.whole
        outline = (
            None if whole.outline is None else Outline(partial(self._epoch, whole.outline.revision), tuple, is_small=whole.outline.is_small)
        )
        revision = partial(self._epoch, whole.revision)
        return replace(whole, children=self, unavailable=self._unavailable, revision=revision, outline=outline, blocking=True, kin=None)

    def __getitem__(self, name: str) -> Node:
        try:
            origin, opened = self._origin(name)
        except KeyError:
            self._decide(name, None)  # a name that does not exist takes as long as one that is hidden
            raise
        decided = self._decide(name, origin)
        if decided.right is Right.HIDDEN:
            raise KeyError(name)
        return decided.shown.of(self.view, opened(), decided)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._is_shown(name) and name in self.whole.children

    def __iter__(self) -> Iterator[str]:
        """The names; decides on each if there are at most MOST_DECIDED, a page at a time."""
        if len(self) > MOST_DECIDED:
            yield from (name for page in self._pages(self._names) for name in page)
            return
        for page in self._pages(self._decided_names):
            yield from page

    def __len__(self) -> int:
        """The number of children that the policy's filters leave."""
        now, counted = time.monotonic(), self._counted
        if counted is None or now >= counted[0]:
            filtered = self._left()
            count = self.view.home(filtered.exact_len()) if hasattr(filtered, "exact_len") else len(filtered)
            counted = self._counted = now + KEPT, count
        return counted[1]

    def _epoch(self, revision: Callable[[], str | None]) -> str | None:
        """The revision of all children, with the period in which decisions are kept."""
        whole = revision()
        return None if whole is None else f"{whole}|{time.monotonic() // KEPT}"

    def _unavailable(self) -> Mapping[str, str]:
        """What cannot be shown of the children that the caller may see."""
        return {name: reason for name, reason in self.whole.unavailable().items() if self._is_shown(name)}

    def _in_file(self, name: str) -> tuple[Any, Callable[[], Node]]:
        """The origin of what is in a file: the group of the file, which is another one if the file is."""
        return self.whole, partial(self.whole.children.__getitem__, name)

    def _is_shown(self, name: str) -> bool:
        """Whether the caller may see a child."""
        try:
            origin, _ = self._origin(name)
        except KeyError:
            origin = None
        return self._decide(name, origin).right is not Right.HIDDEN

    def _decide(self, name: str, origin: Any) -> Decided:
        """What the caller may do with a child that has an origin. Blocks; raises what Tiled raises.

        Raises Changed if Tiled has something else under the name by now, which the caller may see.
        """
        known = self._decided.get(name)
        if known is not None and time.monotonic() < known.until:
            if known.origin is origin and origin is not None:
                return known
            if self._is_of(origin, known.adapter):
                return self._store(name, known._replace(origin=origin))
        return self._flights.of((name, id(origin)), partial(self._looked_up, name, origin))

    def _is_of(self, origin: Any, adapter: Any) -> bool:
        """Whether a child was made from an adapter of Tiled's, or from the same row as the adapter."""
        if isinstance(origin, Row):
            return hasattr(adapter, "node") and origin.is_of(adapter)
        return origin is adapter or origin is self.whole or origin is self.whole.children

    def _looked_up(self, name: str, origin: Any) -> Decided:
        began = time.monotonic()
        found, right = self._found(name)
        if found is not None and not self._is_of(origin, found):
            self._filtered = None  # it may be a copy from before
            began = time.monotonic()
            found, right = self._found(name)
        if right is Right.HIDDEN or self._is_of(origin, found):
            return self._keep(name, began + KEPT, right, found, origin)
        if origin is not None:
            raise Changed("it was replaced meanwhile; ask again")
        return Decided(began, Right.HIDDEN, None, Shown())

    def _found(self, name: str) -> tuple[Any, Right]:
        """Tiled's adapter of a child and the right on it; None if it does not exist or is filtered out."""
        filtered, home, rights = self._left(), self.view.home, self.view.rights
        if hasattr(filtered, "lookup_adapter"):
            return home(self._asked(filtered, name))
        found = entry(filtered, name)
        if found is None:
            return None, Right.HIDDEN
        known = rights.known(found)
        return found, home(rights.of(found)) if known is None else known

    async def _asked(self, filtered: Any, name: str) -> tuple[Any, Right]:
        """A child of a catalog and the right on it; None if it does not exist or is filtered out."""
        try:
            found = await filtered.lookup_adapter([name])
        except NoEntry:
            return None, Right.HIDDEN
        return found, await self.view.rights.of(found)

    def _keep(self, name: str, until: float, right: Right, adapter: Any, origin: Any = None) -> Decided:
        former = self._decided.get(name)
        decided = Decided(until, right, adapter, Shown() if former is None else former.shown, origin)
        return decided if adapter is None else self._store(name, decided)  # clients may ask for any name

    def _store(self, name: str, decided: Decided) -> Decided:
        self._decided[name] = decided
        return decided

    def _left(self) -> Any:
        """The container with what the policy's filters leave of it."""
        now, known, container = time.monotonic(), self._filtered, self.container
        if known is None or known[1] is not container or now >= known[0]:
            known = self._filtered = now + KEPT, container, self.view.home(self.view.rights.filtered(container))
        return known[2]

    def _pages(self, page: Callable[[Any, int | None], tuple[list[str], int | None]]) -> Iterator[list[str]]:
        """The names of all children, a page at a time."""
        filtered = self._left()
        if not hasattr(filtered, "keys_page"):
            yield [name for name in filtered if isinstance(name, str) and (page == self._names or self._is_shown(name))]
            return
        cursor: int | None = None
        while True:
            names, cursor = page(filtered, cursor)
            yield names
            if cursor is None:
                return

    def _names(self, filtered: Any, cursor: int | None) -> tuple[list[str], int | None]:
        """A page of names, and where the next one begins."""
        names, following = self.view.home(filtered.keys_page(cursor, PAGE))
        return list(names), following

    def _decided_names(self, filtered: Any, cursor: int | None) -> tuple[list[str], int | None]:
        """The same, without what is hidden; what was decided is kept."""
        until = time.monotonic() + KEPT
        items, following = self.view.home(self._items(filtered, cursor))
        return [name for name, adapter, right in items if self._keep(name, until, right, adapter).right is not Right.HIDDEN], following

    async def _items(self, filtered: Any, cursor: int | None) -> tuple[list[tuple[str, Any, Right]], int | None]:
        items, following = await filtered.items_page(cursor, PAGE)
        return [(name, adapter, await self.view.rights.of(adapter)) for name, adapter in items], following


def entry(container: Any, name: str) -> Any:
    """The child of a mapping; None if there is none."""
    try:
        return container[name]
    except (KeyError, TypeError):
        return None
