"""The attributes of an OME-NGFF image, in versions 0.4 and 0.5.

https://ngff.openmicroscopy.org/0.4/, https://ngff.openmicroscopy.org/0.5/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from .display import colours, hints
from .display.display import Display
from .display.windows import Window
from .pyramid.levels import Pyramid
from .pyramid.nodata import NOTHING, NoData
from .pyramid.shapes import Shape

Version: TypeAlias = Literal["0.4", "0.5"]

TYPES = MappingProxyType({"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"})
PALETTE = ("FF00FF", "00FF00", "00FFFF", "FFFF00", "FF0000", "0000FF")
COLOURS = (*colours.RGB, ("opacity", colours.WHITE))
MOST_CHANNELS = 2048
"""An image with more channels gets no `omero`: viewers want all channels or none.

Each channel takes 300 bytes, and version 0.5 lists it twice.
"""
LONGEST_LABEL = 128
"""Characters of a channel's label; we cut longer ones."""
NAN = "NaN"
"""The string for a NaN, which JSON numbers cannot hold; Zarr v2 and v3 spell it the same way."""
MARKED = "marked-"
"""What the names of levels in which marks are left begin with; no listing has them."""
MOST_EXACT = 2**53
"""Beyond it, the floats that JavaScript makes of JSON numbers leave out integers."""
MOST_ACTIVE = 6
"""Viewers draw at most this many channels on top of each other; with more, only the first is on."""


class Channels(NamedTuple):
    """How to show an image, found at one revision of its pixels: its channels and its marks.

    If `omero` is None and there is a reason for it, `missing` says which. `no_data` holds the
    marks, the pixel values that mean "no value here", `marked` the names of the levels in which a
    mark is left.
    """

    revision: str | None
    omero: dict[str, Any] | None
    missing: str | None = None
    no_data: NoData = NOTHING
    marked: Sequence[str] = ()


