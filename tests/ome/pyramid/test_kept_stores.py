"""Levels in a folder are Zarr stores: any reader opens them, and whole chunks are sent as stored."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tiled_zarr
from asgi import ask
from ome.detectors import eiger
from ome.pyramid.planes import CODEC, LAYOUT, SHARD, files, keep, nbytes, same, seal
from ome.pyramid.planes import levels as made_of
from ome.twins import image, levels, node_of, stores, whole
from tiled_zarr import revisions
from tiled_zarr.app import create_app
from tiled_zarr.codecs import parse
from tiled_zarr.nodes import Array, Group
from tiled_zarr.ome.pyramid import drafts, exact, folders
from tiled_zarr.ome.pyramid.layouts import Layout, Tile
from tiled_zarr.ome.pyramid.planes import Planes
from tiled_zarr.settings import Settings
from tiled_zarr.storage.targets import PART

SECONDS = 60
TILE = 32
VALUES = np.random.default_rng(3).integers(0, 60_000, (3, 200, 150)).astype("u2")
"""Three planes, whose levels have tiles at the edge."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.shapes.TILE", TILE)


def stack(**fields: Any) -> Array:
    return node_of(VALUES, dimension_names=("z", "y", "x"), **fields)


def make_all(folder: Path, node: Array, **fields: Any) -> Any:
    """The image of a node, after a pass over each of its planes."""
    shared = stores(folder=folder, budget=1, **fields)
    made = image(node, shared)
    revision = made.pyramid.source_revision()
    assert revision is not None
    for place in np.ndindex(*made.pyramid.leading):
        made.pyramid.make_exact(place, revision)
    assert shared.background.wait(SECONDS)
    shared.background.stop()
    assert made.pyramid.sampled() == []
    return made


def planes_of(folder: Path) -> dict[str, zarr.Group]:
    """The finished stores in a folder by what they say that they were made from."""
    opened = [zarr.open_group(path, mode="r") for path in files(folder) if path.name.endswith(folders.SUFFIX)]
    return {group.attrs["tiled_zarr"]["baked"]["source"]: group for group in opened}


def test_any_reader_opens_the_levels_of_a_plane(tmp_path: Path) -> None:
    """Here zarr-python and our own adapter; more of them in tests/clients/test_levels.py."""
    make_all(tmp_path, stack())
    found = planes_of(tmp_path)
    assert len(found) == len(VALUES)
    expected = levels(VALUES, 4)
    for place in range(len(VALUES)):
        [group] = [group for source, group in found.items() if f"({place},)" in source]
        assert sorted(group) == ["1", "2", "3"]
        for number in (1, 2, 3):
            np.testing.assert_array_equal(group[str(number)][...], expected[number][place])
    for path in files(tmp_path):
        ours = tiled_zarr.open(path)
        assert isinstance(ours, Group)
        level = ours.children["1"]
        assert isinstance(level, Array)
        assert any(np.array_equal(whole(level), expected[1][place]) for place in range(len(VALUES)))


def test_a_plane_that_is_not_made_is_no_store(tmp_path: Path) -> None:
    """A reader would take its chunks for zeros."""
    shared = stores(folder=tmp_path, budget=1)
    made = image(stack(), shared)
    made.pyramid.make_exact((1,), "1")
    assert shared.background.wait(SECONDS)
    shared.background.stop()
    [source] = planes_of(tmp_path)
    assert "(1,)" in source
    assert made.pyramid.sampled() != []


def test_stores_are_as_private_as_drafts(tmp_path: Path) -> None:
    keep(Planes(1 << 20, tmp_path), "a")
    assert [path.stat().st_mode & 0o077 for path in files(tmp_path)] == [0]


def app_of(node: Array, folder: Path | None, codec: str | None = None, **settings: Any) -> Any:
    return create_app(Group({"image": node}), Settings(public=True, tile_budget=1, levels_folder=folder, codec=codec, **settings))


