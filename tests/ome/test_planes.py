"""Kept planes: in memory and in files, bounded, and never half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiled_zarr.ome.planes import Layout, Planes

LAYOUT = Layout(2, ((40, 60), (20, 30)), np.dtype("<u2"))
ROOM = 13_000
"""For two planes of 6000 bytes."""


def keep(planes: Planes, name: str, value: int, layout: Layout = LAYOUT) -> None:
    draft = planes.draft(layout)
    draft.plane.flat[...] = value
    planes.keep(name, draft)
    draft.drop()


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_levels_are_views_of_what_was_kept(tmp_path: Path, is_on_disk: bool) -> None:
    planes = Planes(ROOM, tmp_path if is_on_disk else None)
    draft = planes.draft(LAYOUT)
    draft.plane.levels[0][...], draft.plane.levels[1][...] = 1, 2
    assert planes.find("a", LAYOUT) is None
    planes.keep("a", draft)
    found = planes.find("a", LAYOUT)
    assert found is not None
    assert [found.level(number) is None for number in (1, 2, 3)] == [True, False, False]
    assert (found.levels[0] == 1).all()
    assert (found.levels[1] == 2).all()


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_the_oldest_go_first(tmp_path: Path, is_on_disk: bool) -> None:
    planes = Planes(ROOM, tmp_path if is_on_disk else None)
    keep(planes, "a", 1)
    keep(planes, "b", 2)
    assert planes.find("a", LAYOUT)
    assert not planes.has_room(LAYOUT.nbytes)
    for name in "cdef":
        keep(planes, name, 3)
        assert planes.nbytes <= planes.max_bytes
    assert planes.find("b", LAYOUT) is None


def test_files_outlive_the_server(tmp_path: Path) -> None:
    keep(Planes(ROOM, tmp_path), "a", 7)
    found = Planes(ROOM, tmp_path).find("a", LAYOUT)
    assert found is not None
    assert (found.flat == 7).all()
    assert not found.flat.flags.writeable


def test_a_crash_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    """What was being written has another name; a file cut short is no plane."""
    Planes(ROOM, tmp_path).draft(LAYOUT).plane.flat[...] = 9
    assert Planes(ROOM, tmp_path).find("a", LAYOUT) is None
    keep(Planes(ROOM, tmp_path), "a", 7)
    [path] = tmp_path.glob("*.npy")
    for length in (0, 50, path.stat().st_size - 1):
        path.write_bytes(path.read_bytes()[:length].ljust(length, b"\0"))
        assert Planes(ROOM, tmp_path).find("a", LAYOUT) is None


@pytest.mark.parametrize("other", [LAYOUT._replace(dtype=np.dtype("u1")), LAYOUT._replace(shapes=((40, 60), (20, 31)))])
def test_a_file_of_another_layout_is_no_plane(tmp_path: Path, other: Layout) -> None:
    keep(Planes(ROOM, tmp_path), "a", 7)
    assert Planes(ROOM, tmp_path).find("a", other) is None


def test_the_folder_is_bounded(tmp_path: Path) -> None:
    for name in "abcdefgh":
        keep(Planes(ROOM, tmp_path), name, 1)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= ROOM


def test_a_dropped_draft_leaves_no_file(tmp_path: Path) -> None:
    Planes(ROOM, tmp_path).draft(LAYOUT).drop()
    assert list(tmp_path.iterdir()) == []
