"""Arrays and sparse arrays of Tiled as nodes, read over HTTP.

Several of our tiles lie in one of Tiled's blocks, and the same values are asked for as Zarr v2, as
Zarr v3, as levels of an image and by several callers. So we fetch whole blocks, each once, keep
them under their revision, and cut regions out of them (encoding/boxes.py). Blocks that are smaller
than a region along an axis are fetched together, as a slice.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa

from ...adapters.common.chunk_sizes import unit
from ...encoding.boxes import Boxes, cut
from ...nodes import Array, Block, Coordinates, Damaged, Dense, Region, Sparse
from .origins import REFUSED, Origin, forbid
from .remote import ARROW, BYTES, Params
from .structures import Structure, structure_of


def array(origin: Origin) -> Array:
    """The node of a dense array. Raises Unavailable for Python objects."""
    structure = structure_of(origin.told.structure)
    return Array(
        shape=structure.shape,
        dtype=structure.dtype,
        source=Dense(partial(read, origin, structure), unit=unit(structure.blocks, structure.dtype.itemsize) or structure.blocks),
        chunks=structure.chunks,
        maxshape=structure.maxshape,
        dimension_names=structure.dims,
        attributes=origin.attributes,
        revision=origin.cell,
    )


def sparse(origin: Origin) -> Array:
    """The node of a sparse array. Raises Unavailable for Python objects."""
    structure = structure_of(origin.told.structure)
    return Sparse(
        shape=structure.shape,
        dtype=structure.dtype,
        entries=partial(entries, origin, structure),
        chunks=structure.chunks,
        maxshape=structure.maxshape,
        dimension_names=structure.dims,
        attributes=origin.attributes,
        revision=origin.cell,
    )


def refused(node: Array) -> Array:
    """The same array, whose values the caller may not read."""
    source = Coordinates(refuse) if node.is_sparse else replace(node.dense, read=forbid)
    return replace(node, source=source, revision=REFUSED)


def refuse() -> tuple[Block, Block]:
    """Refuse to read the entries of a sparse array."""
    return forbid(), forbid()


def read(origin: Origin, structure: Structure, region: Region) -> Block:
    """The region of an array, cut out of blocks that are kept. Blocks; raises as `fetch`.

    Without a revision, or if Tiled's blocks are irregular or huge, only the region is fetched.
    """
    fetched, revision, blocks = partial(fetch, origin, structure), origin.cell.revision, structure.blocks
    itemsize = structure.dtype.itemsize
    if revision is None or blocks is None or 0 in (*structure.shape, len(region)) or unit(blocks, itemsize):
        return fetched(region)
    box = together(blocks, region, structure.shape)
    name = (origin.view.remote.api, origin.path, revision, box)
    return cut(region, Boxes(box, structure.shape, itemsize, name), fetched, origin.view.resources)


def together(blocks: Sequence[int], region: Region, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of the boxes that are fetched for a region: a block, or as many as the region is long.

    >>> together((1, 1000), (slice(0, 64), slice(512, 1024)), (100, 1500))
    (64, 1000)
    """
    sizes = zip(blocks, region, shape, strict=True)
    return tuple(max(1, min(-(-max(size, part.stop - part.start) // size) * size, length)) for size, part, length in sizes)


def fetch(origin: Origin, structure: Structure, region: Region) -> Block:
    """The region of an array, fetched now. Blocks; raises as `Origin.data`."""
    shape = tuple(part.stop - part.start for part in region)
    if 0 in shape:
        return np.empty(shape, structure.dtype)
    body = origin.data(*request(structure, region), BYTES)
    expected = math.prod(shape) * structure.dtype.itemsize
    if len(body) != expected:
        raise origin.changed() or Damaged(f"Tiled sent {len(body):,} bytes for a block of {expected:,}")
    return np.frombuffer(body, structure.dtype).reshape(shape)


def request(structure: Structure, region: Region) -> tuple[str, Params]:
    """The route and the parameters for a region that is not empty."""
    if not region:
        return "array/full", ()
    shape = ",".join(str(part.stop - part.start) for part in region)
    block = None if structure.blocks is None else block_of(structure.blocks, structure.shape, region)
    if block is not None:
        return "array/block", (("block", ",".join(map(str, block))), ("expected_shape", shape))
    return "array/full", (("slice", ",".join(f"{part.start}:{part.stop}" for part in region)), ("expected_shape", shape))


def block_of(blocks: Sequence[int], shape: Sequence[int], region: Region) -> tuple[int, ...] | None:
    """The index of the block that a region is; None if it is none, or not a whole one.

    >>> block_of((4, 4), (10, 4), (slice(8, 10), slice(0, 4))), block_of((4, 4), (10, 4), (slice(0, 2), slice(0, 4)))
    ((2, 0), None)
    """
    found = []
    for part, size, length in zip(region, blocks, shape, strict=True):
        if part.start % size or part.stop != min(part.start + size, length):
            return None
        found.append(part.start // size)
    return tuple(found)


def entries(origin: Origin, structure: Structure) -> tuple[Block, Block]:
    """The coordinates and the items of all entries of a sparse array. Blocks; raises as `Origin.data`."""
    body = origin.data("array/full", (), ARROW)
    table = pa.ipc.open_file(io.BytesIO(body)).read_all()
    coordinates = [table.column(f"dim{axis}").to_numpy() for axis in range(len(structure.shape))]
    items = table.column("data").to_numpy().astype(structure.dtype, casting="safe", copy=False)
    return np.stack(coordinates) if coordinates else np.empty((0, len(items)), np.intp), items
