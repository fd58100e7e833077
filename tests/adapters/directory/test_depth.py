"""What a chunk costs that lies many folders deep, and that we see every change above it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from looking import Looks, looking
from tiled_zarr.adapters.common import folders
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.nodes import Damaged

pytestmark = pytest.mark.usefixtures("trusted")
VALUES = np.arange(12)


def chain(folder: Path, depth: int) -> str:
    """Make an array so many folders deep; its path on the wire."""
    path = "/".join(f"f{i}" for i in range(depth))
    (folder / path).mkdir(parents=True)
    np.save(folder / path / "x.npy", VALUES)
    return f"{path}/x"


def warm(keys: KeySpace, key: str) -> Looks:
    """What a chunk costs whose body is in the cache."""
    keys.resolve(key)
    with looking() as looks:
        found = keys.resolve(key)
        assert isinstance(found, Chunk)
        assert found.revision()
    return looks


def test_a_chunk_costs_one_look_at_each_folder_above_it(tmp_path: Path) -> None:
    costs = []
    for depth in (1, 10, 40):
        array = chain(tmp_path / str(depth), depth)
        costs.append(warm(KeySpace(open_directory(tmp_path / str(depth)), v3), f"{array}/c/0"))
    assert [looks.stats - costs[0].stats for looks in costs] == [0, 9, 39]
    assert costs[0].stats <= 5
    assert {(looks.opened, looks.listed) for looks in costs} == {(0, 0)}


def test_folders_just_written_to_are_listed_once_for_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "COARSEST_CLOCK", 3600 * 10**9)
    array = chain(tmp_path, 10)
    looks = warm(KeySpace(open_directory(tmp_path), v3), f"{array}/c/0")
    assert looks.listed == 11


def renamed(folder: Path) -> None:
    folder.rename(folder.with_name("other"))


def replaced(folder: Path) -> None:
    folder.rename(folder.parents[2] / "other")
    (folder / "f2").mkdir(parents=True)


def linked_outside(folder: Path) -> None:
    outside = folder.parents[2] / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)


def made_a_store(folder: Path) -> None:
    (folder / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')


CHANGES = {"renamed": (renamed, None), "replaced": (replaced, None), "linked": (linked_outside, Damaged), "store": (made_a_store, None)}


@pytest.mark.parametrize(("change", "error"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_folder_far_above_a_known_chunk_is_seen_at_once(tmp_path: Path, change: Any, error: type[Exception] | None) -> None:
    array = chain(tmp_path / "served", 4)
    keys = KeySpace(open_directory(tmp_path / "served"), v3)
    warm(keys, f"{array}/c/0")
    change(tmp_path / "served" / "f0" / "f1")
    if error is None:
        assert keys.resolve(f"{array}/c/0") is None
    else:
        with pytest.raises(error, match="out of the folder"):
            keys.resolve(f"{array}/c/0")


def test_a_store_beside_a_file_takes_over_its_name(tmp_path: Path) -> None:
    array = chain(tmp_path, 3)
    keys = KeySpace(open_directory(tmp_path), v3)
    warm(keys, f"{array}/c/0")
    zarr.create_array(tmp_path / array, data=np.zeros((3, 3)))
    found = keys.resolve(f"{array}/c/0/0")
    assert isinstance(found, Chunk)
    assert found.node.shape == (3, 3)
