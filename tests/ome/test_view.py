"""The tree as OME-NGFF shows it, through the key space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ome.twins import node_of, stores
from tiled_zarr import ome
from tiled_zarr.encoding.encode import encode
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk, Document, KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Array, Group, Table
from tiled_zarr.options import NO_OPTIONS

IMAGE = np.arange(700 * 900, dtype="u2").reshape(700, 900)


def tree() -> Group:
    hint = {"scale": {"y": 0.5, "x": 0.25}, "units": {"y": "micrometer", "x": "micrometer"}, "labels": ["cells", "gone"]}
    channels = [{"label": "DAPI", "color": "0000FF", "window": {"start": 10, "end": 90}}, {"color": "no colour"}]
    stack = np.zeros((2, 5, 40, 30), "f8")
    stack[:] = np.arange(30)
    inner: dict[str, Any] = {
        "image": node_of(IMAGE, attributes={"tiled_zarr": hint}),
        "cells": node_of(IMAGE // 1000, attributes={"tiled_zarr": {"is_label": True}}),
        "stack": node_of(stack, dimension_names=tuple("czyx"), attributes={"tiled_zarr": {"channels": channels}}),
        "colour": node_of(np.zeros((30, 40, 3), "u1")),
        "line": node_of(np.zeros(5)),
        "text": node_of(np.zeros((5, 5), "U3")),
        "table": Table(children={"a": node_of(np.zeros(5))}),
        "odd/name": node_of(IMAGE),
    }
    return Group(children={"group": Group(children=inner, attributes={"a": 1})})


@pytest.fixture
def spaces() -> Iterator[dict[str, KeySpace]]:
    pyramids = ome.Pyramids(stores())
    root = tree()
    yield {
        "0.4": KeySpace(ome.view(root, "0.4", pyramids), v2, Config(separator="/")),
        "0.5": KeySpace(ome.view(root, "0.5", pyramids), v3),
    }
    pyramids.close()


def document(space: KeySpace, key: str) -> dict[str, Any]:
    found = space.resolve(key)
    assert isinstance(found, Document)
    body = found.body()
    assert body is not None
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def attributes(spaces: dict[str, KeySpace], version: str, path: str) -> dict[str, Any]:
    if version == "0.4":
        return document(spaces["0.4"], f"{path}/.zattrs")
    inner: dict[str, Any] = document(spaces["0.5"], f"{path}/zarr.json")["attributes"]["ome"]
    return inner


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_groups_and_images_are_there_and_nothing_else(spaces: dict[str, KeySpace], version: str) -> None:
    space = spaces[version]
    group = space.group("group")
    assert group is not None
    assert [entry.name for entry in space.listing(group)] == ["image", "cells", "stack", "colour", "odd~2fname"]
    for absent in ("group/line", "group/text", "group/table", "group/none"):
        assert space.group(absent) is None
        assert space.resolve(f"{absent}/.zgroup") is None
        assert space.resolve(f"{absent}/zarr.json") is None


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_multiscales(spaces: dict[str, KeySpace], version: str) -> None:
    [multiscale] = attributes(spaces, version, "group/image")["multiscales"]
    assert multiscale["axes"] == [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    assert [dataset["path"] for dataset in multiscale["datasets"]] == ["0", "1"]
    assert multiscale["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [0.5, 0.25]},
        {"type": "translation", "translation": [0, 0]},
    ]
    assert multiscale["datasets"][1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1, 0.5]},
        {"type": "translation", "translation": [0.25, 0.125]},
    ]
    assert (multiscale["type"], multiscale["metadata"]) == ("mean", {"sampled": []})


def test_levels_have_equal_square_chunks_and_the_axes_as_names(spaces: dict[str, KeySpace]) -> None:
    for level, shape in [(0, [700, 900]), (1, [350, 450])]:
        header = document(spaces["0.4"], f"group/image/{level}/.zarray")
        assert (header["shape"], header["chunks"], header["dimension_separator"], header["dtype"]) == (shape, [512, 512], "/", "<u2")
        newer = document(spaces["0.5"], f"group/image/{level}/zarr.json")
        assert (newer["shape"], newer["dimension_names"]) == (shape, ["y", "x"])
        assert newer["chunk_grid"]["configuration"]["chunk_shape"] == [512, 512]
    assert document(spaces["0.5"], "group/stack/0/zarr.json")["chunk_grid"]["configuration"]["chunk_shape"] == [1, 1, 64, 64]


@pytest.mark.parametrize(
    ("version", "good", "bad"), [("0.4", "group/image/0/1/1", "group/image/0/1.1"), ("0.5", "group/image/0/c/1/1", "group/image/0/c.1.1")]
)
def test_chunks(spaces: dict[str, KeySpace], version: str, good: str, bad: str) -> None:
    chunk = spaces[version].resolve(good)
    assert isinstance(chunk, Chunk)
    assert encode(chunk)
    assert spaces[version].resolve(bad) is None
    assert spaces[version].resolve(good.replace("1/1", "2/0")) is None


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_channels(spaces: dict[str, KeySpace], version: str) -> None:
    omero = attributes(spaces, version, "group/stack")["omero"]
    first, second = omero["channels"]
    assert (first["label"], first["color"], first["active"]) == ("DAPI", "0000FF", True)
    assert first["window"] == {"min": 0, "max": 90, "start": 10, "end": 90}
    assert (second["label"], second["color"]) == ("channel 1", "00FF00")
    assert omero["rdefs"] == {"defaultT": 0, "defaultZ": 2, "model": "color"}
    colours = attributes(spaces, version, "group/colour")["omero"]["channels"]
    assert [channel["color"] for channel in colours] == ["FF0000", "00FF00", "0000FF"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels(spaces: dict[str, KeySpace], version: str) -> None:
    assert "omero" not in attributes(spaces, version, "group/cells")
    assert attributes(spaces, version, "group/cells")["multiscales"][0]["type"] == "mode"
    assert attributes(spaces, version, "group/image/labels")["labels"] == ["cells"]
    assert attributes(spaces, version, "group/image/labels/cells")["multiscales"][0]["type"] == "mode"
    if version == "0.5":
        assert document(spaces["0.5"], "group/image/labels/zarr.json")["attributes"]["labels"] == ["cells"]


def test_only_images_have_consolidated_metadata(spaces: dict[str, KeySpace]) -> None:
    """Those of a whole tree would need samples of every image."""
    assert document(spaces["0.4"], "group/stack/.zmetadata")["metadata"].keys() == {".zgroup", ".zattrs", "0/.zarray", "0/.zattrs"}
    assert document(spaces["0.5"], "group/stack/zarr.json")["consolidated_metadata"]["metadata"].keys() == {"0"}
    for group in ("", "group/"):
        found = spaces["0.4"].resolve(f"{group}.zmetadata")
        assert isinstance(found, Document)
        assert found.body() is None
        assert "consolidated_metadata" not in document(spaces["0.5"], f"{group}zarr.json")


def test_both_versions_share_their_levels() -> None:
    reads: list[object] = []

    def read(region: tuple[slice, ...]) -> np.ndarray:
        reads.append(region)
        return IMAGE[region]

    node = Array(shape=IMAGE.shape, dtype=IMAGE.dtype, read=read, revision=lambda: "1")
    pyramids = ome.Pyramids(stores())
    root = Group(children={"image": node})
    made = pyramids.image("/image", node, NO_OPTIONS)
    assert made is not None
    made.attributes("0.4", "image")  # looks at samples, once
    reads.clear()
    for version, module in (("0.4", v2), ("0.5", v3)):
        space = KeySpace(ome.view(root, version, pyramids), module)  # type: ignore[arg-type] # a literal
        chunk = space.resolve("image/1/0.0" if version == "0.4" else "image/1/c/0/0")
        assert isinstance(chunk, Chunk)
        encode(chunk)
    assert len(reads) == 4


def test_a_node_that_was_opened_again_keeps_its_windows() -> None:
    """As long as its revision stands; a file's node may be another object at every request."""
    pyramids = ome.Pyramids(stores())
    first = pyramids.image("/a", node_of(IMAGE), NO_OPTIONS)
    assert pyramids.image("/a", node_of(IMAGE), NO_OPTIONS) is first
    assert pyramids.image("/a", node_of(IMAGE, revision=lambda: "2"), NO_OPTIONS) is not first
