"""Where the pixels of stored levels lie: OME-NGFF's coordinate transformations, as a scale and a translation a level.

https://ngff.openmicroscopy.org/0.4/#trafo-md
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from .display.hints import is_number


class Placement(NamedTuple):
    """The size of a pixel and the place of the first one, by axis; empty where nothing is said."""

    scale: list[float]
    translation: list[float]


def placements(described: Mapping[str, Any]) -> list[Placement]:
    """Those of the levels of a multiscale image, its transformations for all levels applied after a level's own."""
    whole = _placement(described)
    levels = described.get("datasets")
    return [_after(_placement(level), whole) for level in levels if isinstance(level, Mapping)] if isinstance(levels, list | tuple) else []


def _placement(described: Mapping[str, Any]) -> Placement:
    return Placement(_values(described, "scale"), _values(described, "translation"))


def _values(described: Mapping[str, Any], kind: str) -> list[float]:
    """What the first transformation of a kind says; those in arrays of their own (`path`) are not looked at."""
    listed = described.get("coordinateTransformations")
    for one in listed if isinstance(listed, list | tuple) else ():
        values = one.get(kind) if isinstance(one, Mapping) and one.get("type") == kind else None
        if isinstance(values, list | tuple) and all(map(is_number, values)):
            return list(values)
    return []


def _after(level: Placement, whole: Placement) -> Placement:
    """A level's placement, and then that of the whole image.

    >>> _after(Placement([2.0], [3.0]), Placement([0.5], [10.0]))
    Placement(scale=[1.0], translation=[11.5])
    """
    scale = [a * b for a, b in zip_longest(level.scale, whole.scale, fillvalue=1.0)]
    grown = [shift * size for shift, size in zip_longest(level.translation, whole.scale[: len(level.translation)], fillvalue=1.0)]
    return Placement(scale, [a + b for a, b in zip_longest(grown, whole.translation, fillvalue=0.0)])
