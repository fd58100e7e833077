"""Thumbnails: the coarsest level of an image, with the colours that the viewer first shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ... import budgets
from ...caches.cost import Cache
from ...hierarchy.keyspace import Chunk, Document, KeySpace
from ...nodes import Array, Changed, Region
from ..protocol import etags, replies, requests
from ..protocol.caching import Caching
from ..protocol.locations import TOKEN
from ..protocol.replies import NO_SNIFFING, NOT_FOUND, Headers, Reply
from ..protocol.requests import Request
from . import png
from .describe import finest_level

PREFIX, SUFFIX = "/thumbnail/", ".png"
EDGE = 192
"""Longest edge of a thumbnail in pixels."""
MOST_STRETCHED = 20
"""The longer edge is at most this many times as long as the shorter one, as in the viewer."""
MOST_CHANNELS = 6
WHITE = "FFFFFF"
GOLDEN = 0.61803398875

Block: TypeAlias = np.ndarray[Any, Any]
HEADERS: Headers = ((b"content-type", b"image/png"), NO_SNIFFING)


class Thumbnails:
    """Answers requests for thumbnails. `images` is the tree as OME-Zarr 0.4, or None."""

    def __init__(self, images: KeySpace | None, cache: Cache[bytes], caching: Caching) -> None:
        self.images = images
        self.cache = cache
        live, kept, frozen = ((b"cache-control", value) for value in caching)
        self.live: Headers = (live, *HEADERS)
        self.kept: Headers = (kept, *HEADERS)
        self.frozen: Headers = (frozen, *HEADERS)

    def reply(self, request: Request) -> Reply:
        """The thumbnail as PNG, or 404 if there is no such image. Blocks.

        If the image changes meanwhile, we make it again, once; the second time it is a 503.
        """
        path, token = parsed(requests.path_of(request.scope))
        for _ in range(2):
            try:
                self.check(path, token)
                reply = self.reply_once(request, path, is_pinned=token is not None)
                self.check(path, token)
            except Changed:
                continue
            return reply
        return replies.CHANGING if token is None else replies.SUPERSEDED

    def check(self, path: str, token: str | None) -> None:
        """Raise Changed if there is a token, and the image at `path` has another one."""
        if token is not None and (self.images is None or self.images.token(path) != token):
            raise Changed

    def reply_once(self, request: Request, path: str, *, is_pinned: bool) -> Reply:
        """The reply, immutable if `is_pinned`. Blocks; raises Changed, or what the source does."""
        metadata = self.metadata(path)
        chunk = self.coarsest(path, metadata)
        if chunk is None:
            return NOT_FOUND
        revision = chunk.revision()
        make = partial(unchanged, chunk, revision, metadata)
        if revision is None:
            return replies.of_content(request, self.live, make())
        headers = self.frozen if is_pinned or chunk.recipe.is_frozen else self.kept
        identity = f"thumbnail|{path}|{chunk.identity(revision)}"
        is_replica = self.images is not None and self.images.config.is_replica
        etag = etags.of_text(f"thumbnail|{path}|{chunk.shared_identity(revision)}" if is_replica else identity)
        return replies.unmodified(request, etag, headers) or replies.whole_or_part(request, etag, headers, self.cache.get(identity, make))

    def metadata(self, path: str) -> dict[str, Any]:
        """The attributes of an image; empty for any other group, whatever its attributes say."""
        found = self.images.resolve(f"{path}/.zattrs") if self.images else None
        body = found.body() if isinstance(found, Document) and finest_level(found.place.node) else None
        return json.loads(body) if body else {}

    def coarsest(self, path: str, metadata: Mapping[str, Any]) -> Chunk | None:
        """The first chunk of the coarsest level; None if there are no levels."""
        if self.images is None or not metadata:
            return None
        multiscale = metadata["multiscales"][0]
        zeros = "/".join("0" for _ in multiscale["axes"])
        found = self.images.resolve(f"{path}/{multiscale['datasets'][-1]['path']}/{zeros}")
        return found if isinstance(found, Chunk) else None


def parsed(path: str, suffix: str = SUFFIX) -> tuple[str, str | None]:
    """The node's path and the token, if any, in the path of a request.

    >>> parsed("/thumbnail/a/b.png"), parsed("/@a1b2/thumbnail/a.png")
    (('a/b', None), ('a', 'a1b2'))
    """
    first, _, rest = path[1:].partition("/")
    token = first.removeprefix(TOKEN) if first.startswith(TOKEN) else None
    return (path if token is None else f"/{rest}").removeprefix(PREFIX).removesuffix(suffix), token


def unchanged(chunk: Chunk, revision: str | None, metadata: Mapping[str, Any]) -> bytes:
    """The thumbnail of a level as PNG. Blocks.

    Raises Changed if the level then has another revision than `revision`.
    """
    with budgets.hold(chunk.weight):
        body = picture(chunk.node, metadata)
    if chunk.revision() != revision:
        raise Changed("an image changed while its thumbnail was made; ask again")
    return body


def picture(level: Array, metadata: Mapping[str, Any]) -> bytes:
    """A level as PNG. Blocks; raises what the source raises."""
    axes = [axis["name"] for axis in metadata["multiscales"][0]["axes"]]
    if "image-label" in metadata:
        return png.encode(thick(labels(sampled(plane(level, axes, 0)))))
    channels = metadata.get("omero", {}).get("channels", [{}])
    shown = [number for number, channel in enumerate(channels) if channel.get("active", True)][:MOST_CHANNELS]
    colours = sum(shaded(shrunk(plane(level, axes, number)), channels[number]) for number in shown)
    return png.encode(thick((np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8)))


def plane(level: Array, axes: list[str], channel: int) -> Block:
    """The rows and columns of one channel.

    They are from the middle of the z axis and the beginning of all other axes.
    """
    indices = {"c": channel, "z": level.shape[axes.index("z")] // 2 if "z" in axes else 0}
    leading = [slice(at, at + 1) for at in (indices.get(name, 0) for name in axes[:-2])]
    region: Region = (*leading, *(slice(0, size) for size in level.shape[-2:]))
    block: Block = level.read(region)
    return block.reshape(level.shape[-2:])


def shrunk(block: Block) -> Block:
    """The means of squares of pixels, so that the longer edge has at most EDGE of them.

    An image too thin for whole squares is sampled instead.
    """
    step = -(-max(block.shape) // EDGE)
    rows, columns = (size // step * step for size in block.shape)
    if rows == 0 or columns == 0:
        return sampled(block)
    squares = block[:rows, :columns].reshape(rows // step, step, columns // step, step)
    return np.asarray(np.mean(squares, axis=(1, 3), dtype=np.float64))


def sampled(block: Block) -> Block:
    """Every n-th row and column, so that the longer edge has at most EDGE pixels."""
    step = -(-max(block.shape) // EDGE)
    return block[::step, ::step]


def thick(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels, repeated along the shorter edge if that has less than a MOST_STRETCHED-th of the longer.

    A line of single pixels would be hard to see, and harder to click on.
    """
    least = max(pixels.shape[:2]) // MOST_STRETCHED
    rows, columns = (-(-least // size) if size < least else 1 for size in pixels.shape[:2])
    return pixels.repeat(rows, axis=0).repeat(columns, axis=1)


def shaded(block: Block, channel: Mapping[str, Any]) -> Block:
    """The values as shades of the channel's colour, of shape (rows, columns, 3), from 0 to 1.

    NaN is black.
    """
    window = channel.get("window") or {"start": np.nanmin(block), "end": np.nanmax(block)}
    start, end = float(window["start"]), float(window["end"])
    shades = np.clip((np.nan_to_num(block, nan=start) - start) / ((end - start) or 1.0), 0, 1)
    colour = np.frombuffer(bytes.fromhex(channel.get("color", WHITE)), np.uint8) / 255
    return shades[..., None] * colour


def labels(block: Block) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A colour for each label, black for 0."""
    hue = (block.astype(np.float64) * GOLDEN % 1)[..., None]
    pure = np.clip(np.abs((hue + np.array([0, 2, 1]) / 3) % 1 * 6 - 3) - 1, 0, 1)
    return np.where(block[..., None] == 0, 0, (0.3 + 0.7 * pure) * 255).astype(np.uint8)
