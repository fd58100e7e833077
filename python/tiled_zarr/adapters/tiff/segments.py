"""Tiles and strips of TIFF pages: which of them a region touches, reading and decoding them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from ...nodes import Damaged, Region
from ..common.decoded import piece
from ..common.flat import FlatArray
from ..common.mapped import read_bytes, read_several
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot
from .pictures import pixels

Block: TypeAlias = "np.ndarray[Any, Any]"

JPEG = frozenset({6, 7, 34892, 33007})
"""Compressions whose tables may be outside the segments; the same as in tifffile."""

PICTURES = frozenset({33003, 33004, 33005, 34712, 34933, 50001, 50002, 52546})
"""JPEG 2000, PNG, WebP and JPEG XL.

Their segments state their own sizes, and tifffile decodes to those.
"""
SURPLUS = 2**20
"""Pixels that such a segment may have too many; tifffile cuts off rows beyond a strip."""

MOST_AHEAD = 64 * 1024 * 1024
"""Bytes of segments that are fetched at once, at most; of more, one after the other."""
NOTHING: Mapping[int, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Segments:
    """How the pages of a series are cut, in tifffile's five axes.

    These are planes of samples, depth, length, width, samples of a pixel. `raw` is the type of the
    items if they are uncompressed in the file, else None.
    """

    snapshot: Snapshot
    shape: tuple[int, ...]
    segment: tuple[int, ...]
    is_tiled: bool
    dtype: np.dtype[Any]
    raw: np.dtype[Any] | None
    nodata: Any
    decode: Callable[..., tuple[Block | None, Any, Any]]
    jpeg_header: bytes | None
    is_jpeg: bool
    is_picture: bool

    @classmethod
    def of(cls, snapshot: Snapshot, keyframe: Any) -> Segments:
        """The segments of pages like the keyframe, whose file is open."""
        is_jpeg = keyframe.compression in JPEG
        tile = (1, keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth, keyframe.shaped[-1])
        strip = (1, 1, min(keyframe.rowsperstrip, keyframe.imagelength), keyframe.imagewidth, keyframe.shaped[-1])
        return cls(
            snapshot=snapshot,
            shape=keyframe.shaped,
            segment=tile if keyframe.is_tiled else strip,
            is_tiled=keyframe.is_tiled,
            dtype=keyframe.dtype,
            raw=keyframe.dtype.newbyteorder(keyframe.parent.byteorder) if _is_raw(keyframe) else None,
            nodata=keyframe.nodata,
            decode=keyframe.decode,
            jpeg_header=keyframe.jpegheader if is_jpeg else None,
            is_jpeg=is_jpeg,
            is_picture=is_jpeg or keyframe.compression in PICTURES,
        )

    def touching(self, box: Region) -> Iterator[tuple[int, Region]]:
        """Yield the index of each segment that a box touches, and the segment's box in the page."""
        counts = [-(-size // part) for size, part in zip(self.shape, self.segment, strict=True)]
        ranges = [range(part.start // size, -(-part.stop // size)) for part, size in zip(box, self.segment, strict=True)]
        for place in product(*ranges):
            index, extent = 0, []
            for i, part, size, count in zip(place, self.segment, self.shape, counts, strict=True):
                index = index * count + i
                extent.append(slice(i * part, min((i + 1) * part, size)))
            yield index, tuple(extent)

    def read(self, page: Any, box: Region) -> Block:
        """A box of a page.

        If it touches one segment, the result is a view of the mapped file or of the decoded
        segment, else a new block.
        """
        touched = list(self.touching(box))
        if len(touched) == 1:
            return self._part(page, *touched[0], box)
        stored = self._stored(page, [index for index, _ in touched]) if isinstance(self.snapshot, Ranged) else NOTHING
        block = np.empty([part.stop - part.start for part in box], self.dtype)
        for index, extent in touched:
            target = tuple(slice(max(a.start, b.start) - b.start, min(a.stop, b.stop) - b.start) for a, b in zip(extent, box, strict=True))
            block[target] = self._part(page, index, extent, box, stored.get(index))
        return block

    def _stored(self, page: Any, indices: list[int]) -> Mapping[int, bytes]:
        """The bytes of segments by index, read at once; without those that are kept decoded."""
        known = self.snapshot.resources.decoded
        pieces = {index: (page.dataoffsets[index], page.databytecounts[index]) for index in indices}
        wanted = {index: piece for index, piece in pieces.items() if all(piece) and (self.snapshot, piece[0]) not in known}
        if sum(nbytes for _, nbytes in wanted.values()) > MOST_AHEAD:
            return NOTHING
        return dict(zip(wanted, read_several(self.snapshot, [*wanted.values()]), strict=True))

    def _part(self, page: Any, index: int, extent: Region, box: Region, stored: bytes | None = None) -> Block:
        """What a box holds of a segment, whose bytes are `stored` if they have been read.

        If only a part of it is wanted, we keep the decoded segment for requests for the rest.
        """
        common = tuple(slice(max(a.start, b.start) - a.start, min(a.stop, b.stop) - a.start) for a, b in zip(extent, box, strict=True))
        offset, nbytes = page.dataoffsets[index], page.databytecounts[index]
        if not (offset and nbytes):  # a sparse file has no such segment
            return np.full([part.stop - part.start for part in common], self.nodata, self.dtype)
        flat = self._flat(extent, offset, nbytes)
        if flat is not None:
            items = flat.look(common) if stored is None else np.ndarray(flat.shape, flat.dtype, stored)[common]
            return items.astype(self.dtype, copy=False)

        def decoded() -> Block:
            return self._decode(read_bytes(self.snapshot, offset, nbytes) if stored is None else stored, page, index, extent)

        is_whole = all(part.stop - part.start == whole.stop - whole.start for part, whole in zip(common, extent, strict=True))
        segment = decoded() if is_whole else piece(self.snapshot.resources.decoded, self.snapshot, offset, decoded)
        return segment[common].astype(self.dtype, copy=False)

    def _flat(self, extent: Region, offset: int, nbytes: int) -> FlatArray | None:
        """A segment that lies uncompressed in the file; None if it is compressed or too short."""
        stored = self.segment if self.is_tiled else tuple(part.stop - part.start for part in extent)
        if self.raw is None or math.prod(stored) * self.raw.itemsize > nbytes:
            return None
        return FlatArray(self.snapshot, offset, stored, self.raw)

    def _decode(self, data: bytes, page: Any, index: int, extent: Region) -> Block:
        """The items of a segment that are inside the image.

        Raises Damaged if the data are corrupt.
        """
        said, most = pixels(data) if self.is_picture else None, math.prod(self.segment[1:4])
        if said is not None and said > most + SURPLUS:
            where = f"segment {index} at byte {page.dataoffsets[index]}"
            raise Damaged(f"{where} is a picture of {said} pixels, at most {most} are expected; restore the file from a copy")
        tables = {"jpegtables": page.jpegtables, "jpegheader": self.jpeg_header} if self.is_jpeg else {}
        try:
            segment, _, _ = self.decode(data, index, **tables)
        except Exception as error:
            where = f"segment {index} at byte {page.dataoffsets[index]}"
            raise Damaged(f"{where} cannot be decoded: it is damaged; restore the file from a copy") from error
        sizes = tuple(part.stop - part.start for part in extent)
        if segment is None or any(got < size for got, size in zip(segment.shape, sizes[1:], strict=True)):
            where = f"segment {index} at byte {page.dataoffsets[index]}"
            raise Damaged(f"{where} decodes to another shape than {sizes[1:]}: it is damaged; restore the file from a copy")
        return segment[tuple(slice(0, size) for size in sizes[1:])][np.newaxis]


def _is_raw(keyframe: Any) -> bool:
    """Whether the items are in the file as numpy has them, apart from their byte order."""
    formats = keyframe.tags.valueof("SampleFormat", 1)
    return (
        keyframe.compression == keyframe.predictor == keyframe.fillorder == 1
        and not keyframe.is_subsampled
        and keyframe.bitspersample == 8 * keyframe.dtype.itemsize
        and set(formats if isinstance(formats, tuple) else [formats]) <= {1, 2, 3, 6}
    )
