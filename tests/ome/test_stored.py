"""Pyramids that the source has stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ome.twins import image, node_of, whole
from tiled_zarr.nodes import Array, Group
from tiled_zarr.ome import stored

BASE = np.zeros((2, 1100, 1300), "u2")


def multiscale(shapes: list[tuple[int, ...]], *, is_newer: bool = False) -> Group:
    described = {
        "axes": [{"name": "c", "type": "channel"}, *({"name": axis, "type": "space", "unit": "nanometer"} for axis in "yx")],
        "datasets": [
            {"path": f"scale/{number}", "coordinateTransformations": [{"type": "scale", "scale": [1, 40, 40]}]}
            for number in range(len(shapes))
        ],
    }
    found: dict[str, Any] = {"multiscales": [described], "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}}
    children = {str(number): node_of(np.full(shape, 10 * number, "u2")) for number, shape in enumerate(shapes)}
    return Group(children={"scale": Group(children=children)}, attributes={"ome": found} if is_newer else found)


@pytest.mark.parametrize("is_newer", [False, True])
def test_stored_levels_are_used_as_they_are_and_continued(is_newer: bool) -> None:
    node = stored.pyramid(multiscale([(2, 1100, 1300), (2, 550, 650)], is_newer=is_newer))
    assert isinstance(node, Array)
    made = image(node)
    assert made.pyramid.shapes == ((2, 1100, 1300), (2, 550, 650), (2, 275, 325))
    assert [int(whole(made.level(number)).max()) for number in range(3)] == [0, 10, 10]
    assert made.pyramid.display.axes == "cyx"
    described = made.attributes("0.4", "image")
    assert described["multiscales"][0]["datasets"][2]["coordinateTransformations"][0]["scale"] == [1, 160, 160]
    assert [channel["label"] for channel in described["omero"]["channels"]] == ["DAPI", "GFP"]


@pytest.mark.parametrize(
    ("shapes", "count"),
    [
        ([(2, 101, 101), (2, 50, 50)], 2),
        ([(2, 101, 101), (2, 51, 51)], 2),
        ([(2, 101, 101), (2, 34, 34)], 1),
        ([(2, 99, 99), (1, 50, 50)], 1),
    ],
)
def test_levels_count_as_far_as_they_halve(shapes: list[tuple[int, ...]], count: int) -> None:
    node = stored.pyramid(multiscale(shapes))
    assert isinstance(node, Array)
    assert len(image(node).pyramid.sources) == count


@pytest.mark.parametrize(
    "attributes", [{}, {"multiscales": []}, {"multiscales": "x"}, {"multiscales": [{"datasets": [{"path": "none"}]}]}, {"ome": 5}]
)
def test_other_groups_are_no_pyramids(attributes: dict[str, Any]) -> None:
    assert stored.pyramid(Group(children={}, attributes=attributes)) is None