def image(version: Version, name: str, pyramid: Pyramid, channels: Channels) -> dict[str, Any]:
    """The attributes of a multiscale group.

    If `channels` has no `omero`, viewers find contrast limits themselves; the reason in `missing`
    goes into the metadata. Version 0.5 writes `omero` twice, because neuroglancer reads only the
    top level.
    """
    multiscale = {
        "name": name,
        "axes": _axes(pyramid.display),
        "datasets": [_dataset(pyramid, level) for level in pyramid.shown],
        "type": pyramid.display.rule,
        "metadata": {
            "sampled": pyramid.sampled(),
            **_values(pyramid.display, channels.no_data),
            **_marked(channels),
            **_backwards(pyramid.display),
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


def marked(pyramid: Pyramid) -> list[str]:
    """The names of the levels in which marks are left, empty if there are none.

    In unsigned levels marks become zeros, as dark as viewers draw them, but counts may be zeros too.
    """
    is_unsigned = pyramid.display.sentinels and pyramid.display.array.dtype.kind == "u"
    is_baked = any(pyramid.baked(level) is not None for level in pyramid.shown)
    return [f"{MARKED}{level}" for level in pyramid.shown] if is_unsigned and not is_baked else []


def labels(version: Version, names: Sequence[str]) -> dict[str, Any]:
    """The attributes of the group that holds an image's labels.

    Version 0.5 lists the names twice, because vizarr reads only the top level.
    """
    listed = {"labels": list(names)}
    return listed if version == "0.4" else {**listed, "ome": {"version": version, **listed}}


def omero(name: str, display: Display, windows: Sequence[Window], default: tuple[int, ...]) -> dict[str, Any]:
    """The `omero` object: how to show each channel, and which plane to show first.

    `windows` has one window for each channel, and `default` one index for each axis before y and x.
    """
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
    """The metadata that tells the unit of the values, and how they differ from the source's.

    `no_data` is the value we serve in place of the source's `marks`. `scale_factor` and
    `add_offset` are the CF scale and offset that we have already applied.
    """
    packing = display.packing
    marks = packing.marks if packing and packing.marks else no_data.marks
    value = NAN if packing and packing.marks else no_data.value
    said: dict[str, Any] = {}
    if marks:
        said = {"no_data": NAN if value != value else value, "marks": [_exact(mark.item()) for mark in marks]}  # noqa: PLR0124 - only NaN differs
    if packing and packing.is_scaled:
        said |= {"scale_factor": packing.scale, "add_offset": packing.offset}
    if display.hint.value_unit:
        said["units"] = display.hint.value_unit
    return said


def _exact(mark: float) -> float | str:
    """A mark that JavaScript reads exactly: as text if it is an integer beyond 2^53."""
    return str(mark) if isinstance(mark, int) and abs(mark) > MOST_EXACT else mark


def _marked(channels: Channels) -> dict[str, Any]:
    """The metadata that tells where the levels with marks are, and the number that is the mark there."""
    if not (channels.marked and channels.no_data.marks):
        return {}
    return {"marked": {"paths": list(channels.marked), "no_data": channels.no_data.marks[0].item()}}


def _backwards(display: Display) -> dict[str, Any]:
    """The metadata that names the axes along which the view reads the source backwards."""
    flipped = [display.hint.names.get(letter, letter) for letter in display.axes if letter in display.hint.flipped]
    return {"flipped": flipped} if flipped else {}


def _axes(display: Display) -> list[dict[str, str]]:
    """The `axes` of a multiscale image, with a unit if the hint knows one."""
    axes = []
    for letter in display.axes:
        unit, name = display.hint.units.get(letter), display.hint.names.get(letter, letter)
        axes.append({"name": name, "type": TYPES[name], **({"unit": unit} if unit else {})})
    return axes


def _dataset(pyramid: Pyramid, level: int) -> dict[str, Any]:
    """The `datasets` item of a level: path, pixel size, and the centre of the first pixel.

    A level that the source stores keeps the placement that the source declares. The pixels of a
    computed level are 2^level times as high and wide, so the centre of the first one lies (2^level
    - 1) / 2 pixels of level 0 further in.
    """
    letters, hint = pyramid.display.axes, pyramid.display.hint
    if level <= pyramid.base.number and level < len(hint.placements):
        (sizes, shifts), shape = hint.placements[level], pyramid.shapes[level]
        factor = dict[str, int]()
    else:
        sizes, shifts, shape = hint.scale, hint.placements[0].translation if hint.placements else {}, pyramid.shapes[0]
        factor = {"y": 1 << level, "x": 1 << level}
    scale = [sizes.get(letter, 1.0) * factor.get(letter, 1) for letter in letters]
    first = {**shifts, **_flipped(pyramid.display, shape, sizes, shifts)}
    translation = [first.get(letter, 0) + sizes.get(letter, 1.0) * (factor.get(letter, 1) - 1) / 2 for letter in letters]
    return {
        "path": str(level),
        "coordinateTransformations": [{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}],
    }


def _flipped(display: Display, shape: Shape, sizes: Mapping[str, float], shifts: Mapping[str, float]) -> dict[str, float]:
    """The positions of the first pixel along flipped axes, if the source's first one is at `shifts`.

    The sizes of pixels must be positive, so coordinates have the other sign: the first one is that
    of the source's last pixel. Where the source places no pixel, neither do we.
    """
    return {
        letter: -shifts.get(letter, 0.0) - sizes.get(letter, 1.0) * (size - 1)
        for letter, size in zip(display.axes, shape, strict=True)
        if letter in display.hint.flipped and (letter in shifts or letter in sizes)
    }


def _channel(display: Display, number: int, window: Window) -> dict[str, Any]:
    """A channel of `omero`: what the hint says of it wins over `window` and the usual look."""
    known = display.hint.channels[number] if number < len(display.hint.channels) else {}
    label, colour, is_active = _usual(display, number)
    start, end = hints.window(known) or (window.start, window.end)
    return {
        "label": (hints.label(known) or label)[:LONGEST_LABEL],
        "color": hints.colour(known) or _named(display, known) or colour,
        "active": known.get("active", is_active) is True,
        "coefficient": 1.0,
        "family": "linear",
        "inverted": False,
        "window": {"min": min(window.least, start), "max": max(window.largest, end), "start": start, "end": end},
    }


def _named(display: Display, known: Mapping[str, Any]) -> str | None:
    """The colour that a channel's name means, if there are several and they are no photograph."""
    return colours.by_name(hints.label(known)) if display.channels > 1 and not display.is_colour else None


def _usual(display: Display, number: int) -> tuple[str, str, bool]:
    """The label, colour and `active` flag of a channel about which the source says nothing."""
    count = display.channels
    if display.is_colour:
        return (*COLOURS[number], number < 3)
    if display.is_complex:
        return "magnitude" if number < count // 2 else "phase", colours.WHITE, number == 0
    if count == 1:
        return "intensity", colours.WHITE, True
    if count > MOST_ACTIVE:
        return f"channel {number}", PALETTE[number % len(PALETTE)] if number else colours.WHITE, number == 0
    return f"channel {number}", PALETTE[number % len(PALETTE)], True
