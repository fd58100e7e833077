"""`tiled-zarr bake`, as a new user would try it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result

from tiled_zarr.cli import main

VALUES = np.arange(1200 * 700, dtype="<u2").reshape(1200, 700)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has a file."""
    monkeypatch.chdir(tmp_path)
    np.save("data.npy", VALUES)
    np.savez("run.npz", data=VALUES, counts=np.arange(5))


def baked(*words: str) -> Result:
    return CliRunner().invoke(main, ["bake", *words])


def test_an_image_becomes_ome_zarr() -> None:
    done = baked("run.npz::data", "data.ome.zarr")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "data.ome.zarr: 3 arrays, 2.2 MB decoded")
    np.testing.assert_array_equal(zarr.open_group("data.ome.zarr", mode="r")["0"][...], VALUES)


def test_a_tree_becomes_zarr_with_options() -> None:
    options = ["--format", "zarr", "--shards", "400,700", "--chunks", "100,350", "--codec", "gzip:1", "--workers", "1"]
    assert baked("run.npz", "run.zarr", *options).exit_code == 0
    array = zarr.open_group("run.zarr", mode="r")["data"]
    assert (array.chunks, array.shards, array.compressors[0].level) == ((100, 350), (400, 700), 1)
    np.testing.assert_array_equal(array[...], VALUES)


def test_version_2() -> None:
    assert baked("run.npz::data", "two.zarr", "--zarr-format", "2", "--levels", "1").exit_code == 0
    group = zarr.open_group("two.zarr", mode="r")
    assert (group.metadata.zarr_format, sorted(group)) == (2, ["0"])


def test_files_are_opened_as_the_options_say() -> None:
    Path("run.npz").rename("run.foo")
    assert baked("run.foo", "a", "--ext", ".foo=npz", "--format", "zarr").exit_code == 0
    assert zarr.open_group("a", mode="r")["counts"][...].tolist() == [0, 1, 2, 3, 4]


def test_what_is_left_out_is_printed() -> None:
    Path("bad.h5").write_bytes(b"no HDF5")
    done = baked(".", "a", "--format", "zarr")
    assert done.exit_code == 0
    assert "left out: /bad: " in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.npy", "run.npz/x"), "Error: "),
        (("run.npz", "."), "Error: . is not empty: give another target, or remove it"),
        (("nothing.h5", "a"), "there is no such file or folder"),
        (("run.npz::counts", "a", "--format", "ome-zarr"), "there is no such image"),
        (("run.npz", "a", "--shards", "x"), "give sizes in elements, as in 4096,4096"),
        (("run.npz", "a", "--shards", "0,5"), "give sizes of at least 1"),
        (("run.npz", "a", "--codec", "snappy"), "is not a compressor"),
        (("run.npz", "a", "--zarr-format", "2", "--shards", "5,5"), "Zarr v2 has no shards"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str) -> None:
    done = baked(*words)
    assert done.exit_code in {1, 2}
    assert message in done.output
    assert "Traceback" not in done.output
    assert Path("run.npz").is_file()


def test_a_store_goes_on_with_resume() -> None:
    assert baked("data.npy", "a").exit_code == 0
    assert baked("data.npy", "a").exit_code == 1
    assert baked("data.npy", "a", "--resume").exit_code == 0
