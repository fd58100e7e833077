"""Which axis of an array is time, channel, depth, row or column: the letters t, c, z, y and x of OME-NGFF.

https://ngff.openmicroscopy.org/0.4/#axes-md
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

ORDER = "tczyx"
"""The order in which OME-NGFF wants axes."""
SPELLINGS = MappingProxyType(
    {
        "t": ("t", "time", "frame", "frames", "timepoint"),
        "c": ("c", "s", "channel", "channels", "sample", "samples", "band", "bands", "rgb", "rgba", "colour", "color", "wavelength"),
        "z": ("z", "depth", "plane", "slice", "layer"),
        "y": ("y", "row", "rows", "height", "lat", "latitude"),
        "x": ("x", "col", "column", "columns", "width", "lon", "longitude"),
    }
)
LETTERS = MappingProxyType({spelling: letter for letter, spellings in SPELLINGS.items() for spelling in spellings})
COLOURS = (3, 4)
"""Items of a pixel: red, green and blue, perhaps with opacity."""
FEW = 4
"""A leading axis of up to this many planes is read as channels, a longer one as depth."""
LEAST_PICTURE = 16
"""Rows and columns from which on an array with three or four items at the end is taken for a colour picture."""


def letters(shape: tuple[int, ...], names: Sequence[str | None] | None = None) -> str | None:
    """A letter for each axis, or None where the array is no image: fewer than two axes, more than five, or an empty one.

    Known names decide; what they leave open is filled from the last axis backwards with x and y, then z, c, t.

    >>> letters((5, 300, 200)), letters((3, 300, 200)), letters((300, 200, 3)), letters((9, 2, 30, 20), ("time", None, "lat", "lon"))
    ('zyx', 'cyx', 'yxc', 'tzyx')
    """
    if not 2 <= len(shape) <= len(ORDER) or 0 in shape:
        return None
    found = _known(names or (None,) * len(shape))
    missing = [letter for letter in "xy" if letter not in found]
    if found.count(None) < len(missing):
        found, missing = [None] * len(shape), ["x", "y"]
    if not any(found) and _is_picture(shape):
        found[-1] = "c"
    if len(shape) == 3 and found.count(None) > len(missing) and shape[0] <= FEW and found[0] is None:
        missing.append("c")
    spare = iter([*missing, *(letter for letter in "zct" if letter not in found and letter not in missing)])
    return "".join(letter or next(spare) for letter in reversed(found))[::-1]


def given(hint: str, ndim: int) -> str | None:
    """The letters of a hint like "tczyx", or None where they are no names for so many axes of an image."""
    is_good = len(hint) == ndim and len(set(hint)) == ndim and set(hint) <= set(ORDER) and {"y", "x"} <= set(hint)
    return hint if is_good else None


def sorted_letters(found: str) -> str:
    """The letters in the order of OME-NGFF.

    >>> sorted_letters("yxc")
    'cyx'
    """
    return "".join(sorted(found, key=ORDER.index))


def _known(names: Sequence[str | None]) -> list[str | None]:
    """The letters that names stand for, each given once."""
    found: list[str | None] = []
    for name in names:
        letter = LETTERS.get(name.lower()) if name else None
        found.append(None if letter in found else letter)
    return found


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[-1] in COLOURS and min(shape[:2]) >= LEAST_PICTURE
