"""Where the pixels of stored levels lie: OME-NGFF's coordinate transformations, as a scale and a translation a level.

https://ngff.openmicroscopy.org/0.4/#trafo-md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from .hints import is_number


class Placement(TypedDict):
    """The size of a pixel and the place of the first one, by axis; empty lists where nothing is said."""

    scale: list[float]
    translation: list[float]


def placements(described: Mapping[str, Any]) -> list[Placement]:
    """Those of the levels of a multiscale image, its transformations for all levels applied after a level's own."""
    whole = _placement(described)
    levels = described.get("datasets")
    return [_after(_placement(level), whole) for level in levels if isinstance(level, Mapping)] if isinstance(levels, list | tuple) else []


def _placement(described: Mapping[str, Any]) -> Placement:
    """What the first scale and the first translation say; those in files of their own (`path`) are not looked at."""
    found = Placement(scale=[], translation=[])
    listed = described.get("coordinateTransformations")
    for one in listed if isinstance(listed, list | tuple) else ():
        for field in ("scale", "translation"):
            values = one.get(field) if isinstance(one, Mapping) and one.get("type") == field else None
            if isinstance(values, list | tuple) and all(map(is_number, values)) and not found[field]:
                found[field] = list(values)
    return found


def _after(level: Placement, whole: Placement) -> Placement:
    """A level's placement, and then that of the whole image.

    >>> _after({"scale": [2.0], "translation": [3.0]}, {"scale": [0.5], "translation": [10.0]})
    {'scale': [1.0], 'translation': [11.5]}
    """
    axes = max(len(values) for one in (level, whole) for values in one.values())
    scales, shifts = ([[*one[field], *[default] * (axes - len(one[field]))] for one in (level, whole)] for field, default in FIELDS)
    has_shift = bool(level["translation"] or whole["translation"])
    return Placement(
        scale=[a * b for a, b in zip(*scales, strict=True)],
        translation=[a * b + c for a, b, c in zip(shifts[0], scales[1], shifts[1], strict=True)] if has_shift else [],
    )


FIELDS = (("scale", 1.0), ("translation", 0.0))
