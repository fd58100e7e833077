"""The values of a region of an array, for pages and downloads: read as those of a chunk are."""

from __future__ import annotations

import math

import numpy as np

from .. import budgets
from ..hierarchy import headers
from ..hierarchy.keyspace import Chunk, KeySpace
from ..hierarchy.places import Place
from ..nodes import Changed, Region
from ..resources import Resources
from . import row_index
from .encode import Block, read_block, text_bytes


def part(keys: KeySpace, place: Place, region: Region) -> Chunk:
    """A region of the array at a place, as if it was a chunk of its own.

    Its weight counts the values twice: as they are read, and as the caller then spells them.
    """
    node, recipe = place.array, keys.recipe(place)
    nbytes = math.prod(part.stop - part.start for part in region) * headers.itemsize(node.dtype)
    weight = 2 * nbytes + recipe.weight(region) - recipe.nbytes
    return Chunk(place, node, recipe, (), region, f"{keys.format.NAME}/{place.path}", is_whole=False, weight=weight)


def read(chunk: Chunk, resources: Resources) -> Block:
    """The values of a chunk's region, all of one revision. Blocks.

    Raises Changed if the array has changed meanwhile, and what the source raises. The caller holds
    the chunk's weight.
    """
    shape = tuple(part.stop - part.start for part in chunk.region)
    if 0 in shape:
        return np.empty(shape, chunk.node.dtype)
    chunk.recipe.renew(chunk.region)
    revision = chunk.revision()
    block = row_index.dense(chunk.node, chunk.region, resources) if chunk.node.is_sparse else read_block(chunk, resources)
    if chunk.revision() != revision:
        raise Changed("the data changed while they were read; ask again")
    if block.dtype.hasobject:
        text_bytes(block.reshape(-1).tolist())  # raises if an item is no text, as for a chunk
    return block


def held(chunk: Chunk, resources: Resources) -> Block:
    """The same, holding the chunk's weight only while it is read: for a few values."""
    with budgets.hold(chunk.weight):
        return read(chunk, resources)
