"""What entries of a folder are, whatever asking them raises, and how long a listing holds."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from asgi import ask
from tiled_zarr.adapters.common import naming
from tiled_zarr.adapters.common.fences import Fence
from tiled_zarr.adapters.common.naming import FILE, FOLDER, Entries
from tiled_zarr.adapters.common.stores import SUFFIXES as STORE_SUFFIXES
from tiled_zarr.adapters.directory.listing import Place, item_of
from tiled_zarr.adapters.directory.open import Folder, open_directory
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Damaged, Group
from tiled_zarr.settings import Settings

VALUES = np.arange(12)


class Entry:
    """An entry of a folder, one of whose methods raises."""

    name = "x.npy"

    def __init__(self, raising: str, error: int) -> None:
        self._raising, self._error = raising, error

    def is_symlink(self) -> bool:
        return self._answer("is_symlink", False)

    def is_dir(self) -> bool:
        return self._answer("is_dir", False)

    def is_file(self) -> bool:
        return self._answer("is_file", False)

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        assert not follow_symlinks
        return self._answer("stat", os.stat_result((0,) * 10))

    def _answer(self, method: str, answer: Any) -> Any:
        if method == self._raising:
            raise OSError(self._error, os.strerror(self._error), "/secret/x.npy")
        return answer


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE], ids=errno.errorcode.get)
@pytest.mark.parametrize("method", ["is_symlink", "is_dir", "is_file", "stat"])
def test_an_entry_that_cannot_be_asked(tmp_path: Path, method: str, error: int) -> None:
    fence = Fence.of(tmp_path)
    item = item_of(Entry(method, error), Place(str(tmp_path), fence.folder, frozenset(), fence))
    assert item.is_folder is None
    assert item.refusal == f"its kind cannot be determined: {os.strerror(error)}"


def test_an_entry_of_no_known_kind(tmp_path: Path) -> None:
    fence = Fence.of(tmp_path)
    item = item_of(Entry("", 0), Place(str(tmp_path), fence.folder, frozenset(), fence))
    assert item == (False, "no regular file")


def test_a_name_that_is_not_utf8_beside_a_reason(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", VALUES)
    os.mkfifo(os.fsencode(tmp_path) + b"/pipe_\xe9.npy")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/link_\xff")).symlink_to("nowhere")
    group = open_directory(tmp_path)
    reasons = {"link_\\xff": "a link that leads nowhere", "pipe_\\xe9": "a named pipe (FIFO), which is never opened"}
    assert group.unavailable() == reasons
    app = create_app(group, Settings(public=True))
    assert json.loads(ask(app, "/zarr/v3/zarr.json").body)["attributes"]["tiled_zarr"]["unavailable"] == reasons
    assert ask(app, "/zarr/v3/", headers={"accept": "application/json"}).status == 200
    assert ask(app, "/zarr/v3/pipe_~e9/c/0").status == 500


def changed(folder: Path, change: Callable[[], object]) -> None:
    """Make a change until the folder's clock has moved on."""
    before = folder.stat().st_ctime_ns
    while folder.stat().st_ctime_ns == before:
        change()


