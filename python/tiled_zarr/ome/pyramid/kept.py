"""A finished plane: an OME-Zarr store, a folder that any reader of Zarr v3 opens.

    zarr.json               a group: the image with its levels, and what the store was made from
    N/zarr.json             level N, an array of rows and columns
    N/c/R/0                 a shard: row R of the level's tiles, then where each tile lies

A chunk is a tile as the server sends it, and its CRC-32C. So a whole tile is sent as it is stored
once its checksum is compared; that takes no decoding and no encoding. A level has one shard for
each row of its tiles: the shards are written in the order in which a pass makes tiles, and the
index of one is small enough to be read with each tile (16 bytes a tile), so nothing is kept in
memory.

`load` compares every document with the one that it would write itself, and the names of the shards
with those of the levels. So a store of another version, source, type or shape counts as absent, and
so does one that lacks a shard, which a reader of Zarr would take for zeros. The codec is that of the
server that has written the store. If another server sends another codec, it decodes the tiles.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ... import _native, codecs, texts
from ...adapters.zarr.layout import Shards
from ...adapters.zarr.pieces import decoded, decoder_of
from ...attributes import OURS
from ...codecs import Codec
from ...hierarchy import v3
from ...hierarchy.headers import ArrayHeader
from ...storage import shards
from ...storage.maker import maker
from .files import Parts, Spoiled, opened, size
from .kernels import CHECKSUM, checksum
from .layouts import Layout, Tile

Block: TypeAlias = np.ndarray[Any, Any]

ROOT = "zarr.json"
BAKED = "baked"
"""The attribute under ours that says what a store was made from."""
MOST_PADDED = 1.03
"""Pixels of whole tiles for one of the levels up to which chunks may be stored uncompressed."""
AXES = ("y", "x")
LARGEST = 1024 * 1024
"""Bytes of a document that we read."""


class Store(NamedTuple):
    """What a store of a plane holds: `source` names the plane, `codec` is that of its chunks."""

    source: str
    layout: Layout
    codec: Codec

    def shards(self, level: int) -> Shards:
        """The chunks of one shard of a level: a row of tiles."""
        return Shards((1, self.layout.grid(level)[1]), is_index_first=False)

    @property
    def keys(self) -> Iterator[str]:
        """The keys of all shards."""
        return (key(*row) for row in self.layout.rows)

    def documents(self) -> list[tuple[str, bytes]]:
        """The documents by key, the root's last."""
        levels = range(self.layout.first, self.layout.first + len(self.layout.shapes))
        found = [(f"{level}/{ROOT}", self._array(level)) for level in levels]
        axes = [{"name": name, "type": "space"} for name in AXES]
        image = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [_dataset(level) for level in levels]}]}
        said = {"source": texts.plain(self.source), "tiled_zarr": maker(), "tile": self.layout.tile, "codec": str(self.codec)}
        attributes = {"ome": image, OURS: {BAKED: said}}
        found.append((ROOT, {"zarr_format": 3, "node_type": "group", "attributes": attributes}))
        return [(name, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()) for name, document in found]

    def _array(self, level: int) -> dict[str, Any]:
        tile = (self.layout.tile, self.layout.tile)
        header = ArrayHeader(
            shape=self.layout.shape(level),
            chunk_shape=tile,
            dtype=self.layout.dtype,
            codec=self.codec,
            dimension_names=AXES,
            attributes={},
            separator=v3.SEPARATOR,
        )
        document = v3.document(ROOT, header)
        assert document is not None
        return shards.sharded(document, tile, (tile[0], tile[1] * self.layout.grid(level)[1]))


def _dataset(level: int) -> dict[str, Any]:
    """A level in the image's document, in pixels of level 0."""
    scale, shift = float(1 << level), ((1 << level) - 1) / 2
    transforms = [{"type": "scale", "scale": [scale, scale]}, {"type": "translation", "translation": [shift, shift]}]
    return {"path": str(level), "coordinateTransformations": transforms}


