"""The attributes of an OME-NGFF image, in versions 0.4 and 0.5.

https://ngff.openmicroscopy.org/0.4/, https://ngff.openmicroscopy.org/0.5/
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from .display import hints
from .display.display import Display
from .display.windows import Window
from .pyramid.levels import Pyramid
from .pyramid.nodata import NOTHING, NoData

Version: TypeAlias = Literal["0.4", "0.5"]

TYPES = MappingProxyType({"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"})
WHITE = "FFFFFF"
PALETTE = ("FF00FF", "00FF00", "00FFFF", "FFFF00", "FF0000", "0000FF")
COLOURS = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"), ("opacity", WHITE))
MOST_CHANNELS = 2048
"""Of more channels none is described: 300 bytes each, twice in version 0.5, and viewers want all or none."""
LONGEST_LABEL = 128
NAN = "NaN"
"""JSON has no other way to say it; Zarr v2 and v3 spell it so too."""
MOST_ACTIVE = 6
"""Viewers draw at most so many channels over each other."""


class Channels(NamedTuple):
    """How to show an image, as found at a revision of its pixels: its channels and marks; without `omero`, `missing` says why."""

    revision: str | None
    omero: dict[str, Any] | None
    missing: str | None = None
    no_data: NoData = NOTHING


def image(version: Version, name: str, pyramid: Pyramid, channels: Channels) -> dict[str, Any]:
    """The attributes of a multiscale group; without `omero`, for the reason in `missing`, viewers find contrast limits themselves.

    Version 0.5 says twice how to show the channels, because neuroglancer reads only the top level.
    """
    multiscale = {
        "name": name,
        "axes": _axes(pyramid.display),
        "datasets": [_dataset(pyramid, level) for level in pyramid.shown],
        "type": pyramid.display.rule,
        "metadata": {
            "sampled": pyramid.sampled(),
            **_values(pyramid.display, channels.no_data),
            **({} if channels.missing is None else {"unavailable": {"omero": channels.missing}}),
        },
    }
    named: dict[str, Any] = (
        {"image-label": {**pyramid.display.hint.image_label, "version": version}} if pyramid.display.hint.image_label else {}
    )
    omero = channels.omero
    if version == "0.4":
        named |= {} if omero is None else {"omero": {"version": version, **omero}}
        return {"multiscales": [{"version": version, **multiscale}], **named}
    shown: dict[str, Any] = {} if omero is None else {"omero": omero}
    return {"ome": {"version": version, "multiscales": [multiscale], **shown, **named}, **shown}


def labels(version: Version, names: Sequence[str]) -> dict[str, Any]:
    """The attributes of the group of an image's labels; version 0.5 says it twice, because vizarr reads only the top level."""
    listed = {"labels": list(names)}
    return listed if version == "0.4" else {**listed, "ome": {"version": version, **listed}}


def omero(name: str, display: Display, windows: Sequence[Window], default: tuple[int, ...]) -> dict[str, Any]:
    """How to show each channel, and which plane first."""
    count = display.channels
    defaults = dict(zip(display.axes, default, strict=False))
    return {
        "name": name,
        "channels": [_channel(display, number, windows[number]) for number in range(count)],
        "rdefs": {
            "defaultT": defaults.get("t", 0),
            "defaultZ": defaults.get("z", 0),
            "model": "greyscale" if count == 1 else "color",
        },
    }


def _values(display: Display, no_data: NoData) -> dict[str, Any]:
    """What has become of the source's values: `no_data` stands here for its `marks`, and its items have been scaled."""
    packing = display.packing
    marks = packing.marks if packing and packing.marks else no_data.marks
    value = NAN if packing and packing.marks else no_data.value
    said: dict[str, Any] = {}
    if marks:
        said = {"no_data": NAN if value != value else value, "marks": [mark.item() for mark in marks]}  # noqa: PLR0124 - only NaN differs
    if packing and packing.is_scaled:
        said |= {"scale_factor": packing.scale, "add_offset": packing.offset}
    return said


def _axes(display: Display) -> list[dict[str, str]]:
    axes = []
    for letter in display.axes:
        unit = display.hint.units.get(letter)
        axes.append({"name": letter, "type": TYPES[letter], **({"unit": unit} if unit else {})})
    return axes


def _dataset(pyramid: Pyramid, level: int) -> dict[str, Any]:
    """A level: where a stored one says that it lies; the pixels of others are larger by powers of two, and their centres lie further in."""
    letters, hint = pyramid.display.axes, pyramid.display.hint
    if level <= pyramid.base.number and level < len(hint.placements):
        sizes, shifts = hint.placements[level]
        factor = dict[str, int]()
    else:
        sizes, shifts = hint.scale, hint.placements[0].translation if hint.placements else {}
        factor = {"y": 1 << level, "x": 1 << level}
    scale = [sizes.get(letter, 1.0) * factor.get(letter, 1) for letter in letters]
    translation = [shifts.get(letter, 0) + sizes.get(letter, 1.0) * (factor.get(letter, 1) - 1) / 2 for letter in letters]
    return {
        "path": str(level),
        "coordinateTransformations": [{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}],
    }


def _channel(display: Display, number: int, window: Window) -> dict[str, Any]:
    known = display.hint.channels[number] if number < len(display.hint.channels) else {}
    label, colour, is_active = _usual(display, number)
    start, end = hints.window(known) or (window.start, window.end)
    return {
        "label": str(known.get("label") or label)[:LONGEST_LABEL],
        "color": hints.colour(known) or colour,
        "active": known.get("active", is_active) is True,
        "coefficient": 1.0,
        "family": "linear",
        "inverted": False,
        "window": {"min": min(window.least, start), "max": max(window.largest, end), "start": start, "end": end},
    }


def _usual(display: Display, number: int) -> tuple[str, str, bool]:
    """Label, colour and activity of a channel of which nothing else is known."""
    count = display.channels
    if display.is_colour:
        return (*COLOURS[number], number < 3)
    if display.is_complex:
        return "magnitude" if number < count // 2 else "phase", WHITE, number == 0
    if count == 1:
        return "intensity", WHITE, True
    if count > MOST_ACTIVE:
        return f"channel {number}", PALETTE[number % len(PALETTE)] if number else WHITE, number == 0
    return f"channel {number}", PALETTE[number % len(PALETTE)], True
