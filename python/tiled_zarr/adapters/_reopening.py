"""Nodes of files that may be rewritten: opened once, and again when the file has changed."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeVar

from ..nodes import Damaged, Node, Unavailable
from ._opening import opened
from .common.folders import is_settled

MOST_KEPT = 1024
T = TypeVar("T")


class Nodes:
    """The nodes used last, by path, each with the revision it was opened at. Each has a lock of its own: opening may hang.

    A file that is damaged or has no form in Zarr is remembered as such while its revision holds: every document and page of a folder asks
    for all of its children, and would parse each bad one again.

    Paths are texts: making a `Path`, and its hash, takes longer than all else where a node is there.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._nodes: OrderedDict[str, tuple[str, Node]] = OrderedDict()
        self._refusals: OrderedDict[str, tuple[str, Damaged | Unavailable]] = OrderedDict()
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

    def _open(self, path: str, revision: str, open_node: Callable[[Path], Node]) -> Node:
        refusal = self._refusal(path, revision)
        try:
            if refusal is not None:
                raise refusal
            node = opened(open_node, Path(path))
            self._keep(self._nodes, path, revision, node)
        except (Damaged, Unavailable) as error:
            if is_settled_file(path):
                self._keep(self._refusals, path, revision, type(error)(str(error)))  # a traceback would keep what was read
            raise
        finally:
            with self._lock:
                self._opening.pop((path, revision), None)
        return node

    def known(self, path: str) -> Node | None:
        """The node that was opened last at a path, whatever its revision was."""
        with self._lock:
            found = self._nodes.get(path)
            if found is not None:
                self._nodes.move_to_end(path)
        return None if found is None else found[1]

    def _kept(self, path: str, revision: str) -> Node | None:
        with self._lock:
            taken, node = self._nodes.get(path, ("", None))
            if node is None or taken != revision:
                return None
            self._nodes.move_to_end(path)
            return node

    def _refusal(self, path: str, revision: str) -> Damaged | Unavailable | None:
        with self._lock:
            taken, refusal = self._refusals.get(path, ("", None))
        return None if refusal is None or taken != revision else type(refusal)(str(refusal))

    def _keep(self, kept: OrderedDict[str, tuple[str, T]], path: str, revision: str, value: T) -> None:
        with self._lock:
            kept[path] = (revision, value)
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