def key(level: int, row: int) -> str:
    """The key of the shard that holds a row of a level's tiles."""
    return f"{level}/{v3.chunk_key((row, 0))}"


def store_of(source: str, layout: Layout, served: Codec) -> Store:
    """The store to write for chunks that are served with a codec.

    Chunks without a compressor hold the padding of tiles at the edge. If that is much, we take the
    default codec instead.
    """
    pixels = layout.tile**2 * sum(1 for _ in layout.tiles())
    is_padded = served.name == "none" and pixels > MOST_PADDED * layout.size
    codec = codecs.parse(codecs.DEFAULT).suited(layout.dtype.itemsize) if is_padded else served
    return Store(source, layout, replace(codec, crc32c=True))


class StoredPlane:
    """The levels of a plane in a store; `nbytes` are those of its files, at most those of its pixels.

    We open the file for each read, so that a thousand planes hold no file descriptors.
    """

    def __init__(self, path: Path, store: Store, nbytes: int) -> None:
        self.path = path
        self.store = store
        self.nbytes = nbytes

    def tile(self, tile: Tile) -> Block:
        """A tile, read and checked. Raises OSError, and Spoiled or Damaged if its bytes have changed."""
        layout, decoder = self.store.layout, self._decoder
        assert decoder is not None
        block = np.empty((layout.tile, layout.tile), layout.dtype)
        decoded(decoder, block, (0, 0), self._stored(tile), f"{self.path.name} {tile}")
        block.flags.writeable = False
        rows, columns = layout.tile_shape(tile)
        return block[:rows, :columns]

    def body(self, tile: Tile, served: Codec) -> bytes | None:
        """A tile as it is sent with a codec, None if it is stored with another one. Raises as `tile`."""
        codec = self.store.codec
        if served not in (codec, replace(codec, crc32c=False)):
            return None
        stored = self._stored(tile)
        data = memoryview(stored)[:-CHECKSUM]
        found, written = checksum(data), stored[-CHECKSUM:]
        if found != written:
            raise Spoiled(f"{self.path.name}: the checksum of {tile} is {found.hex()}, not {written.hex()}")
        return stored if served == codec else bytes(data)

    @cached_property
    def _decoder(self) -> _native.Decoder | None:
        layout = self.store.layout
        return decoder_of(self.store.codec, (layout.tile, layout.tile), layout.dtype.itemsize)

    def _stored(self, tile: Tile) -> bytes:
        """The stored bytes of a tile."""
        name, counts = key(tile.level, tile.row), self.store.shards(tile.level)
        with opened(self.path / name) as file:
            parts = Parts(file)
            stored = shards.body(parts, counts, shards.table(parts, counts, name), (tile.row, tile.column))
        if stored is None or len(stored) < CHECKSUM:
            raise Spoiled(f"{self.path.name}: {tile} is not in its shard")
        return stored


def load(path: Path, source: str, layout: Layout) -> StoredPlane | None:
    """The plane in a store; None if there is none, or another one.

    It also sets the time of last use of its root's document, by which `Folder.trim` decides.
    """
    try:
        codec = codecs.parse(json.loads(_read(path / ROOT))["attributes"][OURS][BAKED]["codec"])
        store = Store(source, layout, codec)
        if any(_read(path / name) != body for name, body in store.documents()):
            return None
        found = sizes(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not found.keys() >= set(store.keys):
        return None
    with suppress(OSError):
        os.utime(path / ROOT)
    return StoredPlane(path, store, min(sum(found.values()), layout.nbytes))


def sizes(path: Path) -> Mapping[str, int]:
    """The bytes of each file in a store by its key. Raises OSError."""
    found: dict[str, int] = {}
    for folder, _, names in os.walk(path):
        below = "" if folder == str(path) else f"{os.path.relpath(folder, path)}/"
        found |= {f"{below}{name}": os.lstat(f"{folder}/{name}").st_size for name in names}
    return found


def _read(path: Path) -> bytes:
    with opened(path) as file:
        if size(file) > LARGEST:
            raise ValueError(f"{path.name} has {size(file)} bytes")
        return file.read()
