"""Images on other pairs of axes: the planes of a stack from the side, or a row over time.

No array is transposed: the letters of its axes change places, and the display view sorts axes by
letter. So y and x of the image are any two axes of the source, and the pyramid above it (tiles,
levels, bounds of what a tile reads) is made like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..attributes import OURS
from ..nodes import Array, Region, Revision
from .display import axes, hints, pictures


def turned(node: Array, plane: str) -> Array | None:
    """The array as an image whose rows and columns are the axes `plane`, such as "zx".

    Its revision says so, since it shares the cache of chunks. Stored levels are left out: they are
    smaller along y and x. None if the array is no image, has not both axes, or is a picture whose
    pixels are computed.
    """
    hint = hints.hint(node.attributes)
    found = axes.given(hint.axes, len(node.shape)) or axes.letters(node.shape, node.dimension_names)
    if found is None or not set(plane) <= set(found) or pictures.as_seen(node, hint) is not node:
        return None
    moved = letters(found, plane)
    return replace(
        node,
        levels=(),
        attributes={**node.attributes, OURS: {**_given(node.attributes), **_placed(hint, found, moved)}},
        revision=_revision(node.revision, plane),
    )


def letters(found: str, plane: str) -> dict[str, str]:
    """The letter in the image of each letter of the source.

    >>> letters("tzyx", "zx"), letters("zyx", "zy")
    ({'t': 't', 'z': 'y', 'y': 'z', 'x': 'x'}, {'z': 'y', 'y': 'x', 'x': 'z'})
    """
    free = iter(letter for letter in plane if letter not in "yx")
    fixed = dict(zip(plane, "yx", strict=True))
    return {letter: fixed.get(letter) or (next(free) if letter in "yx" else letter) for letter in found}


def _placed(hint: hints.Hint, found: str, moved: Mapping[str, str]) -> dict[str, Any]:
    """The hint of the axes by their letters in the image: names, sizes of pixels, units, position."""

    def by_letter(values: Mapping[str, Any]) -> dict[str, Any]:
        return {moved.get(letter, letter): value for letter, value in values.items()}

    first = hint.placements[0] if hint.placements else None
    sizes = (
        {"placements": [{name: by_letter(values) for name, values in first._asdict().items()}]}
        if first
        else {"scale": by_letter(hint.scale)}
    )
    return {
        "axes": "".join(moved[letter] for letter in found),
        "names": by_letter({letter: letter for letter in found}),
        "units": by_letter(hint.units),
        "flipped": [moved[letter] for letter in hint.flipped if letter in moved],
        **sizes,
    }


def _given(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    given = attributes.get(OURS)
    return given if isinstance(given, Mapping) else {}


def _revision(revision: Revision, plane: str) -> Revision:
    def marked(found: str | None) -> str | None:
        return None if found is None else f"{found}|plane {plane}"

    of = revision.of

    def marked_of(region: Region) -> str | None:
        assert of is not None
        return marked(of(region))

    return Revision(lambda: marked(revision.whole()), marked_of if of else None, revision.look)
