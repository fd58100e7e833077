"""Nodes of files that may be rewritten: opened once, and again when the file has changed."""

from __future__ import annotations

import os
import stat
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

from ...nodes import Damaged, Group, Node, Unavailable
from .children import opened
from .dependencies import Dependencies, noted
from .folders import is_settled

MOST_KEPT = 1024
T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """What came of opening a file at a revision, and the other files on which that depends."""

    revision: str
    value: T
    dependencies: Dependencies

    def holds(self, revision: str) -> bool:
        """Whether it is what opening the file, now of this revision, would give again."""
        return self.revision == revision and self.dependencies.stand()


class Following(Mapping[str, Node]):
    """Children of a file's group that may follow what is written to the file, so that it need not be opened again."""

    @abstractmethod
    def stands(self) -> bool:
        """Whether the group is still that of the file, which has been written since it was opened."""


class Nodes:
    """The nodes used last, by path, each as long as its file, and others that it depends on, stay the same.

    Each has a lock of its own: opening may hang.

    A file that is damaged or has no form in Zarr is remembered as such while its revision holds: every document and page of a folder asks
    for all of its children, and would parse each bad one again.

    Paths are texts: making a `Path`, and its hash, takes longer than all else where a node is there.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._nodes: OrderedDict[str, Kept[Node]] = OrderedDict()
        self._refusals: OrderedDict[str, Kept[Damaged | Unavailable]] = OrderedDict()
        self._lock = Lock()
        self._opening: dict[tuple[str, str], Lock] = {}

    def get(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        """The node at a path of this revision; askers for the same one wait until the first has opened it."""
        node = self._kept(path, revision)
        if node is not None:
            return node
        with self._lock:
            opening = self._opening.setdefault((path, revision), Lock())
        with opening:
            node = self._kept(path, revision)
            return self._open(path, revision, open_node) if node is None else node

    def has(self, path: str, revision: str) -> bool:
        """Whether what a file of this revision is, or why it is none, is known."""
        return self._kept(path, revision) is not None or self._refusal(path, revision) is not None

    def _open(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        try:
            refusal = self._refusal(path, revision)
            if refusal is not None:
                raise refusal
            return self._opened(path, revision, open_node)
        finally:
            with self._lock:
                self._opening.pop((path, revision), None)

    def _opened(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        """The node, or what it raises, made now and remembered with the files that it depends on."""
        with noted() as files:
            try:
                node = opened(open_node, Path(path))
            except (Damaged, Unavailable) as error:
                if is_settled_file(path):
                    refusal = type(error)(str(error))  # a traceback would keep what was read
                    self._keep(self._refusals, path, Kept(revision, refusal, Dependencies(files)))
                raise
        self._keep(self._nodes, path, Kept(revision, node, Dependencies(files)))
        return node

    def known(self, path: str) -> Node | None:
        """The node that was opened last at a path, whatever its revision was."""
        found = self._last(self._nodes, path)
        return None if found is None else found.value

    def _kept(self, path: str, revision: str) -> Node | None:
        found = self._last(self._nodes, path)
        return found.value if found is not None and (found.holds(revision) or _follows(found.value)) else None

    def _refusal(self, path: str, revision: str) -> Damaged | Unavailable | None:
        found = self._last(self._refusals, path)
        return type(found.value)(str(found.value)) if found is not None and found.holds(revision) else None

    def _last(self, kept: OrderedDict[str, Kept[T]], path: str) -> Kept[T] | None:
        with self._lock:
            found = kept.get(path)
            if found is not None:
                kept.move_to_end(path)
            return found

    def _keep(self, kept: OrderedDict[str, Kept[T]], path: str, value: Kept[T]) -> None:
        with self._lock:
            kept[path] = value
            kept.move_to_end(path)
            if len(kept) > self._most:
                kept.popitem(last=False)


def is_settled_file(path: str) -> bool:
    """Whether a path leads to a file whose last change is so long ago that another one would give it another revision."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a text
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and is_settled(status)


def _follows(node: Node) -> bool:
    return isinstance(node, Group) and isinstance(node.children, Following) and node.children.stands()
