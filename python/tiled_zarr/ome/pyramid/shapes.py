"""The shapes of a pyramid: level 0 is the image, every further level half as high and wide, rounded up, down to one tile."""

from __future__ import annotations

TILE = 512
"""Edge of a tile in pixels."""
OWN_TILES = (256, 512, 1024)
"""Square chunks of a source that are kept as tiles."""

Shape = tuple[int, ...]


def tile_edge(shape: Shape, chunks: Shape | None) -> int:
    """The edge of tiles of an image whose last axes are y and x: the source's own where it will do, and no larger than a small image needs.

    >>> tile_edge((10000, 10000), None), tile_edge((10000, 10000), (256, 256)), tile_edge((50, 70), (50, 70))
    (512, 256, 128)
    """
    is_own = chunks is not None and chunks[-1] == chunks[-2] and chunks[-1] in OWN_TILES
    edge = chunks[-1] if chunks is not None and is_own else TILE
    longest = max(shape[-2:])
    return min(edge, 1 << (longest - 1).bit_length())


def halved(shape: Shape) -> Shape:
    """The next level's shape.

    >>> halved((3, 100, 75))
    (3, 50, 38)
    """
    return (*shape[:-2], -(-shape[-2] // 2), -(-shape[-1] // 2))


def is_half(shape: Shape, above: Shape) -> bool:
    """Whether a level may follow another; some writers round sizes down.

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
