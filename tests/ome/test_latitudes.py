"""Maps whose latitude ascends are shown north up: compared with numpy.flipud, and with xarray.

Another library decodes the chunks: zarr-python, from what the server has sent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from asgi import ask
from ome.decoding import VERSIONS, level, multiscale
from ome.twins import assert_same, image, levels, node_of, whole
from tiled_zarr.adapters import adapt, open_file
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Group, Node
from tiled_zarr.ome.display.flips import mirrored
from tiled_zarr.settings import Settings

ROWS, COLUMNS = 61, 530
RANDOM = np.random.default_rng(4)
NUMBERS = RANDOM.integers(0, 30_000, (ROWS, COLUMNS)).astype("i2")
UP = np.linspace(-60, 60, ROWS)
NORTH = {"units": "degrees_north"}
PACKED = {"_FillValue": np.int16(-9999), "scale_factor": 0.01, "add_offset": 273.15, "units": "K"}


def climate() -> xarray.Dataset:
    """Packed temperatures with marks, their southernmost row first."""
    values = np.where(RANDOM.random((2, ROWS, COLUMNS)) < 0.1, -9999, NUMBERS).astype("i2")
    coordinates = {"lat": ("lat", UP.astype("f4"), NORTH), "lon": ("lon", np.arange(COLUMNS) / 2, {"units": "degrees_east"})}
    return xarray.Dataset({"t2m": (("time", "lat", "lon"), values, PACKED)}, coords=coordinates)


def zarr_store(data: xarray.Dataset, folder: Path, version: int) -> Node:
    data.to_zarr(folder / f"{version}.zarr", zarr_format=version, consolidated=False)
    return open_file(folder / f"{version}.zarr")


def netcdf(data: xarray.Dataset, folder: Path) -> Node:
    data.to_netcdf(folder / "map.nc")
    return open_file(folder / "map.nc")


SOURCES = {
    "netCDF-4": netcdf,
    "Zarr v2": lambda data, folder: zarr_store(data, folder, 2),
    "Zarr v3": lambda data, folder: zarr_store(data, folder, 3),
    "xarray": lambda data, _: adapt(data),
}


def served(node: Node) -> Any:
    return create_app(Group(children={"map": node}), Settings(public=True))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_map_of_a_file_is_north_up_and_unpacked(tmp_path: Path, source: Any) -> None:
    """The first row is the northernmost one that xarray decodes; the levels are of the flipped map."""
    data = climate()
    truth = xarray.decode_cf(data)["t2m"].sortby("lat", ascending=False).values.astype("f4")
    app = served(source(data, tmp_path))
    got = level(app, "0.5", "map/t2m", 0)
    np.testing.assert_allclose(got, truth, rtol=2e-7)
    for time in range(2):
        assert_same(level(app, "0.5", "map/t2m", 1)[time], levels(got[time], 2)[1])
    assert multiscale(app, "0.5", "map/t2m")["metadata"]["flipped"] == ["y"]


@pytest.mark.parametrize("version", VERSIONS)
def test_zarr_stays_raw(version: str) -> None:
    data = climate()
    app = served(adapt(data))
    document = json.loads(ask(app, "/zarr/v3/map/t2m/zarr.json").body)
    shape = document["chunk_grid"]["configuration"]["chunk_shape"]
    chunk = np.zeros(shape, "i2")
    first = data["t2m"].values[tuple(slice(0, size) for size in shape)]
    chunk[tuple(slice(0, size) for size in first.shape)] = first
    assert "flipped" not in document["attributes"].get("tiled_zarr", {})
    body = ask(app, "/zarr/v3/~codec=none/map/t2m/c/0/0/0").body
    np.testing.assert_array_equal(np.frombuffer(body, "<i2").reshape(shape), chunk)
    assert multiscale(app, version, "map/t2m")["metadata"]["flipped"] == ["y"]


def group(coordinate: Any, attributes: dict[str, Any], name: str = "lat", hint: dict[str, Any] | None = None) -> Group:
    """A map, with a hint if one is given, beside the coordinate of its rows."""
    latitudes = np.asarray(coordinate)
    values = node_of(NUMBERS, dimension_names=(name, "lon"), attributes={} if hint is None else {"tiled_zarr": hint})
    return Group(children={"t": values, name: node_of(latitudes, attributes=attributes)}, blocking=True)


ASCENDING = {
    "a unit": (UP, NORTH, "south_north"),
    "another spelling": (UP, {"units": "degree_N"}, "y"),
    "a standard name": (UP, {"standard_name": "latitude", "units": "degrees"}, "rows"),
    "a name": (UP, {}, "Latitude"),
    "integers": (np.arange(ROWS, dtype="u2"), NORTH, "lat"),
    "packed backwards": (np.arange(ROWS, dtype="u2")[::-1], {**NORTH, "scale_factor": -1.0}, "lat"),
}
OTHERS = {
    "north first": (UP[::-1], NORTH, "lat"),
    "rotated poles": (UP, {"standard_name": "grid_latitude", "units": "degrees"}, "rlat"),
    "metres": (UP, {"units": "m", "standard_name": "projection_y_coordinate"}, "y"),
    "a unit of something else": (UP, {"units": "m"}, "lat"),
    "two dimensions": (np.broadcast_to(UP[:, None], (ROWS, 3)), NORTH, "lat"),
    "another length": (UP[:-1], NORTH, "lat"),
    "texts": (np.full(ROWS, "north"), NORTH, "lat"),
    "no number": (np.full(ROWS, np.nan), NORTH, "lat"),
    "without a name or a unit": (UP, {}, "y"),
}


def is_flipped(app: Any, path: str) -> bool:
    """Whether an image says that it is flipped; its first row must agree."""
    said = "flipped" in multiscale(app, "0.5", path)["metadata"]
    np.testing.assert_array_equal(level(app, "0.5", path, 0)[0], NUMBERS[-1 if said else 0])
    return said


@pytest.mark.parametrize(("latitudes", "attributes", "name"), ASCENDING.values(), ids=ASCENDING)
def test_latitudes_that_ascend(latitudes: Any, attributes: dict[str, Any], name: str) -> None:
    assert is_flipped(served(group(latitudes, attributes, name)), "map/t")


@pytest.mark.parametrize(("latitudes", "attributes", "name"), OTHERS.values(), ids=OTHERS)
def test_other_coordinates_change_nothing(latitudes: Any, attributes: dict[str, Any], name: str) -> None:
    assert not is_flipped(served(group(latitudes, attributes, name)), "map/t")


def test_the_coordinate_may_lie_in_a_group_above() -> None:
    """As in netCDF; but not in a folder, whose children are separate sources."""
    below = Group(children={"deep": Group(children={"t": node_of(NUMBERS, dimension_names=("lat", "lon"))}, blocking=True)}, blocking=True)
    north = {"map": below, "lat": node_of(UP, attributes=NORTH)}
    assert is_flipped(served(Group(children=north, blocking=True)), "map/map/deep/t")
    assert not is_flipped(served(Group(children=north, blocking=True, kind="folder")), "map/map/deep/t")


def test_a_coordinate_is_read_once_and_two_items_of_it() -> None:
    reads: list[tuple[slice, ...]] = []

    def read(region: tuple[slice, ...]) -> Any:
        reads.append(region)
        return UP[region]

    latitudes = Array(shape=UP.shape, dtype=UP.dtype, read=read, attributes=NORTH, revision=lambda: "1")
    maps = {name: node_of(NUMBERS, dimension_names=("lat", "lon")) for name in "abc"}
    app = served(Group(children={**maps, "lat": latitudes}, blocking=True))
    assert all(is_flipped(app, f"map/{name}") for name in maps)
    assert len(reads) == 2
    assert all(part.stop - part.start == 1 for (part,) in reads)


def test_a_coordinate_that_cannot_be_read_changes_nothing() -> None:
    def read(_: tuple[slice, ...]) -> Any:
        raise OSError("the disk has gone")

    latitudes = Array(shape=UP.shape, dtype=UP.dtype, read=read, attributes=NORTH)
    app = served(Group(children={"t": node_of(NUMBERS, dimension_names=("lat", "lon")), "lat": latitudes}, blocking=True))
    assert not is_flipped(app, "map/t")


def test_the_event_loop_reads_no_file() -> None:
    """In a group that is looked up there, a coordinate whose read blocks is left alone."""
    app = served(Group(children={"t": node_of(NUMBERS, dimension_names=("lat", "lon")), "lat": node_of(UP, attributes=NORTH)}))
    assert not is_flipped(app, "map/t")


@pytest.mark.parametrize(
    ("flipped", "expected"), [([], NUMBERS), (["y"], NUMBERS[::-1]), (["x"], NUMBERS[:, ::-1]), (["x", "y", "c", 3], NUMBERS[::-1, ::-1])]
)
def test_a_hint_wins(flipped: list[Any], expected: Any) -> None:
    app = served(group(UP, NORTH, hint={"flipped": flipped}))
    np.testing.assert_array_equal(level(app, "0.5", "map/t", 0), expected)


def test_chunks_of_both_ways_have_tags_of_their_own() -> None:
    """A client that has the map of the version before upside down must not mix the two."""
    tags = [
        ask(served(group(UP, NORTH, hint=hint)), f"/ome-zarr/0.5/map/t/{number}/c/0/0").headers["etag"]
        for hint in (None, {"flipped": []})
        for number in (0, 1)
    ]
    assert len(set(tags)) == len(tags)


def test_pixels_keep_their_place_on_the_globe() -> None:
    """Sizes are positive, so coordinates along y have the other sign: they ascend to the south."""
    placed = {"scale": {"y": 2.0, "x": 0.5}}
    first = {"placements": [{**placed, "translation": {"y": -60.0, "x": 10.0}}]}
    described = multiscale(served(group(UP, NORTH, hint=first)), "0.5", "map/t")
    for number, dataset in enumerate(described["datasets"]):
        (scale,), (translation,) = (
            [one[kind] for one in dataset["coordinateTransformations"] if kind in one] for kind in ("scale", "translation")
        )
        factor = 2**number
        middles = -UP[::-1][:factor].mean(), 10 + 0.5 * (factor - 1) / 2
        np.testing.assert_allclose(scale, [2.0 * factor, 0.5 * factor])
        np.testing.assert_allclose(translation, middles)
    unplaced = multiscale(served(group(UP, NORTH)), "0.5", "map/t")["datasets"][0]["coordinateTransformations"]
    assert unplaced[1]["translation"] == [0, 0]


def test_other_planes_are_of_the_flipped_map() -> None:
    values = RANDOM.integers(0, 255, (5, ROWS, 8)).astype("u1")
    node = node_of(values, dimension_names=("depth", "lat", "lon"))
    app = served(Group(children={"t": node, "lat": node_of(UP, attributes=NORTH)}, blocking=True))
    np.testing.assert_array_equal(level(app, "0.5", "~plane=zy/map/t", 0), values[:, ::-1].transpose(2, 0, 1))
    assert multiscale(app, "0.5", "~plane=zy/map/t")["metadata"]["flipped"] == ["y"]


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_a_mirrored_array_reads_and_steps_like_numpy(axes: tuple[int, ...]) -> None:
    values = np.arange(11 * 7).reshape(11, 7)
    node = mirrored(
        node_of(values, read_stepped=lambda region, steps: values[region][tuple(slice(None, None, step) for step in steps)]), axes
    )
    truth = np.flip(values, axes)
    np.testing.assert_array_equal(whole(node), truth)
    for start in range(11):
        for stop in range(start, 12):
            region = (slice(start, stop), slice(2, 7))
            np.testing.assert_array_equal(node.read(region), truth[region])
            for step in (1, 2, 3, 12):
                assert node.source.read_stepped is not None
                np.testing.assert_array_equal(node.source.read_stepped(region, (step, 2)), truth[region][::step, ::2])


def test_complex_numbers_and_channels_are_flipped_too() -> None:
    values = np.exp(1j * RANDOM.normal(size=(20, 30)))
    made = image(node_of(values, attributes={"tiled_zarr": {"flipped": ["y"]}}))
    np.testing.assert_allclose(whole(made.level(0)), np.stack([np.abs(values), np.angle(values)])[:, ::-1].astype("f4"), rtol=1e-6)
