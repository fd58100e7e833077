"""The address of the exact values of an image, in small chunks and in types that JavaScript has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ...hierarchy import names
from ...nodes import Node

PREFIX = "zarr/v3"
EDGE = 64
"""Pixels along y and x of a chunk in which the viewer reads values: 32 kB of 64-bit numbers."""
MOST_COLOURS = 4
"""The channels of one pixel come in one chunk if they are neighbours, and at most as many."""


class Origin(Protocol):
    """The array behind an image, as `ome.origin` finds it."""

    @property
    def path(self) -> tuple[str, ...]:
        """Its names below the image's node."""

    @property
    def axes(self) -> str:
        """A letter for each of its axes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, in elements."""

    @property
    def is_complex(self) -> bool:
        """True if its elements are complex numbers."""


Find: TypeAlias = Callable[[Node, Node], Origin | None]
"""The origin of an image, from its node and its multiscale group; None if it has none."""


def link(origin: Origin, path: str) -> str:
    """The path of the array in Zarr v3, below the server's root; `path` is the image's node in v2.

    It has no token, because that of a profile is known only after its tree has been shown.
    """
    return f"{PREFIX}/{profile(origin)}/" + "/".join([names.path_in_v3(path), *map(names.wire, origin.path)]).lstrip("/")


def profile(origin: Origin) -> str:
    """The profile in which the viewer reads values: it gives complex numbers one more axis."""
    pairs = zip(origin.axes, origin.shape, strict=True)
    sizes = [chunk_size(letter, size, origin.axes[at:]) for at, (letter, size) in enumerate(pairs)] + [2] * origin.is_complex
    return f"~dtype=web,chunks={'x'.join(map(str, sizes))}"


def chunk_size(letter: str, size: int, following: str) -> int:
    """The size of a chunk along an axis, which the axes `following` come behind."""
    if letter in "yx":
        return min(EDGE, size)
    return size if letter == "c" and not set("yx") & set(following) and size <= MOST_COLOURS else 1