@pytest.mark.usefixtures("trusted")
def test_a_listing_holds_until_entries_or_rights_change(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    group = open_directory(tmp_path)
    assert isinstance(group.children, Folder)
    first = group.children.listing()
    assert group.children.listing() is first
    changed(tmp_path, lambda: tmp_path.chmod(0o755))
    second = group.children.listing()
    assert second is not first
    changed(tmp_path, lambda: ((tmp_path / "b.npy").unlink(missing_ok=True), (tmp_path / "b.npy").touch()))
    assert set(group.children.listing().files) == {"a", "b"}


@pytest.mark.usefixtures("trusted")
def test_a_folder_that_becomes_a_store_while_its_listing_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    group = open_directory(tmp_path)
    node = group.children["a"]
    assert isinstance(node, Group)
    assert group.children["a"] is node
    changed(tmp_path / "a", lambda: zarr.create_array(tmp_path / "a", data=VALUES, overwrite=True))
    assert list(node.children) == ["c"]
    assert isinstance(group.children["a"], Array)


def test_a_folder_that_is_replaced_by_a_link_out_of_the_fence(tmp_path: Path) -> None:
    """Its listing tells nothing of what lies there."""
    (tmp_path / "served" / "a").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    np.save(tmp_path / "outside" / "secret.npy", VALUES)
    node = open_directory(tmp_path / "served").children["a"]
    (tmp_path / "served" / "a").rmdir()
    (tmp_path / "served" / "a").symlink_to("../outside")
    assert isinstance(node, Group)
    with pytest.raises(Damaged, match="out of the folder"):
        list(node.children)


def test_folders_that_link_to_each_other_are_walked_once_each(tmp_path: Path) -> None:
    """Twelve folders with links to each other can be reached in 12! ways and more."""
    names = [f"f{number}" for number in range(12)]
    for name in names:
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", VALUES)
        for other in names:
            (tmp_path / name / f"to_{other}").symlink_to(f"../{other}")
    seen: list[Path] = []
    open_directory(tmp_path, on_file=seen.append)
    assert sorted(seen) == sorted(tmp_path / name / "x.npy" for name in names)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """1,050 folders, each in the one before.

    `rm` removes them at the end, since pytest's own removal calls itself once per folder.
    """
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1050):
        os.mkdir("d", dir_fd=here)
        above, here = here, os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(above)
    os.close(here)
    yield tmp_path
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True, timeout=60)


@pytest.mark.slow
def test_folders_in_each_other_deeper_than_python_calls(deep: Path) -> None:
    """A deep folder takes no longer than others: with the real path of each, this took 75 s."""
    np.save(deep / "a.npy", VALUES)
    seen: list[Path] = []
    open_directory(deep, on_file=seen.append)
    assert seen == [deep / "a.npy"]


def test_a_document_that_is_read_behind_the_fence(tmp_path: Path) -> None:
    from tiled_zarr.adapters.zarr.layout import layout

    zarr.create_array(tmp_path / "outside", data=VALUES)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "zarr.json").symlink_to("../outside/zarr.json")
    assert layout(tmp_path / "a", Fence.of(tmp_path), VALUES.dtype)
    with pytest.raises(Damaged, match="out of the folder"):
        layout(tmp_path / "a", Fence.of(tmp_path / "a"), VALUES.dtype)


def test_files_that_share_their_stems_take_no_longer_than_others() -> None:
    """In pairs, one look at all files for each pair took hours."""
    files = [f"{i}.{suffix}" for i in range(50_000) for suffix in ("npy", "npz")]
    names, ambiguous = naming.names_of(naming.data_of(Entries(files, {}), frozenset({".npy", ".npz"})))
    assert names == {name: name for name in files}
    assert len(ambiguous) == 50_000


def slow_names(entries: Entries, suffixes: frozenset[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """File names by the names of children, and those that share a stem: the obvious way."""
    items = {**dict.fromkeys(entries.files, FILE), **entries.others}
    stems = {}
    for name, item in items.items():
        known, parts = STORE_SUFFIXES if item.is_folder else suffixes, name.split(".")
        ends = [i for i in range(1, len(parts)) if "." + ".".join(parts[i:]).lower() in known]
        if not name.startswith(".") and (ends or item.is_folder):
            stems[name] = ".".join(parts[: ends[0]]) if ends else name
    sharing = {stem: sorted(name for name in stems if stems[name] == stem) for stem in stems.values()}
    names = {stem if len(sharing[stem]) == 1 and (stem == name or stem not in stems) else name: name for name, stem in stems.items()}
    return names, {stem: files for stem, files in sharing.items() if len(files) > 1 and stem not in names}


PARTS = st.lists(st.sampled_from(["a", "b", "npy", "NPY", "ome", "tif", "zarr", ""]), min_size=1, max_size=4).map(".".join).filter(bool)


@given(st.sets(PARTS), st.sets(PARTS))
def test_names_are_those_of_the_obvious_way(files: set[str], below: set[str]) -> None:
    entries = Entries([*files], dict.fromkeys(below - files, FOLDER))
    suffixes = frozenset({".npy", ".tif", ".ome.tif"})
    assert naming.names_of(naming.data_of(entries, suffixes)) == slow_names(entries, suffixes)
