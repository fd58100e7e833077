"""Images that cannot be read, pyramids that lie, and labels that are missing.

They harm nothing else, and say what is wrong.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ome.serving import DOCUMENTS, GOOD, assert_neighbours_are_well, attributes, served
from ome.twins import node_of
from tiled_zarr.nodes import Changed, Group, Region


class Broken:
    """A source that cannot be read until it is mended."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.tries = 0

    def read(self, region: Region) -> np.ndarray:
        self.tries += 1
        if self.error is not None:
            raise self.error
        return GOOD[region]


@pytest.mark.parametrize(
    "error", [OSError("bad sector"), RuntimeError("bad filter"), MemoryError("much"), KeyError("x"), RecursionError("deep")]
)
@pytest.mark.parametrize("version", DOCUMENTS)
def test_an_image_that_cannot_be_read_still_names_its_levels(monkeypatch: pytest.MonkeyPatch, error: Exception, version: str) -> None:
    source = Broken(error)
    get = served({"bad": replace(node_of(GOOD), read=source.read)})
    key = f"/ome-zarr/{version}/bad/{DOCUMENTS[version]}"
    found = attributes(get(key))
    assert "omero" not in found
    [multiscale] = found["multiscales"]
    assert [dataset["path"] for dataset in multiscale["datasets"]] == ["0"]
    assert str(error) in multiscale["metadata"]["unavailable"]["omero"]
    tries = source.tries
    assert get(key).status == 200
    assert source.tries == tries, "a broken source is not read for each request"
    assert get(f"/ome-zarr/{version}/bad/0/{'0/0' if version == '0.4' else 'c/0/0'}").status in {500, 503}
    assert_neighbours_are_well(get)
    source.error = None
    monkeypatch.setattr("tiled_zarr.ome.pyramid.looks.RETRY", 0)
    assert "omero" in attributes(get(key)), "without a new revision"


def test_windows_of_a_file_that_changes_are_looked_for_again() -> None:
    source = Broken(Changed("another file"))
    get = served({"bad": replace(node_of(GOOD), read=source.read)})
    answer = get("/ome-zarr/0.4/bad/.zattrs")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    source.error = None
    assert "omero" in attributes(get("/ome-zarr/0.4/bad/.zattrs"))
    assert_neighbours_are_well(get)


MULTISCALE = {
    "multiscales": [
        {
            "axes": [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}],
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1]}]},
                {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": [2, 2]}]},
            ],
        }
    ]
}


class Children(dict[str, Any]):
    """Children of which those that are exceptions cannot be opened."""

    def __getitem__(self, name: str) -> Any:
        child = super().__getitem__(name)
        if isinstance(child, Exception):
            raise child
        return child


def changed(**fields: Any) -> dict[str, Any]:
    return {"multiscales": [{**MULTISCALE["multiscales"][0], **fields}]}


