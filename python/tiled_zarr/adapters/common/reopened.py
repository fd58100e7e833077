"""Nodes of files that may be rewritten: opened once, and again when the file has changed."""

from __future__ import annotations

import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from ...caches.allowance import Allowance, Share
from ...caches.flight import Flights
from ...caches.recent import Recent
from ...nodes import Damaged, Group, Node, Unavailable
from ...outlines import Source
from ...revisions import file_revision
from .children import opened
from .dependencies import Dependencies, noted
from .folders import is_settled

MOST_KEPT = 1024
T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """The result of opening a file at a revision, and the other files on which it depends."""

    revision: str
    value: T
    dependencies: Dependencies

    def holds(self, revision: str) -> bool:
        """Whether opening the file, which now has this revision, would give the same result."""
        return self.revision == revision and self.dependencies.are_current()


Keeps: TypeAlias = "Recent[str, Kept[T]] | Share[str, Kept[T]]"


class Following(Mapping[str, Node]):
    """Children of a file's group that follow what is written to the file.

    The file then need not be opened again.
    """

    @abstractmethod
    def is_current(self) -> bool:
        """Whether the group is still that of its file, which was written since it was opened."""


class Nodes:
    """Nodes by path; each is kept while its file and its other files are unchanged.

    Each is opened by the first who asks, and others wait for that: opening may hang.

    We remember that a file is damaged or has no form in Zarr while its revision is the same: every
    document and page of a folder asks for all of its children, and would parse each bad file again.

    Paths are texts: making and hashing a `Path` takes longer than everything else if the node is
    kept.

    With an `allowance`, nodes are kept as long as it has room, else the `most` used last.
    `is_settled(path)` says whether another change would give another revision.
    """

    def __init__(
        self,
        most: int = MOST_KEPT,
        abandoned: Collection[int] = (),
        allowance: Allowance | None = None,
        is_settled: Callable[[str], bool] | None = None,
    ) -> None:
        self._is_settled = is_settled or is_settled_file
        self._nodes: Keeps[Node] = Recent(most) if allowance is None else allowance.share()
        self._refusals: Keeps[Damaged | Unavailable] = Recent(most) if allowance is None else allowance.share()
        self._opening: Flights[tuple[str, str], Node] = Flights(abandoned)

    def get(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        """The node at a path with this revision.

        Concurrent callers wait until the first has opened it.
        """
        node = self._kept(path, revision)
        return self._opening.of((path, revision), partial(self._open, path, revision, open_node)) if node is None else node

    def has(self, path: str, revision: str) -> bool:
        """Whether a node or a refusal of this revision of the file is kept."""
        return self._kept(path, revision) is not None or self._refusal(path, revision) is not None

    def _open(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        node = self._kept(path, revision)
        if node is not None:
            return node
        refusal = self._refusal(path, revision)
        if refusal is not None:
            raise refusal
        return self._opened(path, revision, open_node)

    def _opened(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        """Open the node, and keep it or its refusal with the files on which it depends."""
        with noted() as files:
            try:
                node = opened(open_node, Path(path))
            except (Damaged, Unavailable) as error:
                if self._is_settled(path):
                    refusal = type(error)(str(error))  # a traceback would keep what was read
                    self._refusals.keep(path, Kept(revision, refusal, Dependencies(files)))
                raise
        self._nodes.keep(path, Kept(revision, node, Dependencies(files)))
        return node

    def source(self, path: str) -> tuple[Source, str] | None:
        """The file at a path as a source, and its revision when its node was opened.

        None if no node is kept. Looks at no file.
        """
        found = self._nodes.peek(path)
        return None if found is None else (Source(partial(_revision, path, found.dependencies)), found.revision)

    def known(self, path: str) -> Node | None:
        """The node that was opened last at a path, whatever revision it had.

        None if none is kept.
        """
        found = self._nodes.peek(path)
        return None if found is None else found.value

    def opened_at(self, path: str) -> str | None:
        """The revision at which the node at a path was opened last; None if none is kept."""
        found = self._nodes.peek(path)
        return None if found is None else found.revision

    def others(self, path: str) -> Collection[str]:
        """The other files on which the node opened last at a path depends; none if none is kept."""
        found = self._nodes.peek(path)
        return () if found is None else found.dependencies.paths

    def _kept(self, path: str, revision: str) -> Node | None:
        found = self._nodes.peek(path)
        return found.value if found is not None and (found.holds(revision) or _follows(found.value)) else None

    def _refusal(self, path: str, revision: str) -> Damaged | Unavailable | None:
        found = self._refusals.peek(path)
        return type(found.value)(str(found.value)) if found is not None and found.holds(revision) else None


def is_settled_file(path: str) -> bool:
    """Whether a file's latest change is old enough that another would give another revision."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a string
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and is_settled(status)


def _revision(path: str, dependencies: Dependencies) -> str | None:
    """The revision of a file; None if another file on which its node depends has changed."""
    return file_revision(path) if dependencies.are_current() else None


def _follows(node: Node) -> bool:
    return isinstance(node, Group) and isinstance(node.children, Following) and node.children.is_current()
