"""Images become OME-Zarr: each level equals numpy's, and the level that is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pytest
import tifffile
import zarr

import tiled_zarr
from baking.twins import levels
from tiled_zarr import Array, Group, ome
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Region
from tiled_zarr.resources import Resources
from tiled_zarr.stores import KeySpaceStore

RNG = np.random.default_rng(15)
ZarrFormat = Literal[2, 3]
VERSIONS: dict[ZarrFormat, Any] = {2: "0.4", 3: "0.5"}


def plain() -> np.ndarray:
    return RNG.integers(0, 4000, (1300, 1701)).astype("u2")


def with_gaps() -> np.ndarray:
    values = RNG.normal(size=(2, 1100, 600)).astype("f4")
    values[RNG.random(values.shape) < 0.3] = np.nan
    return values


def with_marks() -> np.ndarray:
    """65535 means "no value here": a mean must skip it in every level."""
    values = RNG.integers(100, 200, (2200, 1600)).astype("u2")
    values[300:900, 200:1500] = 65535
    return values


IMAGES = {"plain": plain(), "gaps": with_gaps(), "big endian": plain().astype(">u2"), "small": plain()[:60, :70]}


def node_of(values: np.ndarray, **fields: Any) -> Array:
    return Array(shape=values.shape, dtype=values.dtype, read=values.__getitem__, blocking=False, revision=lambda: "1", **fields)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_every_level_is_that_of_numpy(name: str, zarr_format: ZarrFormat, tmp_path: Path) -> None:
    shards = (1024, 1024) if zarr_format == 3 else None
    tiled_zarr.bake(node_of(IMAGES[name]), tmp_path / "a", shards=shards, zarr_format=zarr_format)
    group = zarr.open_group(tmp_path / "a", mode="r")
    expected = levels(IMAGES[name], group["0"].chunks[-1])
    assert sorted(group) == [str(number) for number in range(len(expected))]
    for number, level in enumerate(expected):
        got = group[str(number)]
        assert got.metadata.zarr_format == zarr_format
        np.testing.assert_allclose(got[...], level, rtol=1e-6 if level.dtype.kind == "f" else 0)


def served(values: Array, zarr_format: ZarrFormat) -> Iterator[np.ndarray]:
    """The levels of the OME view, all of them exact."""
    pyramids = ome.Pyramids.of(Resources.of(), folder=None, budget=1 << 30)
    try:
        root = ome.view(Group({"image": values}), VERSIONS[zarr_format], pyramids)
        keyspace = KeySpace(root, v3 if zarr_format == 3 else v2, Config(separator="/"))
        group = zarr.open_group(KeySpaceStore(keyspace), path="image", mode="r", zarr_format=zarr_format)
        for _, level in sorted(group.arrays()):
            yield level[...]
    finally:
        pyramids.close()


SERVED = {
    "marks": node_of(with_marks()),
    "labels": node_of(RNG.integers(0, 5, (1300, 700)).astype("i4"), attributes={"tiled_zarr": {"is_label": True}}),
    "photograph": node_of(RNG.integers(0, 255, (1100, 700, 3)).astype("u1")),
    "packed": node_of(plain().astype("i2"), attributes={"scale_factor": 0.5, "add_offset": 3.0, "_FillValue": 7}),
    "wide integers": node_of(plain().astype("i8")),
    "chunks of other sizes": node_of(plain(), chunks=(300, 1701)),
    "stack": node_of(RNG.normal(size=(3, 2, 600, 530)), dimension_names=tuple("zcyx")),
}


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_every_level_is_the_one_that_is_served(name: str, zarr_format: ZarrFormat, tmp_path: Path) -> None:
    tiled_zarr.bake(SERVED[name], tmp_path / "a", format="ome-zarr", zarr_format=zarr_format)
    group = zarr.open_group(tmp_path / "a", mode="r")
    for number, level in enumerate(served(SERVED[name], zarr_format)):
        np.testing.assert_array_equal(group[str(number)][...], level)
        assert group[str(number)].dtype == level.dtype
    assert len(group) == number + 1


def test_marks_are_skipped_in_every_level(tmp_path: Path) -> None:
    """The means of numbers from 100 to 200 are among these; with marks taken for numbers they are not."""
    tiled_zarr.bake(SERVED["marks"], tmp_path / "a", shards=(512, 512))
    group = zarr.open_group(tmp_path / "a", mode="r")
    for _, level in group.arrays():
        values = level[...]
        assert {*np.unique(values)} - {0} <= {*range(100, 200)}
        assert (values == 0).any()
    assert not (tmp_path / "a" / ".tiled-zarr-scratch").exists()


def test_the_document_names_the_levels_and_says_that_they_are_exact(tmp_path: Path) -> None:
    tiled_zarr.bake(SERVED["packed"], tmp_path / "a", levels=2)
    [multiscale] = zarr.open_group(tmp_path / "a", mode="r").attrs["ome"]["multiscales"]
    assert [dataset["path"] for dataset in multiscale["datasets"]] == ["0", "1"]
    assert multiscale["metadata"]["sampled"] == []
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"0", "1", "zarr.json"}


def test_the_source_is_read_once(tmp_path: Path) -> None:
    """Each pixel, whatever the number of levels. A label has no contrast limits to look for."""
    values = RNG.integers(0, 5, (2100, 1700)).astype("u2")
    reads = np.zeros(values.shape, "u1")

    def read(region: Region) -> np.ndarray:
        reads[region] += 1
        return values[region]

    node = Array(shape=values.shape, dtype=values.dtype, read=read, chunks=(2, 1700), attributes={"tiled_zarr": {"is_label": True}})
    tiled_zarr.bake(node, tmp_path / "a", format="ome-zarr", workers=1)
    assert (reads == 1).all()


@pytest.mark.parametrize("edges", [(256, 256), (1024, 512)])
def test_chunks_and_shards_are_as_asked_for(edges: tuple[int, int], tmp_path: Path) -> None:
    values = plain()
    tiled_zarr.bake(node_of(values), tmp_path / "a", chunks=edges, shards=(1024, 1024), codec="zstd:3")
    group = zarr.open_group(tmp_path / "a", mode="r")
    assert {level.chunks for _, level in group.arrays()} == {edges}
    assert group["0"].shards == (1024, 1024)
    assert [type(codec).__name__ for codec in group["0"].compressors] == ["ZstdCodec"]
    for number, level in enumerate(levels(values)):
        np.testing.assert_array_equal(group[str(number)][...], level)


def test_levels_that_the_source_stores_are_copied(tmp_path: Path) -> None:
    """The stored level is no mean of the first, and the next one is made from it."""
    root = zarr.open_group(tmp_path / "stored", mode="w")
    first, second = plain()[:1200, :1200], np.full((600, 600), 9, "u2")
    for name, values in (("0", first), ("1", second)):
        root.create_array(name, data=values, chunks=(256, 256))
    datasets = [{"path": path, "coordinateTransformations": [{"type": "scale", "scale": [2**n, 2**n]}]} for n, path in enumerate("01")]
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    root.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    tiled_zarr.bake(tmp_path / "stored", tmp_path / "a")
    group = zarr.open_group(tmp_path / "a", mode="r")
    np.testing.assert_array_equal(group["0"][...], first)
    np.testing.assert_array_equal(group["1"][...], second)
    np.testing.assert_array_equal(group["2"][...], np.full((300, 300), 9))


def test_images_in_a_tree_become_images_and_nothing_else(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("scans/one", data=plain(), chunks=(100, 200), compression="gzip")
        file.create_dataset("scans/line", data=np.arange(5))
    made = tiled_zarr.bake(tmp_path / "a.h5", tmp_path / "a", format="ome-zarr")
    assert made.arrays == 3
    group = zarr.open_group(tmp_path / "a", mode="r")
    assert sorted(group["scans"]) == ["one"]
    for number, level in enumerate(levels(plain_of(tmp_path / "a.h5"))):
        np.testing.assert_array_equal(group["scans"]["one"][str(number)][...], level)


def plain_of(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        values: np.ndarray = file["scans/one"][...]
    return values


def test_a_file_of_one_image(tmp_path: Path) -> None:
    values = plain()
    tifffile.imwrite(tmp_path / "scan.tif", values, tile=(256, 256), compression="zlib")
    tiled_zarr.bake(tmp_path / "scan.tif", tmp_path / "a")
    group = zarr.open_group(tmp_path / "a", mode="r")
    assert group.attrs["ome"]["multiscales"][0]["name"] == "scan"
    np.testing.assert_array_equal(group["0"][...], values)
