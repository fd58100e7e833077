"""What folders cost as they grow, counted in files opened, folders listed and calls of `stat`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from looking import Looks, looking, tick
from tiled_zarr import ome
from tiled_zarr.adapters.common import folders
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.assembly import pyramids_of
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Document, KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Group
from tiled_zarr.settings import Settings
from tiled_zarr.tree import grafted, resources_of
from tiled_zarr.views.mirror import Mirror

pytestmark = pytest.mark.usefixtures("trusted")
VALUES = np.arange(12)
CONSOLIDATED = [(v2, ".zmetadata"), (v3, "zarr.json")]
BOUND = Config(max_nodes=20)


def fill(folder: Path, count: int) -> None:
    """Files that cost nothing to make."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "0x.npy", VALUES)
    for i in range(1, count):
        shutil.copyfile(folder / "0x.npy", folder / f"{i}x.npy")


def document(keys: KeySpace, key: str) -> Any:
    """A document as JSON; None if there is none."""
    found = keys.resolve(key)
    assert isinstance(found, Document)
    body = found.body()
    return None if body is None else json.loads(body)


def members(keys: KeySpace, key: str) -> int | None:
    """How many nodes a document tells of besides the one it describes; None if it is alone."""
    found = document(keys, key)
    if key.endswith("zarr.json"):
        return len(found["consolidated_metadata"]["metadata"]) if "consolidated_metadata" in found else None
    return None if found is None else len({name.rpartition("/")[0] for name in found["metadata"]} - {""})


def cost(keys: KeySpace, key: str) -> Looks:
    """What a document costs."""
    with looking() as looks:
        document(keys, key)
    return looks


@pytest.mark.parametrize(("format_", "name"), CONSOLIDATED)
def test_a_folder_of_too_many_files_opens_none(tmp_path: Path, format_: ModuleType, name: str) -> None:
    fill(tmp_path, 30)
    keys = KeySpace(open_directory(tmp_path), format_, BOUND)
    assert cost(keys, name).opened == 0
    assert members(keys, name) is None
    again = cost(keys, name)
    assert (again.opened, again.listed) == (0, 0)
    assert again.stats <= 3


@pytest.mark.parametrize("count", [5, 50])
@pytest.mark.parametrize(("format_", "name"), CONSOLIDATED)
def test_folders_of_too_many_files_are_counted_before_one_is_opened(tmp_path: Path, format_: ModuleType, name: str, count: int) -> None:
    """Not one of the files is, though each folder alone has few enough."""
    for i in range(5):
        fill(tmp_path / "a" / str(i), count // 5)
    fill(tmp_path / "b", 15)
    keys = KeySpace(open_directory(tmp_path), format_, BOUND)
    first = cost(keys, name)
    assert first.opened == 0
    assert first.listed <= 7
    assert members(keys, name) is None
    again = cost(keys, name)
    assert (again.opened, again.listed) == (0, 0)
    assert again.stats <= 2 * 8 + 2, "twice for each folder"


def test_that_there_are_too_many_is_forgotten_as_soon_as_there_are_not(tmp_path: Path) -> None:
    for i in range(3):
        fill(tmp_path / str(i), 10)
    keys = KeySpace(open_directory(tmp_path), v3, BOUND)
    assert members(keys, "zarr.json") is None
    for path in [*(tmp_path / "2").iterdir()][2:]:
        path.unlink()
    assert members(keys, "zarr.json") is None
    for path in [*(tmp_path / "1").iterdir()][5:]:
        path.unlink()
    assert members(keys, "zarr.json") == 3 + 10 + 5 + 2
    fill(tmp_path / "3", 1)
    assert members(keys, "zarr.json") is None
    shutil.rmtree(tmp_path / "3")
    assert members(keys, "zarr.json") == 20


def test_what_a_kept_document_tells_follows_its_folder(tmp_path: Path) -> None:
    for i in range(3):
        fill(tmp_path / str(i), 10)
    keys = KeySpace(open_directory(tmp_path), v3, BOUND)
    assert document(keys, "zarr.json")["attributes"] == {}
    (tmp_path / "notes.txt").touch()
    assert document(keys, "zarr.json")["attributes"]["tiled_zarr"]["unknown"] == {"files": 1, "suffixes": {"txt": 1}}
    (tmp_path / "link").symlink_to("nowhere")
    assert list(document(keys, "zarr.json")["attributes"]["tiled_zarr"]["unavailable"]) == ["link"]


def test_a_kept_document_names_a_folder_that_can_no_longer_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        fill(tmp_path / str(i), 10)
    keys = KeySpace(open_directory(tmp_path), v3, BOUND)
    document(keys, "zarr.json")
    stat = os.stat

    def refusing(path: Any, **options: Any) -> os.stat_result:
        if path == str(tmp_path / "1"):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refusing)
        assert list(document(keys, "zarr.json")["attributes"]["tiled_zarr"]["unavailable"]) == ["1"]
    assert document(keys, "zarr.json")["attributes"] == {}


