"""One OME-NGFF image: its levels as arrays, and the attributes of their group."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from ..nodes import Array, Block, Changed, Dense, Options, Region
from ..options import NO_OPTIONS
from . import documents
from .display.display import Display, display
from .documents import Channels, Version
from .pyramid import prepared
from .pyramid.levels import Pyramid
from .pyramid.looks import Unseen, default_place
from .pyramid.shapes import is_half
from .pyramid.stores import Stores

NO_CHANNELS = Channels(None, None)
"""For label images: their values are names, so they have no contrast limits."""
TOO_MANY = Channels(None, None, f"more than {documents.MOST_CHANNELS:,} channels: viewers find contrast limits themselves")


class Image:
    """An array that is an image. Making one reads no pixels.

    `marked` has the levels with a mark left in, by name, if the metadata may name them.
    `opened` is the revision of the pixels when it was made. The node of a file says the revision of
    what lies at the path now, but it only reads what lay there when it was opened.
    """

    def __init__(self, node: Array, pyramid: Pyramid) -> None:
        self.node = node
        self.pyramid = pyramid
        self.opened = pyramid.source_revision()
        self._has_changed = False
        self._levels = {number: self._level(number) for number in pyramid.shown}
        self.marked = {
            name: self._level(number, keeps_marks=True) for name, number in zip(documents.marked(pyramid), pyramid.shown, strict=False)
        }
        self._channels: Channels | None = None
        self._lock = Lock()

    @classmethod
    def of(cls, path: str, node: Array, stores: Stores, options: Options = NO_OPTIONS) -> Image | None:
        """The image at `path`, or None if `node` is no image.

        The node's own options say how many bytes of the source one tile may read, and with which
        codec it is sent; else `options`, those of the groups above; else `stores`. Raises TooLarge
        if the chunks of every level are too large to decode.
        """
        shown = display(node, resources=stores.resources)
        if shown is None:
            return None
        if shown.hint.flipped:  # levels that were baked the other way round are of another revision
            node = replace(node, revision=shown.array.revision)
        pyramid = Pyramid(path, shown, _stored(node, shown), stores, node.options.over(options))
        revision = pyramid.source_revision()
        baked = stores.baked(path, node) if revision is not None else {}
        if baked and pyramid.source_revision() == revision:
            pyramid.use(baked, revision)
        return cls(node, pyramid)

    def is_like(self, other: Image) -> bool:
        """True if `other` is the same image, whose node was only opened again.

        Both were opened at the same revision (not None) and have the same shapes of levels and the
        same type, and no read has found that this image has changed.
        """
        mine, others = self.pyramid, other.pyramid
        return (
            not self._has_changed
            and self.opened is not None
            and self.opened == other.opened
            and mine.shapes == others.shapes
            and mine.display.array.dtype == others.display.array.dtype
        )

    @property
    def levels(self) -> dict[str, Array]:
        """The levels as nodes, keyed by their names ("0" is the finest)."""
        return {str(number): level for number, level in self._levels.items()}

    def level(self, number: int) -> Array:
        """Level `number` as a node. Raises KeyError if it is not shown."""
        return self._levels[number]

    def revision(self) -> str | None:
        """The revision of the attributes; None while they may change although the source does not.

        That is the case while they list levels that show samples, or while we could not read the
        pixels to find the channels.
        """
        is_passing = self._channels is not None and self._channels.missing is not None
        return None if is_passing or self.pyramid.sampled() else self.pyramid.source_revision()

    def attributes(self, version: Version, name: str) -> dict[str, Any]:
        """The attributes of the multiscale group. Blocks: the first call reads samples of pixels.

        If the image is in memory, the call also requests its levels from the background thread.
        """
        self.pyramid.make_eagerly()
        return documents.image(version, name, self.pyramid, self._how_to_show(name))

    def _how_to_show(self, name: str) -> Channels:
        """The channels with their contrast windows, kept while their revision is still valid."""
        shown = self.pyramid.display
        if shown.hint.is_label:
            return NO_CHANNELS
        if shown.channels > documents.MOST_CHANNELS:
            return TOO_MANY
        with self._lock:
            revision, known = self.pyramid.source_revision(), self._channels
            if known is not None and known.revision == revision is not None and known.missing is None:
                return known
            made = self._looked_at(name, revision)
            self._channels = made if made.missing or revision == self.pyramid.source_revision() else None
            return made

    def _looked_at(self, name: str, revision: str | None) -> Channels:
        """The channels, found from samples of the pixels.

        If the source cannot be read, `missing` says why and the group keeps its other attributes.
        """
        looks = self.pyramid.looks
        shown = looks.reader.display
        try:
            look = looks.at(revision) if revision is not None else looks.again()
        except Changed:
            self._has_changed = True
            raise
        except Unseen as error:
            return Channels(revision, None, str(error))
        return Channels(revision, documents.omero(name, shown, look.windows, default_place(shown)), None, look.no_data, tuple(self.marked))

    def _read(self, number: int, region: Region, *, keeps_marks: bool = False) -> Block:
        """The pixels of a region of a level. Blocks; raises what the source raises."""
        try:
            return self.pyramid.read(number, region, keeps_marks=keeps_marks)
        except Changed:
            self._has_changed = True
            raise

    def _level(self, number: int, *, keeps_marks: bool = False) -> Array:
        """The node of a level, whose chunks are the tiles of the pyramid."""
        pyramid = self.pyramid
        return Array(
            shape=pyramid.shapes[number],
            dtype=pyramid.display.array.dtype,
            source=Dense(
                partial(self._read, number, keeps_marks=keeps_marks),
                stored=None if keeps_marks else pyramid.stored(number),
                prepared=None if keeps_marks else prepared.of(pyramid, number),
            ),
            chunks=pyramid.tile_shape,
            dimension_names=tuple(pyramid.display.hint.names.get(letter, letter) for letter in pyramid.display.axes),
            revision=partial(pyramid.revision, number, keeps_marks=keeps_marks),
            options=Options(codec=self.node.options.codec, verbatim=True, frozen=self.node.options.frozen),
        )


def _stored(node: Array, shown: Display) -> tuple[Display, ...]:
    """The stored levels of the source that fit the image, from level 1 on, as displayed.

    They end before the first one that has other axes or another type, or that is not half as large
    as the level before it.
    """
    found: list[Display] = []
    for level in node.levels:
        above = (found[-1] if found else shown).array
        if len(level.shape) != len(node.shape):
            break
        like = display(replace(level, attributes=node.attributes), shown.letters)
        if like is None or like.array.dtype != above.dtype or not is_half(like.array.shape, above.shape):
            break
        found.append(like)
    return tuple(found)
