"""Stacks whose files come, go or change while they are served."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from adapters.directory.frames import only, settle, stack, write
from asgi import ask
from tiled_zarr.adapters.directory import open_directory, stacks
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Changed, Damaged, Group
from tiled_zarr.settings import Settings
from tiled_zarr.testing import assert_same, whole

FRAMES = np.random.default_rng(20261127).integers(0, 2**16, (5, 30, 40)).astype("<u2")


def test_a_growing_stack(tmp_path: Path) -> None:
    stack(tmp_path, FRAMES[:2], ".npy")
    app = create_app(open_directory(tmp_path), Settings(public=True))  # type: ignore[arg-type]
    first = ask(app, "/zarr/v3/scan_/c/0/0/0").body
    assert ask(app, "/zarr/v3/scan_/c/2/0/0").status == 404
    write(tmp_path / "scan_002.npy", FRAMES[2])
    assert b'"shape":[3,30,40]' in ask(app, "/zarr/v3/scan_/zarr.json").body
    assert ask(app, "/zarr/v3/scan_/c/2/0/0").status == 200
    assert ask(app, "/zarr/v3/scan_/c/0/0/0").body == first


def test_a_deleted_frame_moves_those_after_it_and_changes_their_tags(tmp_path: Path) -> None:
    """Also if all files have the same size and time, as copies may, and on a replica."""
    for instance in (None, "copies"):
        stack(tmp_path, FRAMES, ".npy")
        for path in tmp_path.iterdir():
            os.utime(path, (1, 1))
        app = create_app(open_directory(tmp_path), Settings(public=True, instance=instance))  # type: ignore[arg-type]
        before = [ask(app, f"/zarr/v3/scan_/c/{number}/0/0") for number in range(5)]
        (tmp_path / "scan_001.npy").rename(tmp_path / "scan_009.npy")
        after = [ask(app, f"/zarr/v3/scan_/c/{number}/0/0") for number in range(5)]
        assert [answer.body for answer in after] == [before[number].body for number in (0, 2, 3, 4, 1)]
        assert [one.headers["etag"] == other.headers["etag"] for one, other in zip(before, after, strict=True)] == [True] + 4 * [False]
        (tmp_path / "scan_000.npy").unlink()
        assert ask(app, "/zarr/v3/scan_/c/4/0/0").status == 410
        assert ask(app, "/zarr/v3/scan_/c/0/0/0").body == before[2].body
        (tmp_path / "scan_009.npy").unlink()


def test_a_rewritten_frame_changes_its_own_tag_alone(tmp_path: Path) -> None:
    stack(tmp_path, FRAMES, ".npy")
    app = create_app(open_directory(tmp_path), Settings(public=True))  # type: ignore[arg-type]
    before = [ask(app, f"/zarr/v3/scan_/c/{number}/0/0") for number in range(5)]
    tags = [answer.headers["etag"] for answer in before]
    np.save(tmp_path / "scan_003.npy", FRAMES[3] + 1)
    settle(tmp_path)
    after = [ask(app, f"/zarr/v3/scan_/c/{number}/0/0", headers={"if-none-match": tags[number]}) for number in range(5)]
    assert [answer.status for answer in after] == [304, 304, 304, 200, 304]
    assert_same(whole(only(tmp_path))[3], FRAMES[3] + 1, "the new frame")


def test_a_frame_that_goes_while_it_is_read_may_be_asked_for_again(tmp_path: Path) -> None:
    stack(tmp_path, FRAMES, ".npy")
    node = only(tmp_path)
    (tmp_path / "scan_002.npy").unlink()
    with pytest.raises(Changed, match=r"'scan_002\.npy' was removed from its stack; ask again"):
        node.read((slice(2, 3), slice(0, 30), slice(0, 40)))


def test_the_revision_covers_all_files_unless_they_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(tmp_path, FRAMES, ".npy")
    node, frame = only(tmp_path), (slice(0, 1), slice(0, 30), slice(0, 40))
    before, of_frame = node.revision(), node.revision(frame)
    np.save(tmp_path / "scan_003.npy", FRAMES[3] + 1)
    assert node.revision() not in {before, None}
    assert node.revision(frame) == of_frame is not None
    monkeypatch.setattr(stacks, "MOST_SEEN", 4)
    assert node.revision() is None
    assert node.revision(frame) == of_frame


def test_a_frame_that_becomes_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    stack(tmp_path / "in", FRAMES, ".npy")
    node = only(settle(tmp_path / "in"))
    np.save(tmp_path / "secret.npy", FRAMES[0])
    (tmp_path / "in" / "scan_002.npy").unlink()
    (tmp_path / "in" / "scan_002.npy").symlink_to(tmp_path / "secret.npy")
    with pytest.raises(Damaged, match="a link out of the folder that is served, which is not followed"):
        node.read((slice(2, 3), slice(0, 30), slice(0, 40)))
    assert only(tmp_path / "in").shape == (4, 30, 40)


def test_files_that_become_a_stack(tmp_path: Path) -> None:
    """A frame that was being written is whole now."""
    for number in range(2):
        np.save(tmp_path / f"a{number}.npy", np.zeros((3, 4 + number)))
    group = open_directory(settle(tmp_path))
    assert isinstance(group, Group)
    assert isinstance(group.children["a"], Group)
    with (tmp_path / "a1.npy").open("r+b") as file:
        np.save(file, np.zeros((3, 4)))
    assert isinstance(group.children["a"], Array)
