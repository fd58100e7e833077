"""The hint: what a node's attributes say about it as an image.

Under the key `tiled_zarr` we read:

- `axes`: one letter of "tczyx" for each axis; `scale` and `units`: by letter
- `names`: the name of an axis by letter, if another axis than that of its letter is there
- `channels`: objects with `label`, `color` and `window`
- `is_label`: true for a label image; `image_label`: OME-NGFF's metadata of labels
- `labels`: the names of siblings that label this image
- `range`: the least and the largest value
- `no_data`: a number, or a list of numbers, that mean "no value here"; an empty list says that
  there are none
- `placements`: for each stored level an object with its `scale` and `translation` by letter
- `flipped`: the letters of the axes (of "zyx") that the display view reads backwards
- `photometric`, `palette`, `bits` and `orientation`: what a picture's numbers mean, in TIFF's words

We also read OME-NGFF's own `omero`, CF's `valid_range` and `units`, and the `physical_size`,
`time_step`, `channel_names` and `channel_colors` of TIFF files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile, zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple

from ...attributes import OURS
from .axes import ORDER, SPACE

COLOUR_DIGITS = 6
"""Hexadecimal digits of a colour: two each for red, green and blue."""
LARGEST = 2**1023
"""The largest integer we accept: JSON allows integers that no float can hold."""
LARGEST_BYTE = 255
LONGEST_UNIT = 64
"""Characters of a unit; we ignore longer ones."""
MOST_LABELS = 1000
"""Labels of one image; we ignore the others."""
UNITS = MappingProxyType({"µm": "micrometer", "nm": "nanometer", "mm": "millimeter"})
"""OME-NGFF's names for the abbreviations in TIFF files."""


class Placement(NamedTuple):
    """The size of a level's pixels and the position of its first pixel, by letter."""

    scale: Mapping[str, float]
    translation: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What the attributes say; an empty value or None means that they do not say it.

    `scale` is the size of a pixel along each axis, in `units`, both by letter. `value_unit` is the
    unit of the values.
    """

    axes: str = ""
    scale: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[Mapping[str, Any], ...] = ()
    labels: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    no_data: tuple[float, ...] | None = None
    is_label: bool = False
    placements: tuple[Placement, ...] = ()
    image_label: Mapping[str, Any] = field(default_factory=dict)
    photometric: str = ""
    palette: tuple[tuple[int, ...], ...] = ()
    bits: int | None = None
    orientation: int | None = None
    value_unit: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    flipped: tuple[str, ...] = ()


def hint(attributes: Mapping[str, Any]) -> Hint:
    """The hint in a node's attributes. A value of a wrong type or form is ignored."""
    ours = _mapping(attributes.get(OURS))
    sizes, step = _mapping(attributes.get("physical_size")), _mapping(attributes.get("time_step"))
    given = _sizes(ours.get("scale"))
    placements = () if given else _placements(ours.get("placements"))
    said = {**sizes, "t": step.get("size")}
    units = _mapping(ours.get("units")) or {**dict.fromkeys(sizes, UNITS.get(_text(sizes.get("unit")))), "t": step.get("unit")}
    names, colours = _sequence(attributes.get("channel_names")), _sequence(attributes.get("channel_colors"))
    named = tuple({"label": name, "color": color} for name, color in zip_longest(names, colours))
    return Hint(
        axes=_text(ours.get("axes")),
        scale=given or (placements[0].scale if placements else _sizes(said)),
        units={axis: unit for axis, unit in units.items() if axis in ORDER and isinstance(unit, str) and len(unit) <= LONGEST_UNIT},
        channels=_mappings(ours.get("channels")) or _mappings(_mapping(attributes.get("omero")).get("channels")) or named,
        labels=tuple(dict.fromkeys(name for name in _sequence(ours.get("labels")) if isinstance(name, str)))[:MOST_LABELS],
        range=_range(ours.get("range")) or _range(attributes.get("valid_range")),
        no_data=numbers(ours["no_data"]) if "no_data" in ours else None,
        is_label=ours.get("is_label") is True or "image-label" in attributes,
        placements=placements,
        image_label=_mapping(ours.get("image_label")),
        photometric=_text(ours.get("photometric")),
        palette=_palette(ours.get("palette")),
        bits=_count(ours.get("bits")),
        orientation=_count(ours.get("orientation")),
        value_unit=_text(attributes.get("units"))[:LONGEST_UNIT],
        names={axis: name for axis, name in _mapping(ours.get("names")).items() if name in ORDER},
        flipped=tuple(letter for letter in SPACE if letter in _sequence(ours.get("flipped"))),
    )


def colour(channel: Mapping[str, Any]) -> str | None:
    """A channel's colour as six hexadecimal digits, or None."""
    text = _text(channel.get("color")).removeprefix("#").upper()
    return text if len(text) == COLOUR_DIGITS and set(text) <= set("0123456789ABCDEF") else None


def label(channel: Mapping[str, Any]) -> str:
    """A channel's label, or "" if it has none."""
    return str(channel.get("label") or "")


def window(channel: Mapping[str, Any]) -> tuple[float, float] | None:
    """A channel's contrast limits (start, end), or None."""
    given = channel.get("window")
    if isinstance(given, Mapping):
        return _range([given.get("start"), given.get("end")])
    return _range(given)


def is_number(value: object) -> bool:
    """True for an int or a float, but no bool, whose value is finite and fits in a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= LARGEST if isinstance(value, int) else math.isfinite(value)


def numbers(value: object) -> tuple[float, ...]:
    """The numbers in a list, or a single number as a tuple of one; all else is left out."""
    return tuple(item for item in (_sequence(value) or (value,)) if isinstance(item, int | float) and is_number(item))


def _palette(value: object) -> tuple[tuple[int, ...], ...]:
    """Colours of three bytes each, or of four each; empty if any of them is something else."""
    rows = tuple(tuple(_sequence(row)) for row in _sequence(value))
    lengths = {len(row) for row in rows}
    is_good = lengths in ({3}, {4}) and all(isinstance(part, int) and 0 <= part <= LARGEST_BYTE for row in rows for part in row)
    return rows if is_good else ()


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _placements(value: object) -> tuple[Placement, ...]:
    """The placements of the levels, up to the first one without a pixel size."""
    found = (Placement(_sizes(one.get("scale")), _numbers(one.get("translation"))) for one in _mappings(value))
    return tuple(takewhile(lambda one: one.scale, found))


def _sizes(value: object) -> dict[str, float]:
    return {axis: size for axis, size in _numbers(value).items() if size > 0}


def _numbers(value: object) -> dict[str, float]:
    return {axis: float(number) for axis, number in _mapping(value).items() if axis in ORDER and is_number(number)}


def _range(value: object) -> tuple[float, float] | None:
    match _sequence(value):
        case [low, high] if is_number(low) and is_number(high) and low < high:
            return (low, high)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> tuple[Mapping[str, Any], ...]:
    return tuple(map(_mapping, _sequence(value)))


def _sequence(value: object) -> Sequence[Any]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    return value if isinstance(value, list | tuple) else ()
