"""Recipes: everything about the chunks of an array that is the same for all of them.

To answer with a cached chunk takes 6 us, and to derive a recipe takes 30. So the key space makes a
`Recipe` when it first meets an array. The code that handles chunks (http/endpoint,
http/work/native, encoding/encode) reads its fields, and asks the node only for data and revisions.

Invariant: a recipe depends only on the node, its options and the format, all of which are frozen. A
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
from ..nodes import Array, Block, Look, Pending, Prepared, Region, Stored
from . import headers

ENCODER = "4"
"""Part of every chunk's identity. Increase it if the encoder makes other bytes of the same data."""
INLINE = 64 * 1024
"""Decoded bytes up to which the event loop encodes a chunk itself with a quick codec.

Handing so small a chunk to a thread costs more."""
SLOW_INLINE = INLINE // 4
"""The same for codecs that search for matches, and so are slower."""
KEPT_CHUNKS = 2
"""Served chunks at most in a box of the source that is not kept for them."""
MOST_CODECS = 1024
"""Native codecs that are cached, at most: one per codec and item size."""

Way: TypeAlias = Literal["loop", "index", "native", "processor", "source"]
"""Which thread makes a chunk.

`loop`: the event loop. `index`: the event loop if the row index of the sparse array is built, else
a thread that computes. `native`: a native thread. `processor`: a thread that computes. `source`: a
thread that may wait for disk or network.
"""
Form: TypeAlias = Literal["dense", "strings", "sparse"]


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How the chunks of an array are cut and encoded.

    `wire` is the type of the items on the wire; `runs` says how one is made from an item of the
    source. `nbytes` are the decoded bytes of a chunk. `is_native` is True if a chunk takes only a
    view of data in memory and native code.

    `read(region)` reads a dense source. `stored` is the source's own chunks if they are, byte for
    byte, those that are served. `begin` and `prepared` are those of the source.

    `box` is the shape in elements that the source decodes at once, None if it decodes only what it
    is asked for. `kept` is the shape of the boxes that are kept for
    the chunks beside this one, None if none are. `read_itemsize` are the bytes that it reads for
    one item. `revision()` is that of the whole array. `revision_of(region)`, if the source has it,
    is used instead of it. `look`, if there is one, renews what that says.

    `is_frozen` says that the operator has declared the data never to change.

    `source` is the path of the source that the chunks are read from (`Places.source`). `signature`
    contains everything besides the data that the bytes of a chunk depend on.
    """

    grid: Grid
    codec: Codec
    native: _native.Codec
    wire: dtypes.Dtype
    runs: dtypes.Runs | None
    nbytes: int
    form: Form
    way: Way
    is_native: bool
    read: Callable[[Region], Block] | None
    stored: Stored | None
    begin: Callable[[Region], Pending] | None
    prepared: Prepared | None
    box: tuple[int, ...] | None
    kept: tuple[int, ...] | None
    read_itemsize: int
    is_frozen: bool
    source: str
    signature: str
    revision: Callable[[], str | None]
    revision_of: Callable[[Region], str | None] | None
    look: Look | None

    @property
    def is_prepared(self) -> bool:
        """True if the chunks, as they are now, were encoded in advance. Blocks."""
        return self.prepared is not None and self.prepared.fits(self.codec, self.grid.chunk_shape)

    def renew(self, region: Region, *, is_read_next: bool = True) -> None:
        """Ask the store for the revision of a region unless it is fresh. Blocks; raises as a read."""
        if self.look is not None and not self.look.is_fresh(region):
            self.look.renew(region, is_read_next)

    def weight(self, region: Region) -> int:
        """Bytes of memory to read and encode a region: the chunk, and all boxes decoded for it."""
        if self.box is None:
            return self.nbytes
        nbytes = self.read_itemsize
        for part, size, whole in zip(region, self.box, self.grid.shape, strict=True):
            if size:
                nbytes *= min(-(-part.stop // size) * size, whole) - part.start // size * size
        return self.nbytes + nbytes


def recipe(node: Array, grid: Grid, codec: Codec, source: str, *, is_frozen: bool = False) -> Recipe:
    """The recipe for the chunks of an array, served in a grid with a codec, read from `source`."""
    wire = dtypes.wire(node.dtype)
    form: Form = "sparse" if node.is_sparse else "strings" if dtypes.is_string(wire) else "dense"
    nbytes = math.prod(grid.chunk_shape) * headers.itemsize(node.dtype)
    kept = kept_box(node, grid) if form == "dense" else None
    is_native = form == "dense" and not node.blocking and node.source.stored is None
    return Recipe(
        grid=grid,
        codec=codec,
        native=native(codec, headers.typesize(wire)),
        wire=wire,
        runs=None if form == "strings" else dtypes.layout(node.dtype),
        nbytes=nbytes,
        form=form,
        way="source" if node.blocking else way(form, nbytes <= (INLINE if codec.is_quick else SLOW_INLINE), is_native),
        is_native=is_native,
        read=None if node.is_sparse else node.dense.read,
        stored=node.source.stored if headers.stored_codec(node, grid) == codec else None,
        begin=node.source.begin if form != "sparse" else None,
        prepared=node.source.prepared,
        box=kept or box(node),
        kept=kept,
        read_itemsize=headers.read_itemsize(node),
        is_frozen=is_frozen,
        source=source,
        signature=f"{node.dtype.str}|{grid}|{codec}|{ENCODER}",
        revision=node.revision.whole,
        revision_of=node.revision.of,
        look=node.revision.look,
    )


def way(form: Form, is_small: bool, is_native: bool) -> Way:
    """Which thread makes the chunks of an array whose data are in memory."""
    if is_small and form != "strings":
        return "loop" if form == "dense" else "index"
    return "native" if is_native else "processor"


def box(node: Array) -> tuple[int, ...] | None:
    """The shape in elements that a source decodes at once; None if only what it is asked for.

    None also for views of data in memory, and for sparse arrays.
    """
    source = node.source
    if node.is_sparse or (source.unit is None and not source.blocking):
        return None
    return source.unit or node.chunks or ((1,) * len(node.shape) if source.itemsize else None)


def kept_box(node: Array, grid: Grid) -> tuple[int, ...] | None:
    """The shape in elements of the boxes of a source to keep, each made for several served chunks.

    Along an axis it is a chunk of the source, or as many as a served chunk is long. None if the
    source makes no chunk anew for a part of it, or if a served chunk is half of a box or more.
    """
    chunks = node.source.unit or node.chunks
    if not node.dense.recomputes or chunks is None:
        return None
    sizes = zip(chunks, grid.chunk_shape, node.shape, strict=True)
    kept = tuple(min(-(-max(chunk, served) // chunk) * chunk, max(size, 1)) for chunk, served, size in sizes)
    return kept if KEPT_CHUNKS * math.prod(grid.chunk_shape) < math.prod(kept) else None


@lru_cache(MOST_CODECS)
def native(codec: Codec, typesize: int) -> _native.Codec:
    """The native encoder for a codec; `typesize` in bytes."""
    return _native.Codec(
        codec.name,
        level=codec.level,
        cname=codec.written_cname,
        shuffle=codec.shuffle or "noshuffle",
        typesize=typesize,
        crc32c=codec.crc32c,
    )
