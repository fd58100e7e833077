"""Outlines: what a folder of sources tells of its children without opening one.

A folder cannot tell when a file in it is rewritten, so as a group it has no revision. But it can
tell when a name has come or gone. A document that depends on names alone (that a tree has too many
nodes to be consolidated, say) is valid as long as the outlines of its folders are. One that depends
on the nodes behind the names as well is valid as long as each source has its revision too.

Asking a folder costs a `stat`, which is a round trip on a network file system. `one_look` lets all
that one request does with a folder share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")

_LOOK: ContextVar[dict[object, Any] | None] = ContextVar("look", default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A source in a folder.

    `revision()` changes whenever the folder may open another node for it; None if it cannot tell.
    It blocks, and raises what the system raises.
    """

    revision: Callable[[], str | None]
    blocking: ClassVar[bool] = True


def yes() -> bool:
    """True: one document may hold the metadata of all that lies in a folder."""
    return True


def unknown() -> None:
    """The sources of a folder that does not know them all."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The names of a folder's children.

    `revision()` changes whenever the names or the folder's attributes may have changed, but not
    always with the nodes behind the names; None if the folder cannot tell. `folders()` are the
    names of those children that are folders themselves: opening one opens no source. `sources()`
    are all other children, each with the revision at which it was opened; None if one of them has
    not been opened, or could not be. `blocking` says that these functions touch the disk.
    """

    revision: Callable[[], str | None]
    folders: Callable[[], Iterable[str]]
    sources: Callable[[], list[tuple[Source, str]] | None] = unknown
    is_small: Callable[[], bool] = yes
    blocking: bool = True


class one_look:  # noqa: N801 - it is entered as a function's result is
    """While it is entered, this thread looks at most once at each folder."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        """Begin to remember what folders say, unless an outer look does so already."""
        self._token = None if _LOOK.get() is not None else _LOOK.set({})

    def __exit__(self, *_: object) -> None:
        """Forget it."""
        if self._token is not None:
            _LOOK.reset(self._token)


def looked(folder: object, look: Callable[[], T]) -> T:
    """What `look` returns for a folder; inside `one_look` the same as before."""
    seen = _LOOK.get()
    if seen is None:
        return look()
    found: T | None = seen.get(folder)
    if found is None:
        found = seen[folder] = look()
    return found
