"""Where a node finds its revision: looks write it, and requests read it without waiting."""

from __future__ import annotations

from ...nodes import Forbidden, Region, Revision, live


class Cell:
    """The revision of a node as of the last look; None if its values are not to be trusted."""

    __slots__ = ("revision",)

    def __init__(self, revision: str | None) -> None:
        self.revision = revision

    def __call__(self) -> str | None:
        """The revision, as a node's function."""
        return self.revision


def forbid(_: Region) -> None:
    """Refuse to tell the revision of values, as cached ones are given out by it."""
    raise Forbidden("Tiled lets you see this node, but not read its values")


REFUSED = Revision(live, forbid)
"""The revision of an array whose values the caller may not read."""
