"""Recipes: all that can be said of the chunks of an array before any of them is asked for.

The reply with a chunk from the cache takes 6 us, and to derive a recipe takes 30. So the key space
makes a `Recipe` when it first meets an array, and whoever handles the chunks (http/endpoint,
http/work/native, encoding/encode) reads its fields, and asks the node for data and revisions alone.

Invariant: a recipe depends on the node, its options and the format alone, all of which are frozen. A
node that is replaced has another place in the tree (places.py), and so another recipe.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from .. import _native, dtypes
from ..codecs import Codec
from ..grid import Grid
from ..nodes import Array, Block, Region, Stored
from . import headers

ENCODER = "4"
"""Part of every chunk's identity; to be raised when other bytes are sent for the same data."""
INLINE = 64 * 1024
"""Decoded bytes up to which the event loop encodes a chunk itself: handing it to a thread costs more. For quick codecs."""
SLOW_INLINE = INLINE // 4
"""The same for codecs that search."""
MOST_CODECS = 1024
"""Codecs with an item size each, as the encoder takes them, that are remembered."""

Way: TypeAlias = Literal["loop", "index", "native", "processor", "source"]
"""Who makes a chunk.

`loop`: the event loop. `index`: the event loop too, if the row index of the sparse array is built, else
a thread that computes. `native`: a native thread. `processor`: a thread that computes. `source`: a
thread that may wait for disk or network.
"""
Form: TypeAlias = Literal["dense", "strings", "sparse"]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How the chunks of an array are cut and encoded.

    `wire` is the type of their items on the wire, of `typesize` bytes as Blosc counts; `runs` says how
    these are made of items as the source gives them. `nbytes` are the decoded bytes of a chunk.
    `is_native`: all that encoding a chunk takes, besides a look at data in memory, is done natively.

    `read(region)` reads a dense source. `stored` is the source's own chunks if they are, byte for byte,
    those that are served. `box` is the shape of what the source decodes at once, None if it decodes no
    more than it is asked for; `read_itemsize` are the bytes that it reads for one item. `revision()` is
    that of the whole array; `revision_of(region)`, if the source has it, stands in for it.

    `source` is the path of the source that a hanging read may take along. `signature` says all that a
    chunk's bytes depend on besides the data.
    """

    grid: Grid
    codec: Codec
    native: _native.Codec
    wire: dtypes.Dtype
    typesize: int
    runs: dtypes.Runs | None
    nbytes: int
    form: Form
    way: Way
    is_native: bool
    read: Callable[[Region], Block] | None
    stored: Stored | None
    box: tuple[int, ...] | None
    read_itemsize: int
    source: str
    signature: str
    revision: Callable[[], str | None]
    revision_of: Callable[[Region], str | None] | None

    def weight(self, region: Region) -> int:
        """Bytes that reading and encoding a region takes: one chunk, and all boxes that the source decodes for it."""
        if self.box is None:
            return self.nbytes
        nbytes = self.read_itemsize
        for part, size, whole in zip(region, self.box, self.grid.shape, strict=True):
            if size:
                nbytes *= min(-(-part.stop // size) * size, whole) - part.start // size * size
        return self.nbytes + nbytes


def recipe(node: Array, grid: Grid, codec: Codec, source: str) -> Recipe:
    """The recipe of the chunks of an array that is served in a grid with a codec."""
    wire = dtypes.wire(node.dtype)
    form: Form = "sparse" if node.is_sparse else "strings" if dtypes.is_string(wire) else "dense"
    nbytes = math.prod(grid.chunk_shape) * headers.itemsize(node.dtype)
    typesize = headers.typesize(wire)
    is_native = form == "dense" and not node.blocking and node.source.stored is None
    return Recipe(
        grid=grid,
        codec=codec,
        native=native(codec, typesize),
        wire=wire,
        typesize=typesize,
        runs=None if form == "strings" else dtypes.layout(node.dtype),
        nbytes=nbytes,
        form=form,
        way="source" if node.blocking else way(form, nbytes <= (INLINE if codec.is_quick else SLOW_INLINE), is_native),
        is_native=is_native,
        read=None if node.is_sparse else node.dense.read,
        stored=node.source.stored if headers.stored_codec(node, grid) == codec else None,
        box=box(node),
        read_itemsize=headers.read_itemsize(node),
        source=source,
        signature=f"{node.dtype.str}|{grid}|{codec}|{ENCODER}",
        revision=node.revision.whole,
        revision_of=node.revision.of,
    )


def way(form: Form, is_small: bool, is_native: bool) -> Way:
    """Who makes the chunks of an array whose data are in memory."""
    if is_small and form != "strings":
        return "loop" if form == "dense" else "index"
    return "native" if is_native else "processor"


def box(node: Array) -> tuple[int, ...] | None:
    """The shape of what a source decodes at once; None for views of data in memory, and for what is read as it is asked for."""
    source = node.source
    if node.is_sparse or (source.unit is None and not source.blocking):
        return None
    return source.unit or node.chunks or ((1,) * len(node.shape) if source.itemsize else None)


@lru_cache(MOST_CODECS)
def native(codec: Codec, typesize: int) -> _native.Codec:
    """A codec as the native encoder takes it."""
    return _native.Codec(
        codec.name,
        level=codec.level,
        cname=codec.written_cname,
        shuffle=codec.shuffle or "noshuffle",
        typesize=typesize,
        crc32c=codec.crc32c,
    )
