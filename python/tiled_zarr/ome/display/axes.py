"""Which axis of an array is which: the letters t, c, z, y and x of OME-NGFF.

They stand for time, channel, depth, row and column.
https://ngff.openmicroscopy.org/0.4/#axes-md
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

ORDER = "tczyx"
"""The order that OME-NGFF requires of axes."""
SPACE = "zyx"
"""The axes of space."""
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
"""Lengths of a colour axis: red, green and blue, with or without opacity."""
COLOUR_NAMES = frozenset({"rgb", "rgba", "s"})
"""Names of an axis of colours; the other names of channels say nothing of what is in them."""
FEW = 4
"""Planes: we take a leading axis of up to this length for channels, a longer one for depth."""
LEAST_PICTURE = 16
"""Rows and columns: with at least this many of both, we take a last axis of 3 or 4 for colours."""


def letters(shape: tuple[int, ...], names: Sequence[str | None] | None = None) -> str | None:
    """A letter for each axis, or None if the array is no image.

    An image has two to five axes, none of them empty. Dimension names that we know decide. The
    other axes get the remaining letters from the last axis backwards: first x and y, then z, c, t.

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
    """The letters of a hint like "tczyx", or None if they do not fit.

    They fit if there are `ndim` different ones of t, c, z, y and x, with y and x among them.
    """
    is_good = len(hint) == ndim and len(set(hint)) == ndim and set(hint) <= set(ORDER) and {"y", "x"} <= set(hint)
    return hint if is_good else None


def sorted_letters(found: str) -> str:
    """The letters in the order that OME-NGFF requires.

    >>> sorted_letters("yxc")
    'cyx'
    """
    return "".join(sorted(found, key=ORDER.index))


def _known(names: Sequence[str | None]) -> list[str | None]:
    """The letter of each name that we know, else None; each letter is given only once."""
    found: list[str | None] = []
    for name in names:
        letter = LETTERS.get(name.lower()) if name else None
        found.append(None if letter in found else letter)
    return found


def _is_picture(shape: tuple[int, ...]) -> bool:
    """True if an array without any names looks like a colour picture: (rows, columns, 3 or 4)."""
    return len(shape) == 3 and shape[-1] in COLOURS and min(shape[:2]) >= LEAST_PICTURE
