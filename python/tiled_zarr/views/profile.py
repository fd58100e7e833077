"""The view that a client chooses in the path, as in `/zarr/v3/~codec=zstd:3,chunks=256x256/image`.

A profile wins over what trees and nodes say, so a client gets the codec that it can read, or chunks
that suit the way in which it reads. No name of a node looks like a profile: one that begins with
`~` is an alias, with two hex digits after it (hierarchy/names.py), and no word below begins so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .. import codecs
from ..hierarchy.names import ESCAPE
from ..nodes import Group, Node, Options
from .mirror import Mirror
from .web import as_web

BEFORE = "~"
"""What a profile begins with in a path."""
MOST_AXES = 32
WEB = "web"
PLANE_AXES = frozenset("tzyx")
ALLOWED = (
    "codec=CODEC (such as zstd:3, blosc:lz4:5, gzip:5 or none), chunks=SIZExSIZE (in elements, for arrays with as many axes), "
    f"dtype={WEB} (types that JavaScript has)"
)
ALLOWED_OF_IMAGES = "plane=ROWS and COLUMNS, two different axes of t, z, y and x, such as plane=zx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a client chooses. None, or False, means: as it is served without a profile.

    `plane` has the axes of the rows and the columns of images; it is for the display view alone,
    and all else is for the others.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    is_web: bool = False
    plane: str | None = None

    @property
    def name(self) -> str:
        """The same text for all spellings of the profile.

        >>> parse("chunks=256x256,codec=zstd").name
        '~codec=zstd:1,chunks=256x256'
        """
        parts = {
            "codec": self.codec,
            "chunks": self.chunk_shape and "x".join(map(str, self.chunk_shape)),
            "dtype": WEB if self.is_web else None,
            "plane": self.plane,
        }
        return BEFORE + ",".join(f"{name}={value}" for name, value in parts.items() if value)

    def view(self, root: Group) -> Group:
        """The tree with the profile's types, codec and chunks."""
        shown = everywhere(self._changed, root)
        assert isinstance(shown, Group)
        return shown

    def _changed(self, node: Node) -> Node:
        shown = as_web(node) if self.is_web else node
        if not (self.codec or self.chunk_shape):
            return shown
        return replace(shown, options=Options(codec=self.codec, chunk_shape=self.chunk_shape, verbatim=False).over(shown.options))


def everywhere(change: Callable[[Node], Node], node: Node) -> Node:
    """A node as `change` returns it, and so all nodes below it."""
    shown = change(node)
    if not isinstance(shown, Group):
        return shown
    return replace(shown, children=Mirror(shown.children, lambda _, child: everywhere(change, child), keeps_all=True))


def is_profile(part: str) -> bool:
    """True if a part of a path is meant as a profile.

    >>> is_profile("~codec=zstd"), is_profile("~zstd"), is_profile("a=b"), is_profile("~2fa=b")
    (True, False, False, False)
    """
    return part.startswith(BEFORE) and "=" in part and ESCAPE.match(part) is None


def parse(part: str) -> Profile:
    """The profile that a part of a path spells. Raises ValueError, which says what is allowed.

    >>> parse("~dtype=web")
    Profile(codec=None, chunk_shape=None, is_web=True, plane=None)
    """
    given: dict[str, str] = {}
    for item in part.removeprefix(BEFORE).split(","):
        name, equals, value = item.partition("=")
        if not equals or name not in {"codec", "chunks", "dtype", "plane"} or name in given:
            raise ValueError(f"{item!r} is no part of a profile, or stands there twice; a profile has {ALLOWED}, with commas between them")
        given[name] = value
    if given.get("dtype", WEB) != WEB:
        raise ValueError(f"dtype={given['dtype']}: only dtype={WEB} is known")
    codec = str(codecs.parse(given["codec"])) if "codec" in given else None
    chunk_shape = _sizes(given["chunks"]) if "chunks" in given else None
    return Profile(
        codec=codec, chunk_shape=chunk_shape, is_web="dtype" in given, plane=_plane(given["plane"]) if "plane" in given else None
    )


def _plane(text: str) -> str:
    """The axes of rows and columns. Raises ValueError."""
    if len(text) != len(set(text)) or len(text) != 2 or not set(text) <= PLANE_AXES:
        raise ValueError(f"plane={text}: give {ALLOWED_OF_IMAGES}")
    return text


def _sizes(text: str) -> tuple[int, ...]:
    """A chunk shape. Raises ValueError."""
    parts = text.split("x")
    if len(parts) > MOST_AXES or not all(part.isascii() and part.isdigit() and len(part) < 19 and int(part) for part in parts):
        raise ValueError(f"chunks={text}: give sizes in elements, such as chunks=256x256")
    return tuple(map(int, parts))
