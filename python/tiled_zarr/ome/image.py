"""One image: its levels as arrays, and its attributes."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

from ..nodes import Array, Busy, Changed, Options, Sparse
from ..openings import reason
from . import documents
from .display import Display, display
from .documents import Version
from .levels import Pyramid, Stores
from .pyramid import is_half
from .windows import default_place, windows

log = logging.getLogger(__name__)

RETRY = 10
"""Seconds after which contrast windows that could not be found are looked for again."""


class Channels(NamedTuple):
    """How to show the channels of an image, as found at a revision of its pixels; where there is no `omero`, `missing` says why."""

    revision: str | None
    omero: dict[str, Any] | None
    missing: str | None = None


NO_CHANNELS = Channels(None, None)
"""Of labels, whose values are names."""
TOO_MANY = Channels(None, None, f"more than {documents.MOST_CHANNELS:,} channels: viewers find contrast limits themselves")


class Image:
    """An array that is an image. Made without looking at its pixels."""

    def __init__(self, node: Array | Sparse, pyramid: Pyramid) -> None:
        self.node = node
        self.pyramid = pyramid
        self._levels = {number: self._level(number) for number in pyramid.shown}
        self._channels: Channels | None = None
        self._failed = float("-inf")
        """When the windows could not be found."""
        self._lock = Lock()

    @classmethod
    def of(cls, path: str, node: Array | Sparse, stores: Stores, budget: int | None = None) -> Image | None:
        """The image that a node at a path is, or None. Raises TooLarge where no level of it may be decoded."""
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

    @property
    def levels(self) -> dict[str, Array]:
        """Its levels as nodes, by their names."""
        return {str(number): level for number, level in self._levels.items()}

    def level(self, number: int) -> Array:
        """A level as a node."""
        return self._levels[number]

    def revision(self) -> str | None:
        """The revision of the attributes: none while they tell of levels that show samples, or lack what could not be read."""
        is_passing = self._channels is not None and self._channels.missing is not None
        return None if is_passing or self.pyramid.sampled() else self.pyramid.source_revision()

    def attributes(self, version: Version, name: str) -> dict[str, Any]:
        """The attributes of the group of levels. Reads samples of the pixels the first time; blocks."""
        self.pyramid.make_eagerly()
        channels = self._how_to_show(name)
        return documents.image(version, name, self.pyramid, channels.omero, channels.missing)

    def _how_to_show(self, name: str) -> Channels:
        """Channels with their contrast windows, kept while the revision stands."""
        shown = self.pyramid.display
        if shown.hint.is_label:
            return NO_CHANNELS
        if shown.channels > documents.MOST_CHANNELS:
            return TOO_MANY
        with self._lock:
            revision, known = self.pyramid.source_revision(), self._channels
            is_recent = time.monotonic() - self._failed < RETRY
            if known is not None and known.revision == revision and (is_recent if known.missing else revision is not None):
                return known
            made = self._looked_at(name, revision)
            self._channels = made if made.missing or revision == self.pyramid.source_revision() else None
            return made

    def _looked_at(self, name: str, revision: str | None) -> Channels:
        """The channels as samples of the pixels show them; a source that cannot be read leaves the other attributes as they are."""
        reader = self.pyramid.sources[self.pyramid.finest].reader
        place = default_place(reader.display)
        try:
            return Channels(revision, documents.omero(name, reader.display, windows(reader, place), place))
        except (Changed, Busy):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a source raises, the levels of its image can still be named
            log.warning("%s is shown without contrast limits: %s", self.pyramid.key, reason(error))
            self._failed = time.monotonic()
            return Channels(revision, None, reason(error))

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


def _stored(node: Array | Sparse, shown: Display) -> tuple[Display, ...]:
    """The levels that the source has, with the image's axes and types, as far as each is half as large as the one before."""
    found: list[Display] = []
    for level in getattr(node, "levels", ()):
        above = (found[-1] if found else shown).array
        if len(level.shape) != len(node.shape):
            break
        like = display(replace(level, attributes=node.attributes), shown.letters)
        if like is None or like.array.dtype != above.dtype or not is_half(like.array.shape, above.shape):
            break
        found.append(like)
    return tuple(found)
