"""A file that is served without its folder; it is opened again after it has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...nodes import Node
from ...resources import Resources
from ...revisions import file_revision
from ..common import choices
from ..common.choices import NO_CHOICE, TextChoice
from ..common.fences import Fence
from ..common.reopened import Nodes
from ..common.single import Single, is_root
from ..registry import watched
from .formats import DEFAULT, Formats


class Alone(Single):
    """The file at a path. `finish` is applied to its node each time that it was opened.

    Its real folder is the fence: the file may name other files in it.
    """

    def __init__(
        self,
        path: Path,
        resources: Resources | None = None,
        *,
        tables: TextChoice = NO_CHOICE,
        formats: Formats = DEFAULT,
        finish: Callable[[Node], Node] = lambda node: node,
    ) -> None:
        self.path = str(path.resolve())
        self.name = Path(self.path).name
        self._adapter = formats.adapter
        self._fence = Fence.of(Path(self.path).parent)
        self._resources, self._tables, self._finish = resources, tables, finish
        self._nodes = Nodes(1, resources.abandoned if resources else ())

    def node(self) -> Node:
        """The node of the file as it is now. Blocks if it has to be opened.

        Raises OSError if it cannot be read, Damaged or Unavailable if it has no node.
        """
        return self._nodes.get(self.path, file_revision(self.path), self._open)

    def _open(self, path: Path) -> Node:
        self._fence.check(path)
        with self._fence.in_force(), choices.in_force(self._tables):
            return self._finish(watched(self._adapter(path)(path, self._resources), path))

    def revision(self) -> str | None:
        """The revision of the group; None if the file has changed since it was opened. Opens nothing."""
        with suppress(OSError):
            known = self._nodes.known(self.path)
            return known.revision() if is_root(known) and self._nodes.has(self.path, file_revision(self.path)) else None
        return None