def test_a_listing_that_is_not_trusted_yet_keeps_no_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "COARSEST_CLOCK", 3600 * 10**9)
    fill(tmp_path, 30)
    keys = KeySpace(open_directory(tmp_path), v3, BOUND)
    document(keys, "zarr.json")
    assert cost(keys, "zarr.json").listed > 0


def test_mounted_folders_are_counted_too(tmp_path: Path) -> None:
    for i in range(3):
        fill(tmp_path / "data" / str(i), 10)
    keys = KeySpace(grafted({"here": open_directory(tmp_path / "data"), "there": open_directory(tmp_path)}), v3, BOUND)
    assert cost(keys, "zarr.json").opened == 0
    assert members(keys, "zarr.json") is None


def test_a_folder_as_ome_shows_it_opens_none_of_too_many_files(tmp_path: Path) -> None:
    settings = Settings(public=True)
    pyramids = pyramids_of(settings, resources_of(settings))
    try:
        fill(tmp_path, 30)
        keys = KeySpace(ome.view(open_directory(tmp_path), "0.5", pyramids), v3, BOUND)
        assert cost(keys, "zarr.json").opened == 0
        again = cost(keys, "zarr.json")
        assert (again.opened, again.listed) == (0, 0)
    finally:
        pyramids.close()


