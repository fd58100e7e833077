"""What TIFF files say about their images, in the dialects of OME, ImageJ and tifffile: as attributes.

`physical_size` is the size of a pixel by axis, in micrometres; `channel_names` are in the order of the channels.
https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._extras import require

MICROMETRES = {"pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "µm": 1.0, "um": 1.0, "micron": 1.0, "mm": 1e3, "cm": 1e4, "inch": 25400.0, "m": 1e6}
LAYOUT = {"shape", "axes", "truncated"}
"""What tifffile's own metadata repeat of the array."""
BULKY = {"Overlays", "ROI", "LUTs", "Info"}
PER_UNIT = {2: "inch", 3: "cm"}


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
    return found


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
        **({"channel_names": names} if any(names) else {}),
    }


def _imagej(file: Any) -> dict[str, Any]:
    """ImageJ's own values, and the size of a pixel, of which the tags tell how many make a unit."""
    metadata = {key: value for key, value in (file.imagej_metadata or {}).items() if key not in BULKY}
    unit = str(metadata.get("unit", "")).replace("\\u00B5", "µ")
    per_unit = {axis: file.pages.first.tags.valueof(tag) for axis, tag in (("y", 283), ("x", 282))}
    sizes = {axis: _micrometres(value[1] / value[0], unit) for axis, value in per_unit.items() if value and value[0]}
    return {"imagej": metadata, **_physical_size({"z": _micrometres(metadata.get("spacing"), unit), **sizes})}


def _physical_size(sizes: Mapping[str, float | None]) -> dict[str, Any]:
    known = {axis: size for axis, size in sizes.items() if size is not None}
    return {"physical_size": {**known, "unit": "µm"}} if known else {}


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
