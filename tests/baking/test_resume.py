"""A bake that was ended goes on, and makes the same bytes; anything else in its place is refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiled_zarr
from baking.twins import files
from tiled_zarr import Array, Group
from tiled_zarr.baking import CannotBake
from tiled_zarr.nodes import Region
from tiled_zarr.revisions import file_revision
from tiled_zarr.storage.targets import Folder

SLOW = """
import threading
import numpy as np
from tiled_zarr import Array, Group

VALUES = np.random.default_rng(3).integers(0, 5000, (3000, 2500)).astype("u2")
VALUES[500:900, 100:2000] = 65535  # a mark, which needs scratch

def read(region):
    threading.Event().wait(0.02)
    return VALUES[region]

image = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=read, revision=lambda: "1")
tree = Group({"image": image, "cube": Array(shape=VALUES.shape, dtype=VALUES.dtype, read=read, revision=lambda: "2")})
"""
OPTIONS: dict[str, dict[str, Any]] = {
    "image": {"node": "slow_source:image", "shards": (512, 512)},
    "image of v2": {"node": "slow_source:image", "zarr_format": 2},
    "tree": {"node": "slow_source:tree", "shards": (512, 512), "format": "zarr", "chunks": (128, 128)},
}
KILLS = 5
PATIENCE = 60


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("module")
    (folder / "slow_source.py").write_text(SLOW)
    return folder


@pytest.fixture(scope="module")
def undisturbed(module: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    """The files of each store that nobody has disturbed, by its name."""
    made: dict[str, dict[str, bytes]] = {}

    def of(name: str) -> dict[str, bytes]:
        if name not in made:
            target = tmp_path_factory.mktemp("undisturbed") / "a"
            baking(module, target, name).wait(PATIENCE)
            made[name] = files(target)
        return made[name]

    return of


def baking(module: Path, target: Path, name: str, **options: Any) -> subprocess.Popen[bytes]:
    """A process that bakes."""
    given = {"workers": 1, **OPTIONS[name], "target": str(target), **options}
    code = f"import tiled_zarr; tiled_zarr.bake(**{given!r})"
    env = {**os.environ, "PYTHONPATH": f"{module}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    return subprocess.Popen([sys.executable, "-c", code], env=env)


def count(target: Path) -> int:
    return sum(1 for _ in target.rglob("*")) if target.exists() else 0


def wait_for(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", OPTIONS)
def test_killed_at_random_points(name: str, module: Path, tmp_path: Path, undisturbed: Callable[[str], dict[str, bytes]]) -> None:
    """Each time at another number of files, and then once more until it ends."""
    expected = undisturbed(name)
    assert any(key.endswith((".zgroup", "zarr.json")) for key in expected)
    assert not any("tiled-zarr" in key for key in expected)
    target, seeds = tmp_path / "a", random.Random(name)
    kills = KILLS if name == "image" else 1
    for kill in range(kills):
        wanted = count(target) + seeds.randrange(1, max(2, len(expected) // (2 * kills)))
        process = baking(module, target, name, resume=kill > 0)
        wait_for(lambda process=process, wanted=wanted: process.poll() is not None or count(target) >= wanted)  # type: ignore[misc] # mypy reads no defaults of a lambda
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE) == -signal.SIGKILL, "the source is too fast for this test"
        found = files(target)
        assert ".tiled-zarr-bake.json" in found or all(key.endswith(".part") for key in found)
        assert not [key for key in found if key.rpartition("/")[2] in {"zarr.json", ".zarray", ".zgroup", ".zattrs"}]
        whole = {key: body for key, body in found.items() if key in expected}
        assert whole == {key: expected[key] for key in whole}
    assert baking(module, target, name, resume=True).wait(PATIENCE) == 0
    assert files(target) == expected


class Ended(Exception):
    """Raised in place of the end of a process."""


def test_killed_between_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each of the last writes: then the root has no document, or the store is whole."""
    source = file_of(tmp_path)
    tiled_zarr.bake(source, tmp_path / "whole")
    expected = files(tmp_path / "whole")
    put, documents = Folder.put, sorted(key for key in expected if key.endswith("zarr.json"))
    for last in range(len(documents) + 1):
        left = [last + 1]  # the manifest is put first

        def limited(self: Folder, key: str, body: bytes, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Ended
            put(self, key, body)

        target = tmp_path / f"ended {last}"
        monkeypatch.setattr(Folder, "put", limited)
        if last < len(documents):
            with pytest.raises(Ended):
                tiled_zarr.bake(source, target)
            assert "zarr.json" not in files(target)
        monkeypatch.setattr(Folder, "put", put)
        tiled_zarr.bake(source, target, resume=last < len(documents))
        assert files(target) == expected


@pytest.mark.parametrize("resume", [False, True])
def test_killed_before_the_manifest(resume: bool, tmp_path: Path) -> None:
    """Only the half-written manifest is there."""
    source = file_of(tmp_path)
    tiled_zarr.bake(source, tmp_path / "whole")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".tiled-zarr-bake.json.0123.part").write_text("{")
    tiled_zarr.bake(source, tmp_path / "a", resume=resume)
    assert files(tmp_path / "a") == files(tmp_path / "whole")


def file_of(folder: Path, seed: int = 0) -> Path:
    """A file of 2 MB whose times are old enough to tell versions apart."""
    path = folder / "source.npy"
    np.save(path, np.random.default_rng(seed).integers(0, 99, (1200, 900)).astype("u2"))
    os.utime(path, ns=(10**18 + seed, 10**18 + seed))
    return path


