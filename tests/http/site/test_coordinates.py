"""Where the viewer finds the coordinates of an image's axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tiled_zarr import Array, Group
from tiled_zarr.http.site import coordinates
from tiled_zarr.nodes import Node
from tiled_zarr.ome.origins import Origin

ORIGIN = Origin((), "yx", (4, 6), False)


def held(values: Any, *names: str) -> Array:
    array = np.asarray(values)
    return Array(shape=array.shape, dtype=array.dtype, read=lambda region: array[region], dimension_names=names)


IMAGE = held(np.zeros((4, 6)), "lat", "lon")
LAT, LON = held(np.arange(4.0), "lat"), held(np.arange(6, dtype="i2"), "lon")


def finder(root: Group) -> Callable[[str], Node | None]:
    def find(path: str) -> Node | None:
        node: Node | None = root
        for name in filter(None, path.split("/")):
            node = node.children.get(name) if isinstance(node, Group) else None
        return node

    return find


def links(root: Group, path: str, origin: Origin = ORIGIN) -> dict[str, str]:
    return coordinates.links(finder(root), path, origin)


def test_arrays_beside_the_image() -> None:
    root = Group({"a": Group({"image": IMAGE, "lat": LAT, "lon": LON})})
    assert links(root, "a/image") == {"y": "zarr/v3/~dtype=web,chunks=4/a/lat", "x": "zarr/v3/~dtype=web,chunks=6/a/lon"}


def test_times_are_coordinates() -> None:
    root = Group({"image": IMAGE, "lat": held(np.arange(4).astype("M8[s]"), "lat")})
    assert links(root, "image") == {"y": "zarr/v3/~dtype=web,chunks=4/lat"}


def test_arrays_of_a_group_above_but_not_of_a_folder() -> None:
    below = Group({"image": IMAGE, "lat": LAT})
    assert links(Group({"a": below, "lon": LON}), "a/image") == {
        "y": "zarr/v3/~dtype=web,chunks=4/a/lat",
        "x": "zarr/v3/~dtype=web,chunks=6/lon",
    }
    assert links(Group({"a": below, "lon": LON}, kind="folder"), "a/image") == {"y": "zarr/v3/~dtype=web,chunks=4/a/lat"}


@pytest.mark.parametrize(
    "other",
    [
        held(np.arange(5.0), "lat"),
        held(np.zeros((4, 1)), "lat", "one"),
        held(np.array(["a", "b", "c", "d"]), "lat"),
        held(np.arange(4).astype("m8[s]"), "lat"),
        Group({}),
    ],
    ids=["another size", "two axes", "text", "spans", "group"],
)
def test_what_is_no_coordinate(other: Node) -> None:
    assert links(Group({"image": IMAGE, "lat": other, "lon": LON}), "image") == {"x": "zarr/v3/~dtype=web,chunks=6/lon"}


def test_what_cannot_be_opened_is_none() -> None:
    class Broken(dict[str, Node]):
        def get(self, name: Any, _: Any = None) -> Any:
            if name == "lat":
                raise OSError("the disk is gone")
            return super().get(name)

    assert links(Group(Broken({"image": IMAGE, "lat": LAT, "lon": LON})), "image") == {"x": "zarr/v3/~dtype=web,chunks=6/lon"}


def test_an_image_has_no_coordinates_if_nothing_names_its_dimensions() -> None:
    assert links(Group({"image": held(np.zeros((4, 6))), "y": LAT}), "image") == {}
    assert links(Group({"lat": held(np.zeros((4, 6)), "lat", "lon")}), "lat") == {}


def test_names_are_spelled_as_in_keys() -> None:
    image = held(np.zeros((4, 6)), "a/b", "q[m]")
    found = links(Group({"i[1]": Group({"image": image, "a/b": LAT, "q[m]": LON})}), "i[1]/image")
    assert found == {"y": "zarr/v3/~dtype=web,chunks=4/i[1]/a~2fb", "x": "zarr/v3/~dtype=web,chunks=6/i[1]/q[m]"}


def test_long_axes_have_none() -> None:
    size = coordinates.MOST + 1
    image = held(np.broadcast_to(np.uint8(0), (2, size)), "lat", "lon")
    assert links(Group({"image": image, "lon": held(np.arange(size), "lon")}), "image", Origin((), "yx", (2, size), False)) == {}
