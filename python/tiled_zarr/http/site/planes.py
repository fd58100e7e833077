"""A plane of an image as PNG, in the colours that the viewer first shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...encoding import values
from ...encoding.encode import Block
from ...hierarchy.documents import digest
from ...hierarchy.keyspace import Document, KeySpace
from ...nodes import TooLarge
from . import png, slices, thumbnails
from .describe import finest_level
from .files import MOST_PIXELS
from .slices import NoSlice

STRIP = 256
"""Rows that are coloured at once: as floats they take eight times the memory of their colours."""
BYTES = 3 * 4
"""Bytes of memory for a pixel while the picture is made: colours, filtered and compressed."""


class Plane:
    """A plane of the finest level of an image; `name` changes if it would look otherwise."""

    def __init__(self, images: KeySpace, path: str, body: bytes, text: str) -> None:
        """Raises NoSlice if `text` spells no plane, TooLarge if that has too many pixels."""
        metadata = json.loads(body)
        multiscale = metadata["multiscales"][0]
        self.axes: list[str] = [axis["name"] for axis in multiscale["axes"]]
        self.is_label = "image-label" in metadata
        self.channels: list[Mapping[str, Any]] = metadata.get("omero", {}).get("channels", [{}])
        self.keys = images
        found = images.resolve(f"{path}/{multiscale['datasets'][0]['path']}/.zattrs")
        assert isinstance(found, Document)
        shape = found.place.array.shape
        wanted = slices.parse(text or self.middle(shape), shape)
        self.shown = self.of_channels(wanted)
        rows, columns = (span.stop - span.start for span in wanted.region[-2:])
        if rows * columns > MOST_PIXELS:
            raise TooLarge(
                f"a picture of {rows:,} x {columns:,} pixels; at most {MOST_PIXELS:,} are made: ask for a part with "
                f"?slice={','.join([*['0'] * (len(shape) - 2), '0:2048', '0:2048'])}, or open it in a viewer"
            )
        if not rows * columns:
            raise NoSlice("the plane has no pixels")
        self.parts = tuple(values.part(images, found.place, self.region(wanted, number)) for number in self.shown)
        self.nbytes = rows * columns * BYTES
        self.name = f"plane|{path}|{digest(body)}"

    def middle(self, shape: tuple[int, ...]) -> str:
        """The plane that a thumbnail shows: the middle of z, the beginning of what else there is."""
        at = {"c": ":", "z": str(shape[self.axes.index("z")] // 2) if "z" in self.axes else "0"}
        return ",".join(at.get(name, "0") for name in self.axes[:-2])

    def of_channels(self, wanted: slices.Slice) -> list[int]:
        """The channels to show: those of the slice that a viewer first shows, or all of it if that shows none."""
        for name, inner in zip(self.axes, wanted.inner, strict=True):
            if name in "yx":
                if inner != slice(None, None, 1):
                    raise NoSlice(f"the axis {name} of a picture needs a slice without a step, such as 0:512")
            elif isinstance(inner, slice) and name != "c":
                raise NoSlice(f"a picture shows one plane: give an index for the axis {name}; the axes are {', '.join(self.axes)}")
        if "c" not in self.axes:
            return [0]
        span = wanted.region[self.axes.index("c")]
        if isinstance(wanted.inner[self.axes.index("c")], int):
            return [span.start]
        asked = range(span.start, span.stop)
        if not asked:
            raise NoSlice("the slice has no channel: give the axis c an index, or :")
        shown = [number for number in thumbnails.shown(self.channels) if number in asked]
        return (shown or list(asked))[: thumbnails.MOST_CHANNELS]

    def region(self, wanted: slices.Slice, channel: int) -> tuple[slice, ...]:
        """The region of one channel."""
        spans = zip(self.axes, wanted.region, strict=True)
        return tuple(slice(channel, channel + 1) if name == "c" else span for name, span in spans)

    def picture(self) -> bytes:
        """The picture as PNG. Blocks; raises what the source raises."""
        blocks = [flat(values.read(part, self.keys.resources)) for part in self.parts]
        if self.is_label:
            return png.encode(thumbnails.labels(blocks[0]))
        rows, columns = blocks[0].shape
        pixels = np.empty((rows, columns, 3), np.uint8)
        windows = [windowed(self.channels[number], block) for number, block in zip(self.shown, blocks, strict=True)]
        for start in range(0, rows, STRIP):
            strip = slice(start, start + STRIP)
            colours = sum(thumbnails.shaded(block[strip], channel) for block, channel in zip(blocks, windows, strict=True))
            pixels[strip] = np.clip(colours, 0, 1) * 255 + 0.5
        return png.encode(pixels)


def windowed(channel: Mapping[str, Any], block: Block) -> Mapping[str, Any]:
    """A channel with its window; without one it is from the least to the greatest value."""
    if channel.get("window"):
        return channel
    return {**channel, "window": {"start": np.nanmin(block), "end": np.nanmax(block)}}


def flat(block: Block) -> Block:
    """The rows and columns of a block that has one item on all other axes."""
    return block.reshape(block.shape[-2:])


def of(images: KeySpace | None, path: str, text: str) -> Plane | None:
    """The plane that a text spells of the image at `path`; None if that is no image.

    Blocks. Raises NoSlice, TooLarge, and what opening the image raises.
    """
    found = images.resolve(f"{path}/.zattrs".lstrip("/")) if images else None
    body = found.body() if isinstance(found, Document) and finest_level(found.place.node) else None
    return Plane(images, path, body, text) if images is not None and body else None
