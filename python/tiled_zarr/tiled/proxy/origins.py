"""Where a node comes from: a place in Tiled, what Tiled told of it, and who looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...nodes import Block, Changed, Damaged, Forbidden, Region, Revision, Unprocessable, live
from .remote import Params, Path
from .told import Told
from .view import View


class Cell:
    """The revision of a node as of the last look; None if its values are not to be trusted.

    Looks write it, and requests read it without waiting. `is_outdated` is True once a request has
    found out that the node has changed since the last look.
    """

    __slots__ = ("is_outdated", "revision")

    def __init__(self, revision: str | None) -> None:
        self.revision = revision
        self.is_outdated = False

    def __call__(self) -> str | None:
        """The revision, as a node's function."""
        return self.revision


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a node in Tiled, and what Tiled told of it when the node was made."""

    view: View
    path: Path
    told: Told
    cell: Cell

    @property
    def attributes(self) -> dict[str, Any]:
        """The metadata, as a node's attributes."""
        return {str(name): value for name, value in self.told.metadata.items()}

    def data(self, route: str, params: Params, accept: str) -> bytes:
        """The bytes of values. Blocks.

        Raises Changed if Tiled refuses because the node has changed, else what the refusal means.
        """
        try:
            return self.view.data(route, self.path, params, accept)
        except (Changed, Damaged, Unprocessable) as error:
            raise self.changed() or error from error

    def changed(self) -> Changed | None:
        """Changed if Tiled tells something else of the node by now, or has it no longer. Blocks."""
        now = self.view.look(self.path, with_sources=False)
        if now is not None and now.digest == self.told.digest:
            return None
        self.cell.is_outdated = True
        return Changed("Tiled has changed the node while it was read; ask again")


def forbid(_: Region = ()) -> Block:
    """Refuse to read values, or to tell their revision, by which cached ones are given out."""
    raise Forbidden("Tiled lets you see this node, but not read its values")


REFUSED = Revision(live, forbid)  # type: ignore[arg-type] # it returns nothing
"""The revision of an array whose values the caller may not read."""
