"""The coordinates of an image's axes: 1-d arrays beside it that bear the names of its dimensions.

CF (https://cfconventions.org/cf-conventions/cf-conventions.html#coordinate-types) and xarray store
them so. The viewer reads them through Zarr v3, for its rulers and the place under the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

from ...hierarchy import names
from ...nodes import Array, Group, Node
from .origins import PREFIX, Origin

MOST = 2**17
"""The size of the longest axis whose coordinates the viewer reads: 1 MiB, in one chunk."""

Find: TypeAlias = Callable[[str], Node | None]
"""The node at a path, spelled as in its URL; None if there is none. May block."""


def links(find: Find, path: str, origin: Origin) -> dict[str, str]:
    """The paths of coordinate arrays below the server's root, by the letters of the axes they have.

    `origin` is the array behind the image at `path`. A stored pyramid has none, since OME-NGFF
    places it. Blocks.
    """
    node = find(path)
    if origin.path or not isinstance(node, Array) or node.dimension_names is None:
        return {}
    found = {}
    for letter, name, size in zip(origin.axes, node.dimension_names, node.shape, strict=False):
        place = beside(find, path, name, size) if name and name != path.rpartition("/")[2] else None
        if place is not None:
            found[letter] = f"{PREFIX}/~dtype=web,chunks={size}/{place}"
    return found


def beside(find: Find, path: str, name: str, size: int) -> str | None:
    """The path in Zarr v3 of the coordinate of a dimension; None if there is none, or it cannot be opened.

    As in netCDF, it may lie in a group above, but not in a folder, whose children are separate sources.
    """
    for above, group in _above(find, path):
        with suppress(Exception):
            node = group.children.get(name)
            if node is not None:
                spelled = f"{names.path_in_v3(above)}/{names.wire(name)}".lstrip("/")
                return spelled if _is_coordinate(node, size) else None
    return None


def _above(find: Find, path: str) -> Iterator[tuple[str, Group]]:
    """The groups in which the coordinates of the node at `path` may lie, each with its path; the nearest first."""
    below = path
    while below:
        below = below.rpartition("/")[0]
        group = find(below)
        is_nearest = below == path.rpartition("/")[0]
        if not isinstance(group, Group) or (group.kind == "folder" and not is_nearest):
            return
        yield below, group


def _is_coordinate(node: Node, size: int) -> bool:
    return isinstance(node, Array) and node.shape == (size,) and 1 < size <= MOST and node.dtype.kind in "iufM" and not node.is_sparse
