"""Pyramids that a source has stored as OME-NGFF, used as they are.

https://ngff.openmicroscopy.org/0.4/#multiscale-md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..attributes import OURS
from ..nodes import Array, Group, Node
from . import transforms
from .display import axes, hints
from .documents import Version

OME = "ome"
LABELS = "labels"
PASSED = ("plate", "well", "bioformats2raw.layout", "series")
"""What OME-NGFF says of groups that hold images, and which is true of the display view as well."""
KINDS = MappingProxyType({"time": "t", "channel": "c"})
"""Letters of axes by their type, of which there is one each."""
MOST_LEVELS = 64
"""Halving the longest axis that there can be leaves one pixel after as many levels."""


def pixels(node: Node, *, is_label: bool = False) -> Array | None:
    """The image that a node is, or holds as a multiscale group; None if it is neither."""
    match node:
        case Array():
            return node
        case Group(kind="table"):
            return None
    return pyramid(node, is_label=is_label)


def pyramid(group: Group, *, is_label: bool = False) -> Array | None:
    """The image that a multiscale group holds, with its smaller levels; None where the group is none that could be shown so.

    `is_label` says that it lies among labels; it is one too if it says so itself.

    Levels count up to the first that is missing or cannot be opened; without the first one the group is a group like others, which
    names what is wrong with its children.
    """
    described = _described(group.attributes)
    if described is None:
        return None
    levels = tuple(_levels(group, described))
    return _hinted(levels[0], levels[1:], described, group.attributes, is_label=is_label) if levels else None


def _levels(group: Group, described: Mapping[str, Any]) -> Iterator[Array]:
    """The arrays that the paths of a multiscale image name."""
    for dataset in _list(described.get("datasets"))[:MOST_LEVELS]:
        try:
            node = _below(group, dataset.get("path")) if isinstance(dataset, Mapping) else None
        except Exception:  # noqa: BLE001 - a level that cannot be opened must not take the group's other children along
            return
        if not isinstance(node, Array) or node.is_sparse:
            return
        yield node


def _described(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first multiscale image that attributes describe, in version 0.5 or before."""
    listed = _list(_ome(attributes).get("multiscales"))
    return listed[0] if listed and isinstance(listed[0], Mapping) else None


def _below(above: Node, path: object) -> Node | None:
    """The node at a path below another."""
    node: Node | None = above
    for name in path.split("/") if isinstance(path, str) else ():
        node = node.children.get(name) if isinstance(node, Group) else None
    return None if node is above else node


def labels(image: Node) -> tuple[Group, list[str]] | None:
    """The group of labels in a multiscale group, and the names of the labels; None if there is none, or it cannot be opened.

    https://ngff.openmicroscopy.org/0.4/#label-md
    """
    try:
        below = _below(image, LABELS)
        if not isinstance(below, Group):
            return None
        listed = _ome(below.attributes).get(LABELS)
        names = [name for name in _list(listed) if isinstance(name, str)] if listed is not None else list(below.children)
    except Exception:  # noqa: BLE001 - whatever is wrong with its labels, the image is to be seen
        return None
    return below, list(dict.fromkeys(names))[: hints.MOST_LABELS]


def attributes(version: Version, source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a group that is no image, with what OME-NGFF says of plates and wells where this version has it.

    https://ngff.openmicroscopy.org/0.4/#plate-md, https://ngff.openmicroscopy.org/0.5/#plate-md
    """
    ome = _ome(source)
    found = {name: _versioned(version, ome[name]) for name in PASSED if name in ome}
    if not found:
        return source
    others = {name: value for name, value in source.items() if name not in PASSED and name != OME}
    return {**others, **found} if version == "0.4" else {**others, OME: {"version": version, **found}}


def _versioned(version: Version, value: Any) -> Any:
    return {**value, "version": version} if isinstance(value, Mapping) else value


def _ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """What OME-NGFF says in attributes: under a key of its own since version 0.5."""
    inner = attributes.get(OME)
    return inner if isinstance(inner, Mapping) else attributes


def _hinted(
    array: Array, levels: tuple[Array, ...], described: Mapping[str, Any], attributes: Mapping[str, Any], *, is_label: bool
) -> Array:
    """The array with what the group says of its axes, pixel sizes, channels and labels as a hint."""
    ome = _ome(attributes)
    names, units = _axes(described, len(array.shape))
    image_label = ome.get("image-label")
    hint = {
        "axes": "".join(names),
        "units": units,
        "placements": [
            {field: dict(zip(names, values, strict=False)) for field, values in one._asdict().items()}
            for one in transforms.placements(described)
        ],
        "channels": _list(_mapping(ome.get("omero")).get("channels")),
        "is_label": is_label or image_label is not None,
        "image_label": _mapping(image_label),
        **_mapping(attributes.get(OURS)),
    }
    return replace(array, levels=levels, attributes={OURS: hint})


def _axes(described: Mapping[str, Any], ndim: int) -> tuple[list[str], dict[str, str]]:
    """The letters of axes and their units. In version 0.3 axes are names alone, before that they are always the same five."""
    listed = _list(described.get("axes")) or list(axes.ORDER[-ndim:] if ndim == len(axes.ORDER) else "")
    found = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in listed]
    names = [_letter(axis) for axis in found]
    return names, {name: axis["unit"] for name, axis in zip(names, found, strict=True) if isinstance(axis.get("unit"), str)}


def _letter(axis: Mapping[str, Any]) -> str:
    name = str(axis.get("name", "")).lower()
    return axes.LETTERS.get(name) or KINDS.get(str(axis.get("type"))) or name


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
