"""Whole trees become Zarr: groups, attributes, tables, text, records, sparse arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pandas as pd
import pytest
import sparse
import zarr
from zarr.storage import ZipStore

import tiled_zarr
from baking.twins import files
from tiled_zarr import Group

ZarrFormat = Literal[2, 3]
CUBE = np.arange(40 * 300 * 280, dtype="<i4").reshape(40, 300, 280)
TEXTS = ["a", "ü", "", "longer than the others"] * 3000
RECORDS = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", "<f8")])
COO = sparse.COO(np.array([[0, 5, 699], [3, 5, 800]]), np.array([1.5, 2.5, 3.5]), shape=(700, 801))
FRAME = pd.DataFrame({"x": np.arange(30_000) / 7, "name": ["one", "two", "three"] * 10_000}).rename_axis("row")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "run.h5"
    with h5py.File(path, "w") as made:
        made.attrs["operator"] = "somebody"
        made.create_dataset("entry/cube", data=CUBE, chunks=(1, 300, 280), compression="gzip", shuffle=True)
        made["entry/cube"].attrs["units"] = "counts"
        made.create_dataset("entry/texts", data=np.array(TEXTS, object), dtype=h5py.string_dtype(), chunks=(1000,))
        made["records"], made["pi"], made["none"] = RECORDS, 3.14, np.zeros((0, 3))
        made["times"] = np.arange(10, dtype=">i8")
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_file_of_groups(zarr_format: ZarrFormat, file: Path, tmp_path: Path) -> None:
    made = tiled_zarr.bake(file, tmp_path / "a", zarr_format=zarr_format)
    group = zarr.open_group(tmp_path / "a", mode="r")
    assert group.attrs["operator"] == "somebody"
    assert group["entry/cube"].attrs["units"] == "counts"
    np.testing.assert_array_equal(group["entry/cube"][...], CUBE)
    assert group["entry/texts"][...].tolist() == TEXTS
    np.testing.assert_array_equal(group["records"][...], RECORDS)
    assert (group["pi"][...], group["none"].shape) == (3.14, (0, 3))
    np.testing.assert_array_equal(group["times"][...], np.arange(10))
    assert made.arrays == 6
    assert group.metadata.consolidated_metadata is not None
    for use_consolidated in (True, False):
        opened = zarr.open_group(tmp_path / "a", mode="r", use_consolidated=use_consolidated)
        assert sorted(opened) == ["entry", "none", "pi", "records", "times"]
        assert sorted(opened["entry"]) == ["cube", "texts"]


def test_one_array_of_version_2(file: Path, tmp_path: Path) -> None:
    tiled_zarr.bake(f"{file}::entry/cube", tmp_path / "a", format="zarr", zarr_format=2)
    array = zarr.open_array(tmp_path / "a", mode="r", zarr_format=2)
    assert array.attrs["units"] == "counts"
    np.testing.assert_array_equal(array[...], CUBE)


def test_one_node_inside(file: Path, tmp_path: Path) -> None:
    tiled_zarr.bake(f"{file}::entry/cube", tmp_path / "a", format="zarr", shards=(8, 300, 280))
    array = zarr.open_array(tmp_path / "a", mode="r")
    assert (array.shards, array.attrs["units"]) == ((8, 300, 280), "counts")
    np.testing.assert_array_equal(array[...], CUBE)
    tiled_zarr.bake(f"{file}::entry", tmp_path / "b", format="zarr")
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "b", mode="r")["cube"][3], CUBE[3])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_tables_and_sparse_arrays(zarr_format: ZarrFormat, tmp_path: Path) -> None:
    tree: dict[str, Any] = {"table": FRAME, "sparse": COO, "odd%name": np.arange(3)}
    tiled_zarr.bake(tree, tmp_path / "a", zarr_format=zarr_format, codec="blosc:zstd:1")
    group = zarr.open_group(tmp_path / "a", mode="r")
    np.testing.assert_array_equal(group["table/x"][...], FRAME.x)
    assert group["table/name"][...].tolist() == FRAME["name"].tolist()
    np.testing.assert_array_equal(group["table/row"][...], FRAME.index)
    np.testing.assert_array_equal(group["sparse"][...], COO.todense())
    np.testing.assert_array_equal(group["odd~25name"][...], np.arange(3))


def test_stored_chunks_are_copied_as_they_are(tmp_path: Path) -> None:
    """Blosc's lz4hc at level 9 is not what we would write."""
    stored = zarr.create_array(
        tmp_path / "stored", data=CUBE, chunks=(1, 300, 280), compressors=zarr.codecs.BloscCodec(cname="lz4hc", clevel=9)
    )
    tiled_zarr.bake(tmp_path / "stored", tmp_path / "a", format="zarr", shards=(4, 300, 280))
    array = zarr.open_array(tmp_path / "a", mode="r")
    np.testing.assert_array_equal(array[...], stored[...])
    chunk = (tmp_path / "stored" / "c" / "5" / "0" / "0").read_bytes()
    assert chunk in (tmp_path / "a" / "c" / "1" / "0" / "0").read_bytes()


def test_what_cannot_be_opened_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "bad.h5").write_bytes(b"no HDF5")
    np.save(tmp_path / "source" / "good.npy", np.arange(4))
    made = tiled_zarr.bake(tmp_path / "source", tmp_path / "a")
    assert list(made.left_out) == ["bad"]
    group = zarr.open_group(tmp_path / "a", mode="r")
    assert sorted(group) == ["good"]
    assert list(group.attrs["tiled_zarr"]["unavailable"]) == ["bad"]


