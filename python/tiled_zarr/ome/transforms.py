"""OME-NGFF coordinate transformations of stored levels: a scale and a translation for each level.

https://ngff.openmicroscopy.org/0.4/#trafo-md
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from .display.hints import is_number


class Placement(NamedTuple):
    """The pixel size and the position of the first pixel, a number an axis; empty if unknown."""

    scale: list[float]
    translation: list[float]


def placements(described: Mapping[str, Any]) -> list[Placement]:
    """The placement of each level of a multiscale image.

    A level's own transformations come first, then those of the whole multiscale image.
    """
    whole = _placement(described)
    levels = described.get("datasets")
    return [_after(_placement(level), whole) for level in levels if isinstance(level, Mapping)] if isinstance(levels, list | tuple) else []


def _placement(described: Mapping[str, Any]) -> Placement:
    """The placement that the `coordinateTransformations` of one object give."""
    return Placement(_values(described, "scale"), _values(described, "translation"))


def _values(described: Mapping[str, Any], kind: str) -> list[float]:
    """The numbers of the first transformation of type `kind`, or an empty list.

    We do not read transformations that are stored in an array of their own (`path`).
    """
    listed = described.get("coordinateTransformations")
    for one in listed if isinstance(listed, list | tuple) else ():
        values = one.get(kind) if isinstance(one, Mapping) and one.get("type") == kind else None
        if isinstance(values, list | tuple) and all(map(is_number, values)):
            return list(values)
    return []


def _after(level: Placement, whole: Placement) -> Placement:
    """The placement that results if `whole` is applied after `level`.

    >>> _after(Placement([2.0], [3.0]), Placement([0.5], [10.0]))
    Placement(scale=[1.0], translation=[11.5])
    """
    scale = [a * b for a, b in zip_longest(level.scale, whole.scale, fillvalue=1.0)]
    grown = [shift * size for shift, size in zip_longest(level.translation, whole.scale[: len(level.translation)], fillvalue=1.0)]
    return Placement(scale, [a + b for a, b in zip_longest(grown, whole.translation, fillvalue=0.0)])
