"""A store in one ZIP file."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

import tiled_zarr
from baking.twins import files, levels
from tiled_zarr.baking import CannotBake, zips


@pytest.fixture
def source(tmp_path: Path) -> Path:
    np.save(tmp_path / "scan.npy", np.random.default_rng(1).integers(0, 900, (1500, 1300)).astype("u2"))
    return tmp_path / "scan.npy"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_reads_it(zarr_format: int, source: Path, tmp_path: Path) -> None:
    tiled_zarr.bake(source, tmp_path / "a.zip", zarr_format=zarr_format)  # type: ignore[arg-type] # 2 or 3
    with ZipStore(tmp_path / "a.zip", mode="r") as store:
        group = zarr.open_group(store, mode="r")
        for number, level in enumerate(levels(np.load(source))):
            np.testing.assert_array_equal(group[str(number)][...], level)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "scan.npy"]


def test_members_are_those_of_a_folder_and_not_compressed(source: Path, tmp_path: Path) -> None:
    tiled_zarr.bake(source, tmp_path / "a.zip")
    tiled_zarr.bake(source, tmp_path / "a")
    with ZipFile(tmp_path / "a.zip") as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == files(tmp_path / "a")
        assert {info.compress_type for info in archive.infolist()} == {ZIP_STORED}


def test_one_that_was_not_packed_goes_on(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled_zarr.bake(source, tmp_path / "a.zip")
    with monkeypatch.context() as patch:
        patch.setattr(zips.shutil, "copyfileobj", fails)
        with pytest.raises(OSError, match="full"):
            tiled_zarr.bake(source, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
    tiled_zarr.bake(source, tmp_path / "b.zip", resume=True)
    assert (tmp_path / "b.zip").read_bytes() == (tmp_path / "a.zip").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip", "scan.npy"]


def fails(*_: object) -> None:
    raise OSError("the disk is full")


def test_one_that_is_there_is_left_alone(source: Path, tmp_path: Path) -> None:
    tiled_zarr.bake(source, tmp_path / "a.zip")
    before = (tmp_path / "a.zip").read_bytes()
    with pytest.raises(CannotBake, match="is not empty"):
        tiled_zarr.bake(source, tmp_path / "a.zip")
    with pytest.raises(CannotBake, match="with other options"):
        tiled_zarr.bake(source, tmp_path / "a.zip", resume=True, codec="none")
    tiled_zarr.bake(source, tmp_path / "a.zip", resume=True)
    assert (tmp_path / "a.zip").read_bytes() == before


def test_a_file_that_is_no_archive_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")
    with pytest.raises(CannotBake, match="is not empty"):
        tiled_zarr.bake(source, tmp_path / "a.zip", resume=True)
    assert (tmp_path / "a.zip").read_bytes() == b"mine"