def chunks_of(app: Any, version: str = "0.5") -> dict[str, bytes]:
    """The chunks of all levels that are kept."""
    prefix = "c/" if version == "0.5" else ""
    grids = {1: (4, 3), 2: (2, 2), 3: (1, 1)}
    keys = [f"{level}/{prefix}{z}/{y}/{x}" for level, grid in grids.items() for z, y, x in product(range(3), *map(range, grid))]
    found = {}
    for key in keys:
        answer = ask(app, f"/ome-zarr/{version}/image/{key}")
        assert answer.status == 200
        found[key] = answer.body
    return found


def never(*_: object) -> None:
    """Make nothing in the background."""


@pytest.mark.parametrize("codec", [None, "zstd:3", "blosc:zstd:5:bitshuffle", "gzip:1+crc32c"])
def test_tiles_are_sent_as_they_are_stored(tmp_path: Path, codec: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those at the edge; and they are the bytes that a server without a folder makes."""
    expected = chunks_of(create_app(Group({"image": stack()}), Settings(public=True, codec=codec)))
    make_all(tmp_path, stack(), **({"codec": codec} if codec else {}))
    stored = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("c/*/0")))
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.Background.request", never)
    monkeypatch.setattr("tiled_zarr.ome.pyramid.kept.StoredPlane.tile", never)
    app = app_of(stack(), tmp_path, codec)
    found = chunks_of(app)
    assert found == expected
    assert all(body in stored for body in found.values())


@pytest.mark.parametrize(("codec", "version"), [("none", "0.5"), ("zlib:1", "0.4"), ("zstd:9", "0.5")])
def test_another_codec_than_that_of_the_store_is_encoded(tmp_path: Path, codec: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers with other settings share a folder, and make nothing twice."""
    expected = chunks_of(create_app(Group({"image": stack()}), Settings(public=True, codec=codec)), version)
    make_all(tmp_path, stack())
    before = files(tmp_path)
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.Background.request", never)
    assert chunks_of(app_of(stack(), tmp_path, codec), version) == expected
    assert files(tmp_path) == before


def test_the_codec_of_a_tree_is_that_of_its_stores(tmp_path: Path) -> None:
    """A group's options count where a node has none."""
    from tiled_zarr.nodes import Options

    root = Group({"lab": Group({"image": stack()}, options=Options(codec="zstd:3"))})
    app = create_app(root, Settings(public=True, tile_budget=1, levels_folder=tmp_path))
    end = time.monotonic() + SECONDS
    while len(list(tmp_path.glob(f"*{folders.SUFFIX}"))) < 3 and time.monotonic() < end:
        for z in range(3):
            ask(app, f"/ome-zarr/0.5/lab/image/3/c/{z}/0/0")
        time.sleep(0.02)
    assert {group.attrs["tiled_zarr"]["baked"]["codec"] for group in planes_of(tmp_path).values()} == {"zstd:3+crc32c"}


def test_marks_stay_in_stores_and_never_reach_a_client(tmp_path: Path) -> None:
    """Gaps of a detector: the levels are averaged around them, and viewers get 0."""
    frame = eiger()[:400, :400]
    node = node_of(frame)
    expected = [whole(level) for level in image(node).levels.values()]
    made = make_all(tmp_path, node)
    for kept in (made, image(node, stores(folder=tmp_path, budget=1))):
        for number, level in enumerate(expected):
            np.testing.assert_array_equal(whole(kept.level(number)), level)
    app, shape = app_of(node, tmp_path, "none"), expected[1].shape
    got = np.frombuffer(ask(app, "/ome-zarr/0.5/image/1/c/0/0").body, frame.dtype).reshape(TILE, TILE)
    np.testing.assert_array_equal(got[: shape[0], : shape[1]], expected[1][:TILE, :TILE])
    [group] = planes_of(tmp_path).values()
    assert group["1"][...].max() == np.iinfo(frame.dtype).max


LARGE = Layout(1, ((2000, 1700), (1000, 850), (500, 425)), 256, np.dtype("<u2"))


@pytest.mark.parametrize("codec", ["blosc:lz4:5:shuffle", "zstd:3", "none"])
def test_a_store_takes_no_more_than_its_pixels(tmp_path: Path, codec: str) -> None:
    """While it is made too: noise, which no codec makes smaller."""
    planes, most = Planes(1 << 30, tmp_path), 0
    draft = planes.draft("a", LARGE, parse(codec))
    assert draft is not None
    for number, values in enumerate(made_of(LARGE)):
        draft.put(LARGE.first + number, 0, 0, values)
    for row in draft.left():
        with draft.sealing(*row) as sealed:
            for tile in LARGE.row(*row):
                sealed(tile)
        most = max(most, nbytes(tmp_path))
    assert most <= 1.03 * LARGE.draft_nbytes
    planes.keep("a", draft)
    assert nbytes(tmp_path) <= 1.03 * LARGE.nbytes
    [group] = planes_of(tmp_path).values()
    for number, values in enumerate(made_of(LARGE)):
        np.testing.assert_array_equal(group[str(LARGE.first + number)][...], values)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 5])
