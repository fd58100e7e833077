"""Where the exact values of an image are.

The display view converts, scales and masks; `/zarr` has what the source has.
"""

from __future__ import annotations

from typing import NamedTuple

from ..nodes import Array, Group, Node
from . import stored
from .display import pictures
from .view import image_of


class Origin(NamedTuple):
    """The array that an image shows.

    `path` has the names below the image's node; it is empty if that node is the array. `axes` has
    the letter of each axis of the array, and `shape` its size.
    """

    path: tuple[str, ...]
    axes: str
    shape: tuple[int, ...]
    is_complex: bool


def origin(source: Node, shown: Node) -> Origin | None:
    """The array behind `shown`, the multiscale group of the node `source`.

    None if `shown` is no image, or a picture whose pixels lie elsewhere in the array, or are
    computed: turned upright, looked up in a palette, or converted from inks.
    """
    image = image_of(shown) if isinstance(shown, Group) else None
    path = () if isinstance(source, Array) else stored.finest(source)
    if image is None or path is None:
        return None
    display = image.pyramid.display
    is_stored = pictures.as_seen(image.node, display.hint) is image.node
    return Origin(path, display.letters, image.node.shape, display.is_complex) if is_stored else None
