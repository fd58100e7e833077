"""Pictures as their authors mean them to look: in colours of light, and upright.

We look up palettes, convert inks (CMYK) and negatives to light, and rotate or mirror photographs. A
picture's attributes under our key `tiled_zarr` say what its numbers mean, by TIFF's names:
`photometric`, `palette`, `bits` and `orientation`.
https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf, pages 36 to 37
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from ...nodes import Array, Region
from . import axes
from .flips import mirrored
from .hints import Hint

Block: TypeAlias = np.ndarray[Any, Any]
Steps: TypeAlias = tuple[int, ...]

INKS = 4
"""Channels of a CMYK picture: cyan, magenta, yellow and black."""
TURNS: Mapping[int | None, tuple[bool, bool, bool]] = MappingProxyType(
    {
        2: (False, False, True),
        3: (False, True, True),
        4: (False, True, False),
        5: (True, False, False),
        6: (True, False, True),
        7: (True, True, True),
        8: (True, True, False),
    }
)
"""By TIFF orientation: first whether to exchange rows and columns, then whether to reverse y and x.

The reversals apply to the axes after the exchange. Orientation 1 is upright and so not listed.
"""


def as_seen(node: Array, hint: Hint, letters: str | None = None) -> Array:
    """The array as a picture, or the array itself if nothing is to be converted.

    `letters` are those of the picture's axes; if None, the hint, the names and the shape decide.
    Labels keep their numbers, because these are names.
    """
    if node.is_sparse or hint.is_label or not (hint.photometric or hint.orientation in TURNS):
        return node
    found = letters or axes.given(hint.axes, len(node.shape)) or axes.letters(node.shape, node.dimension_names)
    if found is None:
        return node
    return _turned(_lit(node, hint, found), hint.orientation, found)


def _lit(node: Array, hint: Hint, letters: str) -> Array:
    """The picture with palette numbers, inks or a negative converted to light."""
    match hint.photometric:
        case "palette" if hint.palette and node.dtype.kind in "bu":
            return _looked_up(node, np.array(hint.palette, "u1"))
        case "miniswhite" if node.dtype.kind in "bu":
            return _computed(node, _negative(node.dtype, hint.bits))
        case "separated" if node.dtype.kind == "u" and "c" in letters and node.shape[letters.index("c")] == INKS:
            return _printed(node, letters.index("c"))
    return node


def _computed(node: Array, convert: Callable[[Block], Block]) -> Array:
    """The node with each block converted."""
    source, stepped = node.dense, node.dense.read_stepped
    return replace(
        node,
        source=replace(
            source,
            read=lambda region: convert(np.asarray(source.read(region))),
            read_stepped=None if stepped is None else lambda region, steps: convert(np.asarray(stepped(region, steps))),
            blocking=True,
        ),
    )


def _negative(dtype: np.dtype[Any], bits: int | None) -> Callable[[Block], Block]:
    """A function that maps each number to white minus the number.

    White is the largest number of `bits` bits, or of the type if `bits` is None or larger.
    """
    if dtype.kind == "b":
        return np.logical_not
    white = dtype.type((1 << min(bits or 64, 8 * dtype.itemsize)) - 1)
    return lambda block: white - block


def _looked_up(node: Array, palette: Block) -> Array:
    """Colours in place of palette numbers, on a new last axis.

    A number beyond the palette is black.
    """
    colours = np.concatenate([palette, np.zeros((1, palette.shape[1]), "u1")])
    source, stepped = node.dense, node.dense.read_stepped

    def looked_up(block: Block, region: Region, step: int = 1) -> Block:
        last = region[-1]
        return colours[:, last.start : last.stop : step].take(block.astype("i8"), axis=0, mode="clip")

    return replace(
        node,
        shape=(*node.shape, palette.shape[1]),
        dtype=colours.dtype,
        source=replace(
            source,
            read=lambda region: looked_up(np.asarray(source.read(region[:-1])), region),
            read_stepped=None
            if stepped is None
            else lambda region, steps: looked_up(np.asarray(stepped(region[:-1], steps[:-1])), region, steps[-1]),
            stored=None,
            blocking=True,
            unit=None if source.unit is None else (*source.unit, palette.shape[1]),
        ),
        chunks=None if node.chunks is None else (*node.chunks, palette.shape[1]),
        dimension_names=(*(node.dimension_names or (None,) * len(node.shape)), "c"),
    )


def _printed(node: Array, axis: int) -> Array:
    """Red, green and blue in place of cyan, magenta, yellow and black. More ink is darker."""
    source, stepped = node.dense, node.dense.read_stepped

    def inks(region: Region) -> Region:
        return (*region[:axis], slice(0, INKS), *region[axis + 1 :])

    def light(block: Block, part: slice, step: int = 1) -> Block:
        return _light(block, axis)[(slice(None),) * axis + (slice(part.start, part.stop, step),)]

    def read_stepped(region: Region, steps: Steps) -> Block:
        assert stepped is not None
        return light(np.asarray(stepped(inks(region), (*steps[:axis], 1, *steps[axis + 1 :]))), region[axis], steps[axis])

    return replace(
        node,
        shape=(*node.shape[:axis], INKS - 1, *node.shape[axis + 1 :]),
        source=replace(
            source,
            read=lambda region: light(np.asarray(source.read(inks(region))), region[axis]),
            read_stepped=None if stepped is None else read_stepped,
            stored=None,
            blocking=True,
        ),
    )


def _light(block: Block, axis: int) -> Block:
    """CMYK as RGB: the light that each ink leaves, times the light that black leaves.

    Equal to Pillow's conversion of CMYK to RGB to the last bit.

    >>> _light(np.array([[0, 255, 100, 55]], "u1"), 1)
    array([[200,   0, 122]], dtype=uint8)
    """
    white = int(np.iinfo(block.dtype).max)
    left = white - block.astype("i8")
    colours, black = np.split(left, [INKS - 1], axis)
    product = (white - colours) * black
    taken = product + (white + 1) // 2
    bits = 8 * block.dtype.itemsize
    return np.asarray((black - ((taken >> bits) + taken >> bits)).clip(0, white).astype(block.dtype))


def _turned(node: Array, orientation: int | None, letters: str) -> Array:
    """The picture turned upright, if `orientation` says that it is stored rotated or mirrored."""
    if orientation not in TURNS:
        return node
    is_crossed, *reversals = TURNS[orientation]
    y, x = letters.index("y"), letters.index("x")
    reversed_axes = tuple(axis for axis, is_reversed in zip((y, x), reversals, strict=True) if is_reversed)
    return mirrored(_exchanged(node, y, x) if is_crossed else node, reversed_axes)


def _exchanged(node: Array, y: int, x: int) -> Array:
    """The picture with its rows as columns."""
    source, stepped = node.dense, node.dense.read_stepped

    def read_stepped(region: Region, steps: Steps) -> Block:
        assert stepped is not None
        return np.asarray(stepped(_crossed(region, y, x), _crossed(steps, y, x))).swapaxes(y, x)

    return replace(
        node,
        shape=_crossed(node.shape, y, x),
        source=replace(
            source,
            read=lambda region: np.asarray(source.read(_crossed(region, y, x))).swapaxes(y, x),
            read_stepped=None if stepped is None else read_stepped,
            stored=None,
            unit=None if source.unit is None else _crossed(source.unit, y, x),
        ),
        chunks=None if node.chunks is None else _crossed(node.chunks, y, x),
    )


def _crossed(values: tuple[Any, ...], y: int, x: int) -> tuple[Any, ...]:
    """One value for each axis, with those of y and x exchanged."""
    found = list(values)
    found[y], found[x] = values[x], values[y]
    return tuple(found)