BASE = node_of(np.zeros((600, 700), "u2"))
HALF = node_of(np.zeros((300, 350), "u2"))
LYING: dict[str, tuple[dict[str, Any], Children]] = {
    "level 1 is missing": (MULTISCALE, Children({"0": BASE})),
    "level 1 cannot be opened": (MULTISCALE, Children({"0": BASE, "1": OSError("bad header")})),
    "level 0 cannot be opened": (MULTISCALE, Children({"0": OSError("bad header"), "1": HALF})),
    "level 0 is a group": (MULTISCALE, Children({"0": Group(children={}), "1": HALF})),
    "level 1 has another shape": (MULTISCALE, Children({"0": BASE, "1": node_of(np.zeros((7, 7, 7), "u2"))})),
    "level 1 has another type": (MULTISCALE, Children({"0": BASE, "1": node_of(np.zeros((300, 350), "f4"))})),
    "level 0 is a line": (MULTISCALE, Children({"0": node_of(np.zeros(7)), "1": HALF})),
    "nothing is there": (MULTISCALE, Children()),
    "paths lead out": (changed(datasets=[{"path": path} for path in ("../0", "/0", "", ".", "0/0", "\0")]), Children({"0": BASE})),
    "paths are no text": (changed(datasets=[{"path": 0}, None, [], 7, {"path": {}}]), Children({"0": BASE})),
    "a dataset is no object": (changed(datasets=["0", {"path": "0"}]), Children({"0": BASE})),
    "scales are no numbers": (
        changed(datasets=[{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": ["a", 10**400]}]}]),
        Children({"0": BASE}),
    ),
    "scales are infinite": (
        changed(datasets=[{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [math.inf, math.nan]}]}]),
        Children({"0": BASE}),
    ),
    "transformations are no list": (changed(datasets=[{"path": "0", "coordinateTransformations": 5}]), Children({"0": BASE})),
    "axes are no objects": (changed(axes=["y", 5, None]), Children({"0": BASE, "1": HALF})),
    "axes are many": (changed(axes=[{"name": "y"}] * 10_000), Children({"0": BASE, "1": HALF})),
    "axes have odd names": (changed(axes=[{"name": ["y"]}, {"name": None, "unit": 5}]), Children({"0": BASE, "1": HALF})),
    "channels are no objects": (
        {**MULTISCALE, "omero": {"channels": [5, None, {"color": 7, "window": "x", "active": []}]}},
        Children({"0": BASE}),
    ),
    "windows are huge": ({**MULTISCALE, "omero": {"channels": [{"window": {"start": 0, "end": 10**400}}]}}, Children({"0": BASE})),
    "omero is no object": ({**MULTISCALE, "omero": 5}, Children({"0": BASE})),
    "multiscales is text": ({"multiscales": "x"}, Children({"0": BASE})),
    "multiscales is empty": ({"multiscales": []}, Children({"0": BASE})),
    "multiscales lists text": ({"multiscales": ["x"]}, Children({"0": BASE})),
    "ome is text": ({"ome": "x"}, Children({"0": BASE})),
    "ours is odd": (
        {**MULTISCALE, "tiled_zarr": {"axes": 5, "scale": [1], "units": {"y": {}}, "channels": 5, "labels": 5, "range": [0, 10**400]}},
        Children({"0": BASE}),
    ),
}


@pytest.mark.parametrize("name", LYING)
def test_stored_pyramids_that_lie(name: str) -> None:
    """The group is an image as far as its levels can be opened, else a group like others."""
    own, children = LYING[name]
    get = served({"liar": Group(children=children, attributes=own)})
    for version, document in DOCUMENTS.items():
        answer = get(f"/ome-zarr/{version}/liar/{document}")
        assert answer.status == 200
        json.loads(answer.body, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
        assert get(f"/ome-zarr/{version}/liar/").status == 200
    assert get("/thumbnail/liar.png").status in {200, 404}
    assert_neighbours_are_well(get)


@pytest.mark.parametrize(
    ("name", "levels"),
    [("level 1 is missing", ["0", "1"]), ("level 1 cannot be opened", ["0", "1"]), ("level 1 has another shape", ["0", "1"])],
)
def test_levels_that_cannot_be_opened_are_made(name: str, levels: list[str]) -> None:
    own, children = LYING[name]
    get = served({"liar": Group(children=children, attributes=own)})
    [multiscale] = attributes(get("/ome-zarr/0.4/liar/.zattrs"))["multiscales"]
    assert [dataset["path"] for dataset in multiscale["datasets"]] == levels
    assert get("/ome-zarr/0.4/liar/1/0/0").status == 200


def test_what_is_wrong_with_the_first_level_is_said() -> None:
    own, children = LYING["level 0 cannot be opened"]
    get = served({"liar": Group(children=children, attributes=own)})
    found = attributes(get("/ome-zarr/0.4/liar/.zattrs"))
    assert "bad header" in found["tiled_zarr"]["unavailable"]["0"]
    assert get("/ome-zarr/0.4/liar/0/.zattrs").status == 500
    assert "multiscales" in attributes(get("/ome-zarr/0.4/liar/1/.zattrs"))


@pytest.mark.parametrize("version", DOCUMENTS)
def test_labels_that_are_missing_or_bad(version: str) -> None:
    """What is there and bad is 5xx under its own keys, and nowhere named as a label."""
    hint = {"tiled_zarr": {"labels": ["cells", "gone", "bad", "line", "photo", "cells"]}}
    children = Children(
        photo=node_of(GOOD, attributes=hint),
        cells=node_of(GOOD, attributes={"tiled_zarr": {"is_label": True, "labels": ["photo"]}}),
        bad=OSError("bad sector"),
        line=node_of(np.zeros(5)),
    )
    get = served({"group": Group(children=children)})
    name, base = DOCUMENTS[version], f"/ome-zarr/{version}/group/photo"
    assert "multiscales" in attributes(get(f"{base}/{name}"))
    assert attributes(get(f"{base}/labels/{name}"))["labels"] == ["cells", "photo"]
    assert "multiscales" in attributes(get(f"{base}/labels/cells/{name}"))
    assert get(f"{base}/labels/bad/{name}").status == 500
    assert get(f"{base}/labels/gone/{name}").status == 404
    assert get(f"{base}/labels/line/{name}").status == 404
    assert get(f"{base}/labels/photo/labels/{name}").status == 404, "labels of labels would go round in a circle"
    consolidated = get(f"{base}/{'.zmetadata' if version == '0.4' else name}")
    assert consolidated.status == 200
    assert len(consolidated.body) < 16_384
    children["bad"] = node_of(GOOD)
    assert attributes(get(f"{base}/labels/{name}"))["labels"] == ["cells", "bad", "photo"]
    assert_neighbours_are_well(get)


def test_labels_of_which_none_is_there_are_no_group() -> None:
    get = served({"photo": node_of(GOOD, attributes={"tiled_zarr": {"labels": ["gone"]}})})
    assert get("/ome-zarr/0.4/photo/labels/.zattrs").status == 404
    assert get("/ome-zarr/0.4/photo/.zattrs").status == 200