def test_a_pass_that_ends_while_it_writes_the_store_goes_on(tmp_path: Path, rows: int) -> None:
    """It reads nothing of the source again, and the codec stays that of its shards."""
    draft = Planes(1 << 20, tmp_path).draft("a", LAYOUT, CODEC)
    assert isinstance(draft, drafts.FileDraft)
    for number, values in enumerate(made_of()):
        draft.put(LAYOUT.first + number, 0, 0, values)
    for row in list(draft.left())[:rows]:
        with draft.sealing(*row) as sealed:
            for tile in LAYOUT.row(*row):
                sealed(tile)
    draft.leave()
    [made] = tmp_path.glob(f"*{folders.MADE}")
    (made / f"half a shard{PART}").write_bytes(b"left by a process that was killed")
    planes = Planes(1 << 20, tmp_path)
    again = planes.draft("a", LAYOUT, parse("zstd:3"))
    assert isinstance(again, drafts.FileDraft)
    assert again.rows == drafts.ALL
    assert list(again.left()) == list(LAYOUT.rows)[rows:]
    seal(again)
    planes.keep("a", again)
    assert same(planes, "a") == [True] * 16
    [store] = files(tmp_path)
    assert not list(store.rglob("half*"))
    np.testing.assert_array_equal(zarr.open_group(store, mode="r")["3"][...], made_of()[1])


def test_a_draft_whose_shards_are_lost_is_begun_anew(tmp_path: Path) -> None:
    draft = Planes(1 << 20, tmp_path).draft("a", LAYOUT, CODEC)
    assert isinstance(draft, drafts.FileDraft)
    for row in list(draft.left())[:2]:
        with draft.sealing(*row) as sealed:
            for tile in LAYOUT.row(*row):
                sealed(tile)
    draft.leave()
    next(tmp_path.rglob("c/0/0")).unlink()
    again = Planes(1 << 20, tmp_path).draft("a", LAYOUT, CODEC)
    assert isinstance(again, drafts.FileDraft)
    assert again.rows == 0
    assert not list(tmp_path.rglob("c/*/0"))
    again.drop()


def test_another_version_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(Planes(1 << 20, tmp_path), "a")
    for name in ("folders", "kept"):
        monkeypatch.setattr(f"tiled_zarr.ome.pyramid.{name}.maker", lambda: "0.0.1, encoder 1")
    planes = Planes(1 << 20, tmp_path)
    assert not planes.has("a", LAYOUT)
    keep(planes, "a")
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("code", [errno.ESTALE, errno.ENOENT])
def test_a_store_that_another_host_removes_is_only_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    planes = Planes(1 << 20, tmp_path)
    keep(planes, "a")

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr("tiled_zarr.ome.pyramid.kept.opened", fail)
        assert planes.tile("a", LAYOUT, Tile(2, 0, 0)) is None
    assert not planes.has("a", LAYOUT)
    assert caplog.text == ""


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
"""A host that has gone, whose lock the file system still keeps."""


