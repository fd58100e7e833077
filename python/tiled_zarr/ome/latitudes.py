"""Maps with north up: we flip an image if the latitude of its rows ascends.

Pictures begin with the top row, but most climate models begin with the southernmost latitude. The
CF conventions put the latitudes of rows into a 1-d array with the name of the dimension, beside the
map. https://cfconventions.org/cf-conventions/cf-conventions.html#latitude-coordinate

Latitudes that descend, those of rotated poles, and those in two dimensions change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ..attributes import OURS
from ..caches.forgetful import Forgetful
from ..nodes import Array, Group
from .display import axes, hints
from .display.packing import packing

MOST_KNOWN = 1024
"""Coordinates of a group whose direction we remember, at most."""
UNITS = frozenset({"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"})
"""CF's spellings of the unit of latitudes, in lower case."""
NAMES = frozenset({"lat", "latitude"})
"""Names of latitudes, for coordinates with neither `standard_name` nor `units`."""
STANDARD_NAME = "latitude"


class Latitudes:
    """The coordinates of a group, and which of them are latitudes that ascend.

    As in netCDF, the arrays of a group may have coordinates of the groups above it (`above`), but
    not those of a folder, whose children are separate sources.
    """

    def __init__(self, group: Group, above: Latitudes | None = None) -> None:
        self._group = group
        self._above = above if above is not None and above.may_serve(group) else None
        self._known: Forgetful[str, tuple[Array, bool]] = Forgetful(MOST_KNOWN)

    def north_up(self, image: Array) -> Array:
        """The image with a hint to flip its rows if their latitude ascends; else itself.

        A hint of its own wins. Blocks only if looking up children of the group does.
        """
        found = rows(image)
        if found is None or not self.ascends(*found):
            return image
        ours = image.attributes.get(OURS)
        return replace(image, attributes={**image.attributes, OURS: {**(ours if isinstance(ours, Mapping) else {}), "flipped": ["y"]}})

    def ascends(self, name: str, size: int) -> bool:
        """True if the coordinate of a dimension is a latitude that ascends; read once.

        If it cannot be read, the answer is False: the map is shown as it is stored.
        """
        with suppress(Exception):
            node = self._group.children.get(name)
            if node is None and self._above is not None:
                return self._above.ascends(name, size)
            if not (isinstance(node, Array) and is_latitude(name, node) and node.shape == (size,) and self._may_read(node)):
                return False
            known = self._known.get(name)
            if known is None or known[0] is not node:
                known = self._known[name] = node, _ascends(node)
            return known[1]
        return False

    def may_serve(self, below: Group) -> bool:
        """True if a group below may use the coordinates, without looking them up in the event loop."""
        return self._group.kind != "folder" and (below.blocking or not self._group.blocking)

    def _may_read(self, node: Array) -> bool:
        """False in a group whose children are looked up in the event loop, if a read would block it."""
        return self._group.blocking or not node.blocking


def rows(image: Array) -> tuple[str, int] | None:
    """The name and the size of the dimension of rows (y) in an image that may be flipped, or None."""
    hint = hints.hint(image.attributes)
    ours = image.attributes.get(OURS)
    is_decided = isinstance(ours, Mapping) and "flipped" in ours
    if image.dimension_names is None or image.levels or is_decided:
        return None
    found = axes.given(hint.axes, len(image.shape)) or axes.letters(image.shape, image.dimension_names)
    name = image.dimension_names[found.index("y")] if found else None
    return (name, image.shape[found.index("y")]) if found and name else None


def is_latitude(name: str, node: Array) -> bool:
    """True if a 1-d array of numbers is a latitude: by its standard name, else its units, else its name."""
    if len(node.shape) != 1 or node.dtype.kind not in "iuf" or node.is_sparse:
        return False
    said, units = (_text(node.attributes.get(key)) for key in ("standard_name", "units"))
    if said:
        return said == STANDARD_NAME
    return units in UNITS if units else name.lower() in NAMES


def _ascends(node: Array) -> bool:
    """True if the last item of a 1-d array, unpacked, is greater than the first. Reads these two."""
    packed = packing(node, hints.hint(node.attributes))
    first, last = (float(np.asarray(node.read((slice(at, at + 1),)))[0]) for at in (0, node.shape[0] - 1))
    return first < last if packed is None else packed.number(first) < packed.number(last)


def _text(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""
