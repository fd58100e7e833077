"""Pictures as they are meant to be seen: palettes looked up, inks and negatives turned into light, photographs turned upright.

A picture's attributes say what its numbers mean, in the names of TIFF: `photometric`, `palette`, `bits` and `orientation` under our key.
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
from .hints import Hint

Block: TypeAlias = np.ndarray[Any, Any]
Steps: TypeAlias = tuple[int, ...]

INKS = 4
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
"""By orientation: whether rows become columns, and which axes of what comes of it, y and x, are then reversed."""


def as_seen(node: Array, hint: Hint, letters: str | None = None) -> Array:
    """The picture of an array, or the array where it is to be seen as it stands; `letters` are those of the picture's axes, if known.

    Labels keep their numbers, which are names.
    """
    if node.is_sparse or hint.is_label or not (hint.photometric or hint.orientation in TURNS):
        return node
    found = letters or axes.given(hint.axes, len(node.shape)) or axes.letters(node.shape, node.dimension_names)
    if found is None:
        return node
    return _turned(_lit(node, hint, found), hint.orientation, found)


def _lit(node: Array, hint: Hint, letters: str) -> Array:
    """The picture in light instead of numbers, inks or negatives."""
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
    """White less the number."""
    if dtype.kind == "b":
        return np.logical_not
    white = dtype.type((1 << min(bits or 64, 8 * dtype.itemsize)) - 1)
    return lambda block: white - block


def _looked_up(node: Array, palette: Block) -> Array:
    """Colours in place of numbers, along an axis after the others; a number beyond the palette is black."""
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
    """Light in place of cyan, magenta, yellow and black, of which more is darker."""
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
    """What each ink leaves of the light, times what black leaves: as Pillow converts CMYK to RGB, to the last bit.

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
    """The picture upright, where it was stored turned or mirrored."""
    if orientation not in TURNS:
        return node
    is_crossed, *reversals = TURNS[orientation]
    y, x = letters.index("y"), letters.index("x")
    source, stepped = node.dense, node.dense.read_stepped
    shape = _crossed(node.shape, y, x) if is_crossed else node.shape
    reversed_axes = [axis for axis, is_reversed in zip((y, x), reversals, strict=True) if is_reversed]

    def own(region: Region, steps: Steps) -> tuple[Region, Steps]:
        """The part of the stored picture that a part of the upright one is."""
        parts = list(region)
        for axis in reversed_axes:
            first, step = region[axis].start, steps[axis]
            last = first + (max(region[axis].stop - first, 1) - 1) // step * step
            parts[axis] = slice(shape[axis] - 1 - last, shape[axis] - first)
            if region[axis].stop == first:
                parts[axis] = slice(0, 0)
        return (_crossed(tuple(parts), y, x), _crossed(steps, y, x)) if is_crossed else (tuple(parts), steps)

    def upright(block: Block) -> Block:
        return np.asarray(np.flip(block.swapaxes(y, x) if is_crossed else block, tuple(reversed_axes)))

    def read_stepped(region: Region, steps: Steps) -> Block:
        assert stepped is not None
        return upright(np.asarray(stepped(*own(region, steps))))

    return replace(
        node,
        shape=shape,
        source=replace(
            source,
            read=lambda region: upright(np.asarray(source.read(own(region, (1,) * len(region))[0]))),
            read_stepped=None if stepped is None else read_stepped,
            stored=None,
            unit=None if source.unit is None else _crossed(source.unit, y, x) if is_crossed else source.unit,
        ),
        chunks=None if node.chunks is None else _crossed(node.chunks, y, x) if is_crossed else node.chunks,
    )


def _crossed(values: tuple[Any, ...], y: int, x: int) -> tuple[Any, ...]:
    """Values of axes, those of y and x exchanged."""
    found = list(values)
    found[y], found[x] = values[x], values[y]
    return tuple(found)