def test_a_dead_host_that_holds_a_lock_is_waited_for_until_it_is_silent(tmp_path: Path) -> None:
    first = Planes(1 << 20, tmp_path)
    draft = first.draft("a", LAYOUT, CODEC)
    assert isinstance(draft, drafts.FileDraft)
    draft.checkpoint(8)
    draft.rows = 8
    draft.leave()
    [path] = files(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        planes = Planes(1 << 20, tmp_path)
        assert planes.draft("a", LAYOUT, CODEC) is None, "it still writes"
        long_ago = time.time() - folders.SILENT_SECONDS - 1
        os.utime(path, (long_ago, long_ago))
        keep(planes, "a")
        assert same(planes, "a") == [True] * 16
        os.utime(path, (0, 0))
        assert same(Planes(1 << 20, tmp_path), "a") == [True] * 16
        assert [one.name.endswith(folders.SUFFIX) for one in files(tmp_path)] == [True], "a day later its draft goes"
        holder.kill()


def test_without_locks_the_first_to_finish_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_lock", lambda _: None)
    one, two = (Planes(1 << 20, tmp_path) for _ in range(2))
    others = two.draft("a", LAYOUT, parse("zstd:3"))
    assert others is not None
    for number, values in enumerate(made_of()):
        others.put(LAYOUT.first + number, 0, 0, values)
    seal(others)
    keep(one, "a")
    before = files(tmp_path)
    two.keep("a", others)
    assert same(two, "a") == same(one, "a") == [True] * 16
    [store] = tmp_path.glob(f"*{folders.SUFFIX}")
    assert store in before
    assert not list(tmp_path.glob(f"*{folders.MADE}"))
    assert "lz4" in (store / "zarr.json").read_text()


def copy_of(path: Path, values: np.ndarray) -> Array:
    """A copy of an image's file with the same time, as rsync makes one."""
    path.parent.mkdir()
    np.save(path, values)
    os.utime(path, ns=(10**18, 10**18))
    node = tiled_zarr.open(path)
    assert isinstance(node, Array)
    return node


@pytest.mark.parametrize(("instance", "passes"), [("lab", 1), (None, 2)])
def test_replicas_share_levels_as_they_share_tags(tmp_path: Path, instance: str | None, passes: int) -> None:
    """Only what is declared to be a replica: elsewhere a copy may be another image of that size."""
    nodes = [copy_of(tmp_path / host / "scan.npy", VALUES[0]) for host in ("one", "two")]
    assert len({node.revision() for node in nodes}) == 2
    assert len({revisions.shared(node.revision() or "") for node in nodes}) == 1
    for node in nodes:
        make_all(tmp_path / "levels", node, instance=instance)
    assert len(files(tmp_path / "levels")) == passes


def test_other_instances_share_nothing(tmp_path: Path) -> None:
    node = copy_of(tmp_path / "one" / "scan.npy", VALUES[0])
    for instance in ("lab", "beamline"):
        make_all(tmp_path / "levels", node, instance=instance)
    assert len(files(tmp_path / "levels")) == 2


def test_a_damaged_tile_is_not_sent(tmp_path: Path) -> None:
    """Its checksum is compared before it is passed on."""
    planes = Planes(1 << 20, tmp_path)
    keep(planes, "a")
    path = next(iter(files(tmp_path))) / SHARD
    body = bytearray(path.read_bytes())
    body[20] ^= 1
    path.write_bytes(body)
    assert planes.body("a", LAYOUT, Tile(3, 0, 0), CODEC) is None
    assert not planes.has("a", LAYOUT)


def test_a_pass_pauses_while_it_writes_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for a step, so it does not encode two tiles without one."""
    monkeypatch.setattr(exact, "STEP", TILE * TILE * 2)
    shared = stores(folder=tmp_path, budget=1)
    made = image(stack(), shared)
    assert made.pyramid.layout is not None
    plane = exact.Plane("a", made.pyramid.layout, (0,), "1", lambda: made.pyramid.marks("1"), CODEC)
    steps = list(exact.run(made.pyramid.base, shared.planes, plane))
    assert steps.count(0) >= made.pyramid.layout.size // (2 * TILE * TILE)