def test_what_is_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    values = np.zeros((2000, 2000), "u2")

    def read(region: Region) -> np.ndarray:
        reads.append(region)
        if len(reads) == 3:
            raise Ended
        return values[region]

    node = Array(shape=values.shape, dtype=values.dtype, read=read, revision=lambda: "1")
    with pytest.raises(Ended):
        tiled_zarr.bake(node, tmp_path / "a", format="zarr", shards=(512, 2048), workers=1)
    tiled_zarr.bake(node, tmp_path / "a", format="zarr", shards=(512, 2048), workers=1, resume=True)
    assert len(reads) == len({*map(str, reads)}) + 1, "only the read that failed is repeated"


def ended(tmp_path: Path, node: object, **options: Any) -> Path:
    """A store of which everything but the end is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiled_zarr.baking.baked.documents", ends)
        with pytest.raises(Ended):
            tiled_zarr.bake(node, tmp_path / "a", **options)
    return tmp_path / "a"


def ends(*_: Any) -> None:
    raise Ended


def test_a_store_that_is_not_finished_needs_resume(tmp_path: Path) -> None:
    target = ended(tmp_path, file_of(tmp_path))
    with pytest.raises(CannotBake, match="go on with --resume, or remove it"):
        tiled_zarr.bake(file_of(tmp_path), target)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "codec": ({"codec": "zstd"}, "codec blosc:lz4:5:shuffle, now zstd:1"),
    "chunks": ({"chunks": (256, 256)}, r"chunks \[512, 512\], now \[256, 256\]"),
    "shards": ({"shards": (1024, 512)}, "box"),
    "levels": ({"levels": 1}, "another levels"),
    "format": ({"format": "zarr"}, "another format"),
    "zarr_format": ({"zarr_format": 2}, "another zarr_format"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_options_are_refused(name: str, tmp_path: Path) -> None:
    target, before = ended(tmp_path, file_of(tmp_path)), files(tmp_path / "a")
    options, message = CHANGES[name]
    with pytest.raises(CannotBake, match=message) as error:
        tiled_zarr.bake(tmp_path / "source.npy", target, resume=True, **options)
    assert "give the same options, or remove" in str(error.value)
    assert files(target) == before


def test_a_changed_source_is_refused(tmp_path: Path) -> None:
    target = ended(tmp_path, file_of(tmp_path))
    with pytest.raises(CannotBake, match=r"the source has changed since .* was begun: remove .*, and bake anew"):
        tiled_zarr.bake(file_of(tmp_path, seed=1), target, resume=True)


def test_a_source_that_cannot_say_whether_it_changed_is_refused(tmp_path: Path) -> None:
    values = np.zeros((600, 600))
    node = Array(shape=values.shape, dtype=values.dtype, read=values.__getitem__)
    target = ended(tmp_path, node)
    with pytest.raises(CannotBake, match="cannot say whether it has changed"):
        tiled_zarr.bake(node, target, resume=True)


def test_a_finished_store_is_left_alone(tmp_path: Path) -> None:
    source = file_of(tmp_path)
    tiled_zarr.bake(source, tmp_path / "a")
    revisions = {path: file_revision(path) for path in (tmp_path / "a").rglob("*") if path.is_file()}
    tiled_zarr.bake(source, tmp_path / "a", resume=True)
    assert {path: file_revision(path) for path in revisions} == revisions
    with pytest.raises(CannotBake, match="is not empty"):
        tiled_zarr.bake(source, tmp_path / "a")
    with pytest.raises(CannotBake, match="another source, or with other options"):
        tiled_zarr.bake(source, tmp_path / "a", resume=True, codec="none")


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_with_something_else_is_left_alone(resume: bool, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("mine")
    with pytest.raises(CannotBake, match="is not empty: give another target"):
        tiled_zarr.bake(file_of(tmp_path), tmp_path / "a", resume=resume)
    assert files(tmp_path / "a") == {"notes.txt": b"mine"}


@pytest.mark.parametrize("format_", ["zarr", "ome-zarr"])
def test_a_source_that_changes_meanwhile_is_an_error(format_: Any, tmp_path: Path) -> None:
    revisions, values = ["1"], np.zeros((1200, 1200), "u2")

    def read(region: Region) -> np.ndarray:
        revisions[0] = "2"
        return values[region]

    node = Array(shape=values.shape, dtype=values.dtype, read=read, revision=lambda: revisions[0])
    with pytest.raises(CannotBake, match="the source changed while it was baked"):
        tiled_zarr.bake(Group({"a": node}), tmp_path / "a", format=format_)
    assert not [name for name in files(tmp_path / "a") if name.endswith("zarr.json")]


def test_a_file_that_is_rewritten_meanwhile_is_an_error(tmp_path: Path) -> None:
    source = file_of(tmp_path)

    def rewrite(_: int, __: int) -> None:
        file_of(tmp_path, seed=2)

    with pytest.raises(CannotBake, match="the source changed while it was baked"):
        tiled_zarr.bake(source, tmp_path / "a", progress=rewrite)


def test_the_manifest_comes_first_and_says_what_is_made(tmp_path: Path) -> None:
    target = ended(tmp_path, file_of(tmp_path))
    manifest = json.loads((target / ".tiled-zarr-bake.json").read_text())
    assert (manifest["format"], manifest["zarr_format"]) == ("ome-zarr", 3)
    assert manifest["arrays"]["0"] == {
        "shape": [1200, 900],
        "dtype": "uint16",
        "chunks": [512, 512],
        "box": [1536, 1024],
        "codec": "blosc:lz4:5:shuffle",
    }


def test_progress_adds_up(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    made = tiled_zarr.bake(file_of(tmp_path), tmp_path / "a", progress=lambda *step: steps.append(step))
    assert sum(nbytes for nbytes, _ in steps) == made.nbytes == steps[0][1]
