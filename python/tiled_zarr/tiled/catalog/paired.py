"""Nodes of Tiled's adapters, with revisions, and read by ours where both agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from ...adapters.common.children import Children
from ...nodes import Array, Changed, Coordinates, Dense, Group, Node, Region, Revision, TooSlow, Unprocessable
from ...resources import Resources
from . import ours as own
from .assets import Assets
from .locks import passing
from .rows import Row

Files: TypeAlias = Callable[[Region], Sequence[int] | None]


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Makes the nodes of one data source.

    `opened` is the revision of its assets when they were opened, or None if nothing is kept of
    them. `is_at_rest()` says whether data that are not there yet will not come any more. `files`,
    for a sequence of files, returns the numbers of those that hold a region.
    """

    row: Row
    assets: Assets
    opened: str | None
    is_at_rest: Callable[[], bool]
    resources: Resources
    files: Files | None = None

    def node(self, theirs: Node, ours: Node | None) -> Node:
        """The node of Tiled's adapter, read by our node of the same data if both agree."""
        if isinstance(theirs, Array):
            return self._array(theirs, ours)
        return self._group(theirs, ours) if self.opened is not None and self.assets.tell_data else theirs

    def agree(self, theirs: Node, ours: Node | None) -> bool:
        """Whether our array has the values of Tiled's."""
        return isinstance(theirs, Array) and isinstance(ours, Array) and own.agreed(theirs, ours, self.row)

    def _group(self, theirs: Group, ours: Node | None) -> Group:
        """A group whose children stay as they are: its node is made anew when the files change."""
        below = ours.children if isinstance(ours, Group) else {}

        def child(name: str) -> Node:
            with passing():
                found = theirs.children[name]
            try:
                mine = below.get(name)
            except Exception:  # noqa: BLE001 - Tiled's adapter reads it
                mine = None
            return self.node(found, mine)

        return replace(theirs, children=Children(list(theirs.children), child, self.resources), revision=self._revision)

    def _array(self, theirs: Array, ours: Node | None) -> Array:
        if isinstance(ours, Array) and own.agreed(theirs, ours, self.row):
            return replace(
                theirs,
                source=ours.source,
                chunks=ours.chunks,
                maxshape=ours.maxshape or theirs.maxshape,
                dimension_names=theirs.dimension_names or ours.dimension_names,
                revision=self._named(ours.revision),
            )
        revision = Revision(self._revision, self.files and self._revision_of) if self.assets.tell_data else theirs.revision
        match theirs.source:
            case Dense() as dense:
                return replace(theirs, source=replace(dense, read=partial(self._read, dense.read)), revision=revision)
            case Coordinates() as sparse:
                return replace(theirs, source=replace(sparse, entries=partial(self._entries, sparse.entries)), revision=revision)

    def _revision(self) -> str | None:
        files = self.assets.revision()
        return None if files is None else f"{self.row.identity}-{files}"

    def _revision_of(self, region: Region) -> str | None:
        """The revision of the files of a sequence that hold a region."""
        assert self.files is not None
        numbers = self.files(region)
        return self._revision() if numbers is None else f"{self.row.identity}-{self.assets.some(numbers)}"

    def _named(self, revision: Revision) -> Revision:
        """A revision of our own adapter, with the identity of the data source."""
        whole, of, identity = revision.whole, revision.of, self.row.identity

        def named(found: str | None) -> str | None:
            return None if found is None else f"{identity}-{found}"

        return Revision(lambda: named(whole()), None if of is None else lambda region: named(of(region)), revision.look)

    def _read(self, read: Callable[[Region], Any], region: Region) -> Any:
        self._check()
        try:
            with passing():
                return read(region)
        except TooSlow as error:
            if self.is_at_rest():
                raise Unprocessable(str(error)) from error
            raise

    def _entries(self, entries: Callable[[], Any]) -> Any:
        self._check()
        return entries()

    def _check(self) -> None:
        """Raises Changed if Tiled's adapter was made for files that have changed since."""
        if self.opened is not None and self.assets.revision() != self.opened:
            raise Changed("its files changed while it was served; ask again")
