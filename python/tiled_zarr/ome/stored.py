"""Pyramids that a source already stores as OME-NGFF: we serve their levels as they are.

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
"""Attributes of groups that hold images. They are true of the display view too: we pass them on."""
KINDS = MappingProxyType({"time": "t", "channel": "c"})
"""The letter for an axis type of which an image has only one axis."""
MOST_LEVELS = 64
"""Levels that we look at: halving an axis of up to 2^64 pixels 64 times leaves one pixel."""


def pixels(node: Node, *, is_label: bool = False) -> Array | None:
    """The image of a node: the array itself, or the one in a multiscale group; else None."""
    match node:
        case Array():
            return node
        case Group(kind="table"):
            return None
    return pyramid(node, is_label=is_label)


def pyramid(group: Group, *, is_label: bool = False) -> Array | None:
    """The image of a multiscale group with its smaller levels, or None if there is none.

    `is_label` says that the group lies among labels; the image is also a label if its attributes
    have `image-label`.

    The levels end before the first one that is missing or cannot be opened. If level 0 is missing,
    the result is None: we show an ordinary group, whose children report their own errors.
    """
    described = _described(group.attributes)
    if described is None:
        return None
    levels = tuple(_levels(group, described))
    return _hinted(levels[0], levels[1:], described, group.attributes, is_label=is_label) if levels else None


def _levels(group: Group, described: Mapping[str, Any]) -> Iterator[Array]:
    """The arrays at the `datasets` paths of a multiscale image, up to the first non-array."""
    for dataset in _list(described.get("datasets"))[:MOST_LEVELS]:
        try:
            node = _below(group, dataset.get("path")) if isinstance(dataset, Mapping) else None
        except Exception:  # noqa: BLE001 - a level that cannot be opened must not hide the group's other children
            return
        if not isinstance(node, Array) or node.is_sparse:
            return
        yield node


def finest(group: Group) -> tuple[str, ...] | None:
    """The names on the path from a multiscale group to its level 0; None if it lists no level."""
    datasets = _list((_described(group.attributes) or {}).get("datasets"))
    path = datasets[0].get("path") if datasets and isinstance(datasets[0], Mapping) else None
    return tuple(path.split("/")) if isinstance(path, str) else None


def _described(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first item of `multiscales`, in version 0.5 or an older one; None if there is none."""
    listed = _list(_ome(attributes).get("multiscales"))
    return listed[0] if listed and isinstance(listed[0], Mapping) else None


def _below(above: Node, path: object) -> Node | None:
    """The node at `path` below `above`, or None if there is none."""
    node: Node | None = above
    for name in path.split("/") if isinstance(path, str) else ():
        node = node.children.get(name) if isinstance(node, Group) else None
    return None if node is above else node


def labels(image: Node) -> tuple[Group, list[str]] | None:
    """The labels group of a multiscale group and its names; None if it is absent or broken.

    If the group has no list of names, all its children count. At most MOST_LABELS (1,000) are
    returned. https://ngff.openmicroscopy.org/0.4/#label-md
    """
    try:
        below = _below(image, LABELS)
        if not isinstance(below, Group):
            return None
        listed = _ome(below.attributes).get(LABELS)
        names = [name for name in _list(listed) if isinstance(name, str)] if listed is not None else list(below.children)
    except Exception:  # noqa: BLE001 - an image with broken labels must stay visible
        return None
    return below, list(dict.fromkeys(names))[: hints.MOST_LABELS]


def attributes(version: Version, source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a group that is no image, with plate and well metadata in `version`.

    Version 0.4 has that metadata at the top level, version 0.5 under `ome`.
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
    """The OME-NGFF part of the attributes: under `ome` since version 0.5, before that all."""
    inner = attributes.get(OME)
    return inner if isinstance(inner, Mapping) else attributes


def _hinted(
    array: Array, levels: tuple[Array, ...], described: Mapping[str, Any], attributes: Mapping[str, Any], *, is_label: bool
) -> Array:
    """The array with a hint: what the group says of its axes, pixel sizes, channels and labels.

    The group's own `tiled_zarr` attributes win over what OME-NGFF says.
    """
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
    """The letters of the axes, and their units by letter.

    In version 0.3 an axis is a bare name; before that the axes are always t, c, z, y and x.
    """
    listed = _list(described.get("axes")) or list(axes.ORDER[-ndim:] if ndim == len(axes.ORDER) else "")
    found = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in listed]
    names = [_letter(axis) for axis in found]
    return names, {name: axis["unit"] for name, axis in zip(names, found, strict=True) if isinstance(axis.get("unit"), str)}


def _letter(axis: Mapping[str, Any]) -> str:
    """The letter of an axis: by its name, else by its type, else the name itself."""
    name = str(axis.get("name", "")).lower()
    return axes.LETTERS.get(name) or KINDS.get(str(axis.get("type"))) or name


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
