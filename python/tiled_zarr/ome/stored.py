"""Pyramids that a source has stored as OME-NGFF, used as they are.

https://ngff.openmicroscopy.org/0.4/#multiscale-md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..attributes import OURS
from ..nodes import Array, Group, Node

MOST_LEVELS = 64
"""Halving the longest axis that there can be leaves one pixel after as many levels."""


def pyramid(group: Group) -> Array | None:
    """The image that a multiscale group holds, with its smaller levels; None where the group is none that could be shown so.

    Levels count up to the first that is missing or cannot be opened; without the first one the group is a group like others, which
    names what is wrong with its children.
    """
    described = _described(group.attributes)
    if described is None:
        return None
    levels = tuple(_levels(group, described))
    return _hinted(levels[0], levels[1:], described, group.attributes) if levels else None


def _levels(group: Group, described: Mapping[str, Any]) -> Iterator[Array]:
    """The arrays that the paths of a multiscale image name."""
    for dataset in _list(described.get("datasets"))[:MOST_LEVELS]:
        try:
            node = _below(group, dataset.get("path")) if isinstance(dataset, Mapping) else None
        except Exception:  # noqa: BLE001 - a level that cannot be opened must not take the group's other children along
            return
        if not isinstance(node, Array):
            return
        yield node


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
    return None if node is group else node


def _hinted(array: Array, levels: tuple[Array, ...], described: Mapping[str, Any], attributes: Mapping[str, Any]) -> Array:
    """The array with what the group says of its axes, pixel sizes and channels as a hint."""
    axes = [axis for axis in _list(described.get("axes")) if isinstance(axis, Mapping)]
    names = [str(axis.get("name", "")).lower() for axis in axes]
    inner = attributes.get("ome")
    omero = (inner if isinstance(inner, Mapping) else attributes).get("omero")
    hint = {
        "axes": "".join(names),
        "scale": dict(zip(names, _scale(described), strict=False)),
        "units": {name: axis["unit"] for name, axis in zip(names, axes, strict=True) if isinstance(axis.get("unit"), str)},
        "channels": _list(omero.get("channels")) if isinstance(omero, Mapping) else [],
        "is_label": "image-label" in attributes or (isinstance(inner, Mapping) and "image-label" in inner),
        **_mapping(attributes.get(OURS)),
    }
    return replace(array, levels=levels, attributes={OURS: hint})


def _scale(described: Mapping[str, Any]) -> list[Any]:
    """Pixel sizes of the first level."""
    for transform in _list(_mapping(_list(described.get("datasets"))[0]).get("coordinateTransformations")):
        if isinstance(transform, Mapping) and transform.get("type") == "scale":
            return _list(transform.get("scale"))
    return []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
