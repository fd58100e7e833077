"""The shapes of a pyramid's levels.

Level 0 is the image. Each further level is half as high and half as wide, rounded up. The last one
is the first that fits into one tile.
"""

from __future__ import annotations

TILE = 512
"""Edge of a tile in pixels."""
OWN_TILES = (256, 512, 1024)
"""Edges in pixels of square chunks that we use as tiles as they are."""

Shape = tuple[int, ...]


def tile_edge(shape: Shape, chunks: Shape | None) -> int:
    """The edge of the tiles of an image in pixels; its last two axes are y and x.

    It is that of the source's chunks if they are square with an edge in OWN_TILES, else TILE. A
    small image gets the next power of two that its longer side fits into, if that is less.

    >>> tile_edge((10000, 10000), None), tile_edge((10000, 10000), (256, 256)), tile_edge((50, 70), (50, 70))
    (512, 256, 128)
    """
    is_own = chunks is not None and chunks[-1] == chunks[-2] and chunks[-1] in OWN_TILES
    edge = chunks[-1] if chunks is not None and is_own else TILE
    longest = max(shape[-2:])
    return min(edge, 1 << (longest - 1).bit_length())


def halved(shape: Shape) -> Shape:
    """The shape of the next level.

    >>> halved((3, 100, 75))
    (3, 50, 38)
    """
    return (*shape[:-2], -(-shape[-2] // 2), -(-shape[-1] // 2))


def is_half(shape: Shape, above: Shape) -> bool:
    """True if a stored level of `shape` may follow one of shape `above`; some writers round down.

    >>> is_half((3, 50, 38), (3, 100, 75)), is_half((3, 50, 37), (3, 100, 75)), is_half((1, 50, 38), (3, 100, 75))
    (True, True, False)
    """
    down = (*above[:-2], *(max(1, size // 2) for size in above[-2:]))
    return shape in {halved(above), down}


def shapes(shape: Shape, tile: int) -> tuple[Shape, ...]:
    """The shapes of all levels: the last is the first that fits into one tile.

    >>> shapes((1000, 3000), 512)
    ((1000, 3000), (500, 1500), (250, 750), (125, 375))
    """
    levels = [shape]
    while max(levels[-1][-2:]) > tile:
        levels.append(halved(levels[-1]))
    return tuple(levels)
