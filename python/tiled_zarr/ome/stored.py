"""Pyramids that a source has stored as OME-NGFF, used as they are.

https://ngff.openmicroscopy.org/0.4/#multiscale-md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from ..attributes import OURS
from ..nodes import Array, Group, Node


def pyramid(group: Group) -> Array | None:
    """The image that a multiscale group holds, with its smaller levels; None where the group is none that could be shown so."""
    described = _described(group.attributes)
    if described is None:
        return None
    nodes = [_below(group, dataset.get("path")) for dataset in _list(described.get("datasets")) if isinstance(dataset, Mapping)]
    levels = tuple(node for node in takewhile(lambda node: isinstance(node, Array), nodes) if isinstance(node, Array))
    return _hinted(levels[0], levels[1:], described, group.attributes) if levels else None


def _described(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first multiscale image that attributes describe, in version 0.5 or before."""
    inner = attributes.get("ome")
    listed = _list((inner if isinstance(inner, Mapping) else attributes).get("multiscales"))
    return listed[0] if listed and isinstance(listed[0], Mapping) else None


def _below(group: Group, path: object) -> Node | None:
    """The node at a path below a group."""
    node: Node | None = group
    for name in path.split("/") if isinstance(path, str) else ():
        node = node.children.get(name) if isinstance(node, Group) else None
    return node


def _hinted(array: Array, levels: tuple[Array, ...], described: Mapping[str, Any], attributes: Mapping[str, Any]) -> Array:
    """The array with what the group says of its axes, pixel sizes and channels as a hint."""
    axes = [axis for axis in _list(described.get("axes")) if isinstance(axis, Mapping)]
    names = [str(axis.get("name", "")).lower() for axis in axes]
    inner = attributes.get("ome")
    omero = (inner if isinstance(inner, Mapping) else attributes).get("omero")
    ours = attributes.get(OURS)
    hint = {
        "axes": "".join(names),
        "scale": dict(zip(names, _scale(described), strict=False)),
        "units": {name: axis["unit"] for name, axis in zip(names, axes, strict=True) if isinstance(axis.get("unit"), str)},
        "channels": _list(omero.get("channels")) if isinstance(omero, Mapping) else [],
        "is_label": "image-label" in attributes or (isinstance(inner, Mapping) and "image-label" in inner),
        **(ours if isinstance(ours, Mapping) else {}),
    }
    return replace(array, levels=levels, attributes={OURS: hint})


def _scale(described: Mapping[str, Any]) -> list[Any]:
    """Pixel sizes of the first level."""
    for transform in _list(_list(described.get("datasets"))[0].get("coordinateTransformations")):
        if isinstance(transform, Mapping) and transform.get("type") == "scale":
            return _list(transform.get("scale"))
    return []


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
