"""Attributes of TIFF images, from tags and from the metadata of OME, ImageJ, tifffile and Aperio.

`physical_size` is the size of a pixel by axis, in micrometres; `time_step` is the time between two
images, in seconds; `channel_names` and `channel_colors` are in the order of the channels. Under our
key, `photometric` and other items say what the numbers mean.
https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from ...attributes import OURS
from ..common.extras import require
from . import photometrics

MICROMETRES = MappingProxyType(
    {
        "pm": 1e-6,
        "Å": 1e-4,
        "nm": 1e-3,
        "µm": 1.0,
        "μm": 1.0,
        "um": 1.0,
        "micron": 1.0,
        "microns": 1.0,
        "micrometer": 1.0,
        "mm": 1e3,
        "cm": 1e4,
        "inch": 25400.0,
        "in": 25400.0,
        "m": 1e6,
    }
)
SECONDS = MappingProxyType(
    {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3, "µs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0}
)
LAYOUT = frozenset({"shape", "axes", "truncated"})
"""Keys of tifffile's own metadata that repeat properties of the array."""
BULKY = frozenset({"Overlays", "ROI", "LUTs", "Info"})
X_RESOLUTION, Y_RESOLUTION, UNIT, NO_DATA = 282, 283, 296, 42113
UNITS = MappingProxyType({2: "inch", 3: "cm"})
"""Units of the resolution tags.

Without one of these, the resolution only gives the ratio of a pixel's height to its width.
"""
STACKS = frozenset({"IYX", "QYX"})
"""Axes of successive pages whose meaning nothing describes.

They are a stack, however few they are, since colours are samples of one page.
"""
FEW = 4
"""Viewers would take this many planes, or fewer, for channels."""
COLOURS = frozenset({"rgb", "minisblack"})
WHITE = "FFFFFF"
"""OME's colour of channels to which nobody has given one."""


def attributes(file: Any, number: int) -> dict[str, Any]:
    """The attributes of a series by its number, from all metadata that the file has."""
    found: dict[str, Any] = {}
    if file.is_ome:
        found |= _ome(file.ome_metadata, number)
    if file.is_imagej:
        found |= _imagej(file)
    if file.is_shaped:
        shaped = file.shaped_metadata or ()
        found |= {key: value for key, value in (shaped[number] if number < len(shaped) else {}).items() if key not in LAYOUT}
    if not (file.is_ome or file.is_imagej or file.is_shaped) and file.pages.first.description:
        found["description"] = file.pages.first.description
    return _tagged(file.series[number], file) | found


def _tagged(series: Any, file: Any) -> dict[str, Any]:
    """The attributes that tags give, and under our key what they mean for viewers."""
    page = series.keyframe
    ours = photometrics.of_page(page, is_ome=file.is_ome)
    # by the metadata these are channels, or something else
    if "S" not in series.axes and ours.get("photometric") in COLOURS:
        del ours["photometric"]
    if series.axes in STACKS and series.shape[0] <= FEW:
        ours["axes"] = "zyx"
    no_data = page.tags.valueof(NO_DATA)
    if no_data is not None:
        with suppress(ValueError):
            ours["no_data"] = float(str(no_data).strip("\0 "))
    sizes = {} if file.is_imagej else _aperio(page) or _resolution(page)
    return {**_physical_size(sizes), **({OURS: ours} if ours else {})}


def _aperio(page: Any) -> dict[str, float | None]:
    """The size of a pixel of a slide from an Aperio scanner: MPP, in micrometres per pixel."""
    if not page.description.startswith("Aperio "):
        return {}
    dialects = require("tifffile.tifffile", "tiff")
    size = _micrometres(dialects.svs_description_metadata(page.description).get("MPP"), "µm")
    return dict.fromkeys("yx", size) if size else {}


def _resolution(page: Any, unit: str | None = None) -> dict[str, float | None]:
    """The size of a pixel from the resolution tags, which hold pixels per unit.

    The unit is the given one, else that of the tags: an inch or a centimetre.
    """
    unit = UNITS.get(page.tags.valueof(UNIT, 2), "") if unit is None else unit
    per_unit = {axis: page.tags.valueof(tag) for axis, tag in (("y", Y_RESOLUTION), ("x", X_RESOLUTION))}
    return {axis: _micrometres(_inverse(value), unit) for axis, value in per_unit.items()}


def _inverse(fraction: Any) -> float | None:
    """The inverse of a fraction of two integers; None if it is no fraction or one of them is 0."""
    match fraction:
        case (int(numerator), int(denominator)) if numerator and denominator:
            return denominator / numerator
    return None


def _ome(xml: str, number: int) -> dict[str, Any]:
    """The attributes of an image in OME-XML by its number."""
    tifffile = require("tifffile", "tiff")
    images = _listed(tifffile.xml2dict(xml).get("OME", {}).get("Image"))
    image = images[number] if number < len(images) else {}
    pixels = image.get("Pixels", {})
    sizes = {axis.lower(): _micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"}
    channels = _listed(pixels.get("Channel"))
    names, colours = [channel.get("Name") for channel in channels], [_colour(channel.get("Color")) for channel in channels]
    return {
        **({"name": image["Name"]} if "Name" in image else {}),
        **_physical_size(sizes),
        **_time_step(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")),
        **({"channel_names": names} if any(names) else {}),
        **({"channel_colors": colours} if {*colours} - {None, WHITE} else {}),
    }


def _colour(value: Any) -> str | None:
    """OME's colour, a signed integer of the bytes red, green, blue and opacity, as six digits."""
    return f"{value >> 8 & 0xFFFFFF:06X}" if isinstance(value, int) and -(1 << 31) <= value < 1 << 31 else None


def _imagej(file: Any) -> dict[str, Any]:
    """ImageJ's own values, and the size of a pixel from the resolution tags in ImageJ's unit."""
    metadata = {key: value for key, value in (file.imagej_metadata or {}).items() if key not in BULKY}
    unit = str(metadata["unit"]).replace("\\u00B5", "µ") if "unit" in metadata else None
    sizes = _resolution(file.pages.first, unit)
    step = _time_step(metadata.get("finterval"), str(metadata.get("tunit", "")))
    return {"imagej": metadata, **_physical_size({"z": _micrometres(metadata.get("spacing"), unit or ""), **sizes}), **step}


def _physical_size(sizes: Mapping[str, float | None]) -> dict[str, Any]:
    known = {axis: size for axis, size in sizes.items() if size is not None and size > 0}
    return {"physical_size": {**known, "unit": "µm"}} if known else {}


def _time_step(value: Any, unit: str) -> dict[str, Any]:
    try:
        size = float(value) * SECONDS[unit]
    except (TypeError, ValueError, KeyError):
        return {}
    return {"time_step": {"size": size, "unit": "second"}} if size > 0 else {}


def _micrometres(value: Any, unit: str) -> float | None:
    """A length in micrometres; None if it is missing, or its unit is no length (pixels)."""
    try:
        return float(value) * MICROMETRES[unit]
    except (TypeError, ValueError, KeyError):
        return None


def _listed(value: Any) -> list[Any]:
    """The XML elements of one name as a list; tifffile gives None, one element, or several."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
