"""What TIFF files say about their images, in the dialects of OME, ImageJ, tifffile and Aperio, and in tags: as attributes.

`physical_size` is the size of a pixel by axis, in micrometres; `time_step` the time from one image to the next, in seconds;
`channel_names` are in the order of the channels. What the numbers mean is `photometric` and what goes with it, under our key.
https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ...attributes import OURS
from ..common.extras import require
from . import photometrics

MICROMETRES = {
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
SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3, "µs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0}
LAYOUT = {"shape", "axes", "truncated"}
"""What tifffile's own metadata repeat of the array."""
BULKY = {"Overlays", "ROI", "LUTs", "Info"}
X_RESOLUTION, Y_RESOLUTION, UNIT, NO_DATA = 282, 283, 296, 42113
UNITS = {2: "inch", 3: "cm"}
"""Of the tags of resolution; without one of these they tell but how high a pixel is, if it is one unit wide."""
STACKS = {"IYX", "QYX"}
"""Pages one after the other of which nothing says what they are: a stack, however few they are, since colours are samples of a page."""
FEW = 4
"""So many planes would be taken for channels."""
COLOURS = {"rgb", "minisblack"}


def attributes(file: Any, number: int) -> dict[str, Any]:
    """The attributes of a series by its number; of each dialect what it can say."""
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
    """What tags say of a series, and what they mean for viewers under our key."""
    page = series.keyframe
    ours = photometrics.of_page(page, is_ome=file.is_ome)
    if "S" not in series.axes and ours.get("photometric") in COLOURS:  # metadata say that these are channels, or something else
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
    """The size of a pixel of a slide that an Aperio scanner has written: MPP, micrometres per pixel."""
    if not page.description.startswith("Aperio "):
        return {}
    dialects = require("tifffile.tifffile", "tiff")
    size = _micrometres(dialects.svs_description_metadata(page.description).get("MPP"), "µm")
    return dict.fromkeys("yx", size) if size else {}


def _resolution(page: Any, unit: str | None = None) -> dict[str, float | None]:
    """The size of a pixel, of which tags tell how many make a unit: that which is given, else an inch or a centimetre."""
    unit = UNITS.get(page.tags.valueof(UNIT, 2), "") if unit is None else unit
    per_unit = {axis: page.tags.valueof(tag) for axis, tag in (("y", Y_RESOLUTION), ("x", X_RESOLUTION))}
    return {axis: _micrometres(_inverse(value), unit) for axis, value in per_unit.items()}


def _inverse(fraction: Any) -> float | None:
    """One over a fraction of two integers; None where there is none."""
    match fraction:
        case (int(numerator), int(denominator)) if numerator and denominator:
            return denominator / numerator
    return None


def _ome(xml: str, number: int) -> dict[str, Any]:
    """Of the image of that number in OME-XML."""
    tifffile = require("tifffile", "tiff")
    images = _listed(tifffile.xml2dict(xml).get("OME", {}).get("Image"))
    image = images[number] if number < len(images) else {}
    pixels = image.get("Pixels", {})
    sizes = {axis.lower(): _micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"}
    names = [channel.get("Name") for channel in _listed(pixels.get("Channel"))]
    return {
        **({"name": image["Name"]} if "Name" in image else {}),
        **_physical_size(sizes),
        **_time_step(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")),
        **({"channel_names": names} if any(names) else {}),
    }


def _imagej(file: Any) -> dict[str, Any]:
    """ImageJ's own values, and the size of a pixel, of which the tags tell how many make a unit."""
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
    """A length, or None where it is missing or its unit is no length (pixels)."""
    try:
        return float(value) * MICROMETRES[unit]
    except (TypeError, ValueError, KeyError):
        return None


def _listed(value: Any) -> list[Any]:
    """An XML element that may be there not at all, once or often, as tifffile gives it."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
