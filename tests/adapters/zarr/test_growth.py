"""What a member of ever deeper and larger Zarr groups costs, and that we see each change of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from looking import looking, tick
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.zarr import open_zarr
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.nodes import Array, Group, Node

pytestmark = pytest.mark.usefixtures("trusted")
FORMATS = pytest.mark.parametrize("format_", [2, 3])


def chain(folder: Path, depth: int, format_: int) -> str:
    """Make an array so many groups deep in a store; its path on the wire."""
    path = "/".join([*(f"g{i}" for i in range(depth)), "x"])
    zarr.open_group(folder / "s.zarr", mode="w", zarr_format=format_).create_array(path, data=np.zeros((4, 4)))
    return f"s/{path}"


def stats(folder: Path, depth: int, format_: int) -> int:
    """The calls of `stat` for a chunk whose body is in the cache."""
    array = chain(folder / str(depth), depth, format_)
    keys = KeySpace(open_directory(folder / str(depth)), v3)
    keys.resolve(f"{array}/c/0/0")
    with looking() as looks:
        found = keys.resolve(f"{array}/c/0/0")
        assert isinstance(found, Chunk)
    assert (looks.opened, looks.listed) == (0, 0)
    return looks.stats


@FORMATS
def test_a_chunk_costs_its_folder_and_its_documents_a_level(tmp_path: Path, format_: int) -> None:
    """One `lstat` of the folder and one `stat` of each document, for each level.

    The documents are `zarr.json`, or `.zgroup` and `.zattrs`.
    """
    shallow, deep = stats(tmp_path, 2, format_), stats(tmp_path, 12, format_)
    assert deep - shallow == 10 * (2 if format_ == 3 else 3)
    assert shallow <= 15


def test_a_member_is_opened_once_among_more_than_a_thousand(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "s", mode="w", zarr_format=3)
    group.create_array("0", data=np.zeros(4))
    for i in range(1, 1100):
        shutil.copytree(tmp_path / "s" / "0", tmp_path / "s" / str(i))
    store = open_zarr(tmp_path / "s")
    assert isinstance(store, Group)
    first = [*store.children.values()]
    assert all(node is known for node, known in zip(store.children.values(), first, strict=True))


def rewritten(path: Path) -> None:
    document = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps(document | {"attributes": {"a": "new"}}))


def replaced(path: Path) -> None:
    path.rename(path.with_name("old"))
    zarr.create_array(path, data=np.zeros(7))


def linked(path: Path) -> None:
    path.rename(path.parents[1] / "old")
    path.symlink_to(path.parents[1] / "old")


def became_a_group(path: Path) -> None:
    shutil.rmtree(path)
    zarr.open_group(path, mode="w")


CHANGES: dict[str, Callable[[Path], object]] = {
    "its document is written again": rewritten,
    "its document goes": lambda path: (path / "zarr.json").unlink(),
    "its document becomes a folder": lambda path: ((path / "zarr.json").unlink(), (path / "zarr.json").mkdir()),
    "an older document comes": lambda path: (path / ".zattrs").write_text("{}"),
    "it is replaced": replaced,
    "it becomes a link": linked,
    "it becomes a group": became_a_group,
    "it goes": shutil.rmtree,
}


def told(group: Node, name: str) -> object:
    """What a group gives for a name, as far as a document tells it."""
    assert isinstance(group, Group)
    try:
        node = group.children[name]
    except Exception as error:  # noqa: BLE001 - whichever it is
        return type(error)
    return (node.shape, dict(node.attributes)) if isinstance(node, Array) else ([*node.children], dict(node.attributes))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_a_member_is_seen_at_once(tmp_path: Path, change: Callable[[Path], object]) -> None:
    store = tmp_path / "s.zarr"
    zarr.open_group(store, mode="w", zarr_format=3).create_array("x", data=np.zeros(4), attributes={"a": "old"})
    group = open_zarr(store)
    for _ in range(2):
        assert told(group, "x") == ((4,), {"a": "old"})
    tick(store)
    change(store / "x")
    for _ in range(2):
        assert told(group, "x") == told(open_zarr(store), "x")