def test_an_array_among_too_many_opens_no_other(tmp_path: Path) -> None:
    """Its names depend on all that lies below its folder, unless that is too much."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for i in range(15):
            tifffile.imwrite(tmp_path / folder / f"{i}x.tif", np.zeros((16, 16), "u1"), metadata={"axes": "YX"})
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((16, 16), "u1"), metadata={"axes": "YX"})
    alone = tmp_path.with_name("alone")
    alone.mkdir()
    shutil.copyfile(tmp_path / "x.tif", alone / "x.tif")
    document(KeySpace(open_directory(alone), v3), "x/zarr.json")  # imports what reads it
    keys = KeySpace(open_directory(tmp_path), v3, BOUND)
    assert cost(keys, "x/zarr.json").opened <= cost(KeySpace(open_directory(alone), v3), "x/zarr.json").opened
    again = cost(keys, "x/zarr.json")
    assert (again.opened, again.listed) == (0, 0)


@pytest.mark.parametrize("files", [10, 3000])
def test_the_second_document_of_a_folder_opens_no_file_again(tmp_path: Path, files: int) -> None:
    fill(tmp_path, files)
    keys = KeySpace(open_directory(tmp_path), v3)
    assert members(keys, "zarr.json") == files
    again = cost(keys, "zarr.json")
    assert (again.opened, again.listed) == (0, 0)
    assert again.stats <= 5 * files


def test_a_document_that_has_not_changed_costs_one_look_at_each_file(tmp_path: Path) -> None:
    fill(tmp_path, 100)
    fill(tmp_path / "below", 100)
    keys = KeySpace(open_directory(tmp_path), v3)
    for _ in range(2):
        # the first opens the files, the second knows what it depends on
        document(keys, "zarr.json")
    again = cost(keys, "zarr.json")
    assert (again.opened, again.listed) == (0, 0)
    assert again.stats <= 200 + 10


def write_h5(path: Path, **attributes: int) -> None:
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        file["data"] = VALUES


def write_tiff(path: Path, size: int) -> None:
    tifffile.imwrite(path, np.zeros((size, 16), "u1"), metadata={"axes": "YX"})


REWRITES: dict[str, Callable[[Path], object]] = {
    "a file has another shape": lambda path: np.save(path / "a.npy", np.zeros(5)),
    "a file in a folder has another shape": lambda path: np.save(path / "below" / "b.npy", np.zeros(5)),
    "a file is replaced": lambda path: (np.save(path / "new.npy", np.zeros((2, 6))), (path / "new.npy").rename(path / "a.npy")),
    "a file is damaged": lambda path: (path / "a.npy").write_bytes(b"\x93NUMPY"),
    "a file goes": lambda path: (path / "a.npy").unlink(),
    "a file comes": lambda path: np.save(path / "below" / "c.npy", VALUES),
    "a folder comes": lambda path: (path / "empty").mkdir(),
    "a folder goes": lambda path: shutil.rmtree(path / "below"),
    "a folder becomes a store": lambda path: zarr.create_array(path / "below", data=VALUES, overwrite=True),
    "an attribute": lambda path: write_h5(path / "h.h5", x=2),
    "the size of a sibling's axis": lambda path: write_tiff(path / "u.tif", 32),
    "a name is shared": lambda path: (path / "a.npz").touch(),
    "a file without an adapter": lambda path: (path / "notes.txt").touch(),
    "a link that leads out": lambda path: (path / "out").symlink_to("/"),
}


@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES)
@pytest.mark.parametrize(
    ("format_", "names"), [(v2, [".zmetadata", ".zattrs", "t/.zattrs"]), (v3, ["zarr.json", "below/zarr.json", "t/zarr.json"])]
)
def test_every_change_is_in_the_next_document(
    tmp_path: Path, format_: ModuleType, names: list[str], rewrite: Callable[[Path], object]
) -> None:
    """Whatever was kept before, each document says what a new server says."""
    data = tmp_path / "data"
    (data / "below").mkdir(parents=True)
    for path in (data / "a.npy", data / "below" / "b.npy"):
        np.save(path, VALUES)
    write_h5(data / "h.h5", x=1)
    for name in ("t", "u"):
        write_tiff(data / f"{name}.tif", 16)
    keys = KeySpace(open_directory(data), format_)
    for _ in range(3):
        for name in names:
            assert document(keys, name) is not None
    tick(data)
    rewrite(data)
    for _ in range(3):
        new = KeySpace(open_directory(data), format_)
        assert [told(keys, name) for name in names] == [told(new, name) for name in names]


def told(keys: KeySpace, key: str) -> Any:
    """A document as JSON, or what stands in its place."""
    found = keys.resolve(key)
    return json.loads(found.body() or b"null") if isinstance(found, Document) else type(found)


def test_a_damaged_file_is_told_of_until_it_is_written_again(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY")
    keys = KeySpace(open_directory(tmp_path), v3)
    for _ in range(3):
        assert list(document(keys, "zarr.json")["attributes"]["tiled_zarr"]["unavailable"]) == ["bad"]
    np.save(tmp_path / "bad.npy", VALUES)
    assert members(keys, "zarr.json") == 4
    assert document(keys, "zarr.json")["attributes"] == {}


def test_a_view_of_a_folder_shows_its_files_once(tmp_path: Path) -> None:
    """They are the same nodes again, whose documents are kept."""
    fill(tmp_path, 1500)
    folder = open_directory(tmp_path)
    assert isinstance(folder, Group)
    shown = Mirror(folder.children, lambda _, node: replace(node))
    first = [*shown.values()]
    assert all(node is known for node, known in zip(shown.values(), first, strict=True))