LONG, DEEP = "y" * 300, [f"{number:0>250}" for number in range(20)]
"""A name that no file can have, and a path that none can have, although each of its names can be one."""


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "run.h5"
    with h5py.File(path, "w") as made:
        made["entry/good"], made["entry/" + "x" * 255], made["a~" + "~" * 100] = CUBE[0], CUBE[1], 1.5
        made[f"entry/{LONG}"], made[f"entry/{LONG}group/inner"] = CUBE[2], CUBE[3]
        made["/".join([*DEEP, "bottom"])] = 2.5
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("target", ["a", "a.zip"])
def test_names_that_are_too_long_for_files_are_left_out_and_named(
    zarr_format: ZarrFormat, target: str, long_names: Path, tmp_path: Path
) -> None:
    made = tiled_zarr.bake(long_names, tmp_path / target, zarr_format=zarr_format)
    store = tmp_path / "a" if target == "a" else ZipStore(tmp_path / target, mode="r")
    group = zarr.open_group(store, mode="r")
    np.testing.assert_array_equal(group["entry/good"][...], CUBE[0])
    np.testing.assert_array_equal(group[f"entry/{'x' * 255}"][...], CUBE[1])
    assert sorted(group["entry"]) == ["good", "x" * 255]
    why = "a name on its path has 300 bytes in the store, and the target takes 255"
    assert made.left_out[f"entry/{LONG}"] == why
    assert group["entry"].attrs["tiled_zarr"]["unavailable"] == {LONG: why, f"{LONG}group": why.replace("300", "305")}
    assert "304 bytes" in group.attrs["tiled_zarr"]["unavailable"]["a~" + "~" * 100]
    [deep] = [name for name in made.left_out if name.startswith(DEEP[0])]
    assert 10 < deep.count("/") < 20
    assert "a key of it has" in made.left_out[deep]
    above, _, name = deep.rpartition("/")
    assert list(group[above].attrs["tiled_zarr"]["unavailable"]) == [name]


def test_what_is_left_out_is_the_same_when_it_goes_on(long_names: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiled_zarr.bake(long_names, tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr("tiled_zarr.baking.baked.documents", fails)
        with pytest.raises(OSError, match="full"):
            tiled_zarr.bake(long_names, tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    resumed = tiled_zarr.bake(long_names, "b", resume=True)
    assert (files(tmp_path / "b"), resumed.left_out) == (files(tmp_path / "a"), made.left_out)


def fails(*_: object) -> None:
    raise OSError("the disk is full")


def test_a_node_that_the_target_does_not_take_at_all(tmp_path: Path) -> None:
    deep = np.zeros((1,) * 32)
    with pytest.raises(tiled_zarr.Unavailable, match="a key of it has"):
        tiled_zarr.bake(deep, tmp_path.joinpath(*["d" * 250] * 15, "e" * 200), format="zarr")


def test_a_label_with_a_long_name_is_not_listed(tmp_path: Path) -> None:
    """An image with it, and its other labels, stay."""
    labels = {name: Group({"0": tiled_zarr.open(np.ones((40, 40), "i4"))}, attributes=multiscales()) for name in ("cells", LONG)}
    image = Group(
        {"0": tiled_zarr.open(CUBE[0]), "labels": Group(labels, attributes={"labels": list(labels)})},
        attributes=multiscales(),
    )
    tiled_zarr.bake({"image": image}, tmp_path / "a", format="ome-zarr")
    group = zarr.open_group(tmp_path / "a", mode="r")
    assert sorted(group["image/labels"]) == ["cells"]
    assert group["image/labels"].attrs["ome"]["labels"] == ["cells"]
    assert list(group["image/labels"].attrs["tiled_zarr"]["unavailable"]) == [LONG]


def multiscales() -> dict[str, Any]:
    scale = [{"type": "scale", "scale": [1, 1]}]
    axes = [{"name": name, "type": "space"} for name in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    return {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}


def test_an_error_of_a_source_ends_the_bake_without_documents(tmp_path: Path) -> None:
    def read(region: Any) -> np.ndarray:
        raise OSError("the disk is on fire")

    good = np.zeros((3000, 3000))
    broken = tiled_zarr.Array(shape=good.shape, dtype=good.dtype, read=read)
    with pytest.raises(OSError, match="on fire"):
        tiled_zarr.bake(Group({"good": tiled_zarr.open(good), "broken": broken}), tmp_path / "a")
    assert not [name for name in files(tmp_path / "a") if name.endswith("zarr.json")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "n5"}, "give 'ome-zarr' or 'zarr'"),
        ({"zarr_format": 4}, "give 2 or 3"),
        ({"zarr_format": 2, "shards": (10, 10)}, "Zarr v2 has no shards"),
        ({"chunks": (0, 1)}, "sizes of at least 1"),
        ({"levels": 0, "format": "ome-zarr"}, "at least one"),
        ({"levels": 2, "format": "zarr"}, "levels are those of images"),
        ({"codec": "snappy"}, "is not a compressor"),
        ({"format": "ome-zarr", "chunks": (101, 101)}, "even edges"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        tiled_zarr.bake(np.zeros((300, 300)), tmp_path / "a", **options)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("node", "format_", "message"),
    [(np.zeros(5), "ome-zarr", "no such image"), ("nothing.h5", None, "there is no such file"), ("demo::nowhere", "zarr", "no such node")],
)
def test_nodes_that_are_not_there(node: Any, format_: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(tiled_zarr.Unavailable, match=message):
        tiled_zarr.bake(node, tmp_path / "a", format=format_)
    assert not (tmp_path / "a").exists()
