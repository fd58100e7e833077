"""One image: its levels as arrays, and its attributes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from ..nodes import Array, Options, Sparse
from . import documents
from .display import Display, display
from .documents import Version
from .levels import Pyramid, Stores
from .pyramid import is_half
from .windows import default_place, windows


class Image:
    """An array that is an image. Made without looking at its pixels."""

    def __init__(self, node: Array | Sparse, pyramid: Pyramid) -> None:
        self.node = node
        self.pyramid = pyramid
        self._levels = [self._level(number) for number in range(len(pyramid.shapes))]
        self._omero: tuple[str, dict[str, Any]] | None = None
        self._lock = Lock()

    @classmethod
    def of(cls, path: str, node: Array | Sparse, stores: Stores, budget: int | None = None) -> Image | None:
        """The image that a node at a path is, or None."""
        shown = display(node)
        if shown is None:
            return None
        return cls(node, Pyramid(path, shown, _stored(node, shown), stores, node.options.tile_budget or budget or stores.budget))

    def is_like(self, other: Image) -> bool:
        """Whether another image differs in nothing but that its node was opened again."""
        mine, others = self.pyramid, other.pyramid
        revision = mine.source_revision()
        return (
            revision is not None
            and revision == others.source_revision()
            and mine.shapes == others.shapes
            and mine.display.array.dtype == others.display.array.dtype
        )

    def level(self, number: int) -> Array:
        """A level as a node."""
        return self._levels[number]

    def revision(self) -> str | None:
        """The revision of the attributes: none while they tell of levels that show samples."""
        return None if self.pyramid.sampled() else self.pyramid.source_revision()

    def attributes(self, version: Version, name: str) -> dict[str, Any]:
        """The attributes of the group of levels. Reads samples of the pixels the first time; blocks."""
        self.pyramid.make_eagerly()
        return documents.image(version, name, self.pyramid, self._how_to_show(name))

    def _how_to_show(self, name: str) -> dict[str, Any] | None:
        """Channels with their contrast windows, kept while the revision stands; None for labels, whose values are names."""
        shown = self.pyramid.display
        if shown.hint.is_label:
            return None
        with self._lock:
            revision = self.pyramid.source_revision()
            if self._omero is not None and self._omero[0] == revision:
                return self._omero[1]
            place = default_place(shown)
            made = documents.omero(name, shown, windows(shown, place), place)
            if revision is not None and revision == self.pyramid.source_revision():
                self._omero = (revision, made)
            return made

    def _level(self, number: int) -> Array:
        pyramid = self.pyramid
        return Array(
            shape=pyramid.shapes[number],
            dtype=pyramid.display.array.dtype,
            read=partial(pyramid.read, number),
            chunks=pyramid.tile_shape,
            dimension_names=tuple(pyramid.display.axes),
            revision=partial(pyramid.revision, number),
            options=Options(codec=self.node.options.codec),
            verbatim=True,
        )


def _stored(node: Array | Sparse, shown: Display) -> tuple[Array, ...]:
    """The levels that the source has, with the image's axes and types, as far as each is half as large as the one before."""
    found: list[Array] = []
    for level in getattr(node, "levels", ()):
        above = found[-1] if found else shown.array
        like = display(replace(level, attributes=node.attributes), shown.letters)
        if like is None or like.array.dtype != above.dtype or not is_half(like.array.shape, above.shape):
            break
        found.append(like.array)
    return tuple(found)
