"""Images on other pairs of axes: `/ome-zarr/0.5/~plane=zx/...`, compared with numpy.transpose.

Another library decodes the chunks: zarr-python, from what the server has sent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asgi import ask
from ome.decoding import VERSIONS, level, multiscale
from ome.twins import halved, node_of
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Group
from tiled_zarr.settings import Settings

RANDOM = np.random.default_rng(1)
MOVIE = RANDOM.integers(0, 60_000, (5, 2, 6, 8, 7)).astype("u2")
STACK = RANDOM.normal(size=(40, 600, 12)).astype("f4")
FLAT = np.arange(40 * 50, dtype="u2").reshape(40, 50)
PLACED = {"axes": "zyx", "scale": {"z": 2.0, "y": 0.5, "x": 0.25}, "units": {"z": "micrometer", "y": "nanometer", "x": "millimeter"}}


@pytest.fixture
def app() -> Any:
    children = {
        "movie": node_of(MOVIE, attributes={"tiled_zarr": {"axes": "tczyx"}}),
        "stack": node_of(STACK, attributes={"tiled_zarr": PLACED}),
        "flat": node_of(FLAT),
        "turned": node_of(STACK.astype("u1"), attributes={"tiled_zarr": {"axes": "zyx", "orientation": 6}}),
    }
    return create_app(Group(children={**children, "below": Group(children=children)}), Settings(public=True))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("plane", ["zx", "zy", "tx", "ty", "tz", "xy", "yx"])
def test_level_0_is_numpys_transpose(app: Any, version: str, plane: str) -> None:
    """The axes have their own names: the last two are those that were asked for."""
    described = [axis["name"] for axis in multiscale(app, version, f"~plane={plane}/movie")["axes"]]
    assert "".join(described[-2:]) == plane
    assert sorted(described) == sorted("tczyx")
    expected = MOVIE.transpose(["tczyx".index(name) for name in described])
    np.testing.assert_array_equal(level(app, version, f"~plane={plane}/movie", 0), expected)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", ["stack", "below/stack"])
def test_smaller_levels_are_means_in_the_plane(app: Any, version: str, path: str) -> None:
    """In the plane of y over z, both are halved, and x is not."""
    plane = STACK.transpose(2, 1, 0)
    described = multiscale(app, version, f"~plane=yz/{path}")
    assert [axis["name"] for axis in described["axes"]] == ["x", "y", "z"]
    found = level(app, version, f"~plane=yz/{path}", 1)
    assert found.shape == (12, 300, 20)
    for x in (0, 7, 11):
        np.testing.assert_allclose(found[x], halved(plane[x]), rtol=1e-6)


def test_each_axis_keeps_its_unit_and_the_size_of_its_pixels(app: Any) -> None:
    described = multiscale(app, "0.5", "~plane=zx/stack")
    assert [(axis["name"], axis["unit"]) for axis in described["axes"]] == [("y", "nanometer"), ("z", "micrometer"), ("x", "millimeter")]
    assert described["datasets"][0]["coordinateTransformations"][0]["scale"] == [0.5, 2.0, 0.25]


def test_a_tile_reads_little(app: Any) -> None:
    """A tile of the plane z over x reads the chunks behind its row, not the whole planes."""
    reads: list[int] = []

    def read(region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        reads.append(int(np.prod([part.stop - part.start for part in region])))
        return STACK[region]

    hints = {"tiled_zarr": PLACED}
    node = Array(shape=STACK.shape, dtype=STACK.dtype, read=read, chunks=(1, 50, 12), revision=lambda: "1", attributes=hints)
    served = create_app(Group(children={"stack": node}), Settings(public=True))
    assert ask(served, "/ome-zarr/0.5/~plane=zx/stack/0/c/300/0/0").status == 200
    samples = 40 * 12
    assert sum(reads) <= 40 * 50 * 12 + samples


def test_planes_share_no_chunk(app: Any) -> None:
    """The same key of another plane has other bytes and another tag."""
    answers = [ask(app, f"/ome-zarr/0.5/{part}stack/0/c/0/0/0") for part in ("", "~plane=zx/", "~plane=xz/", "~plane=zy/")]
    assert len({answer.headers["etag"] for answer in answers}) == len(answers)
    assert len({answer.body for answer in answers}) == len(answers)


@pytest.mark.parametrize("path", ["~plane=zx/flat", "~plane=tx/stack", "~plane=zx/turned"])
def test_images_without_both_axes_are_left_out(app: Any, path: str) -> None:
    """So are photographs that are turned upright, whose rows are not those of the array."""
    assert ask(app, f"/ome-zarr/0.5/{path}/zarr.json").status == 404
    assert ask(app, f"/ome-zarr/0.5/{path}/0/c/0/0").status == 404
    assert ask(app, f"/ome-zarr/0.5/{path.rpartition('/')[2]}/zarr.json").status == 200


NO_PLANES = ("~plane=zz", "~plane=z", "~plane=cx", "~plane=zyx", "~plane=", "~plane=zx,codec=zstd", "~plane=zx,plane=zy")


@pytest.mark.parametrize("part", NO_PLANES)
def test_what_is_no_plane_is_refused_with_what_there_is(app: Any, part: str) -> None:
    answer = ask(app, f"/ome-zarr/0.5/{part}/stack/zarr.json")
    assert (answer.status, b"such as plane=zx" in answer.body or b"twice" in answer.body) == (400, True)


def test_exact_data_have_no_plane(app: Any) -> None:
    answer = ask(app, "/zarr/v3/~plane=zx/stack/zarr.json")
    assert (answer.status, b"codec=CODEC" in answer.body) == (400, True)
