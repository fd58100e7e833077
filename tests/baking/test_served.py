"""Baked levels are served in place of computed ones while their image is the same."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tiled_zarr
from asgi import ask
from baking.twins import levels
from tiled_zarr.app import create_app
from tiled_zarr.ome.pyramid.levels import Pyramid
from tiled_zarr.settings import Settings, from_environment
from tiled_zarr.tree import plant

TILE = 512
PICTURE = np.random.default_rng(4).integers(0, 4000, (1200, 1100)).astype("u2")
OTHER = PICTURE[::-1].copy()


def write(folder: Path, values: np.ndarray, moment: int = 1) -> Path:
    """An image file whose time says which version it is."""
    path = folder / "data" / "in" / "scan.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)
    os.utime(path, ns=(10**18 + moment, 10**18 + moment))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image, and its levels baked with a codec that the server would not choose."""
    write(tmp_path, PICTURE)
    tiled_zarr.bake(tmp_path / "data" / "in" / "scan.npy", tmp_path / "baked" / "in" / "scan.ome.zarr", codec="zstd:3", shards=(1024, 1024))
    return tmp_path


@pytest.fixture
def serve(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes an application over the folder, in which one tile may read next to nothing."""
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.Background.request", lambda *_: None)

    def made(**options: str) -> Any:
        (folder / "server.yml").write_text(
            f"public: true\ntile_budget: 1\nbaked: {folder / 'baked'}\ntrees:\n  - {{path: /, directory: {folder / 'data'}}}\n"
        )
        return app_of(from_environment({}, options, {"CONFIG": str(folder / "server.yml")}))

    return made


def app_of(settings: Settings) -> Any:
    tree = plant(settings)
    return create_app(tree.root, settings, tree.tasks, tree.resources)


def level_of(app: Any, number: int, version: str = "0.5") -> np.ndarray:
    """A level as the server sends it, decoded by zarr-python from the keys of a dictionary."""
    base = f"/ome-zarr/{version}/in/scan/{number}"
    documents = ["zarr.json"] if version == "0.5" else [".zarray", ".zattrs"]
    keys = {name: ask(app, f"{base}/{name}").body for name in documents}
    shape = json.loads(keys[documents[0]])["shape"]
    for index in np.ndindex(*(-(-size // TILE) for size in shape)):
        key = "/".join(map(str, index if version == "0.4" else ("c", *index)))
        answer = ask(app, f"{base}/{key}")
        assert answer.status == 200
        keys[key] = answer.body
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    buffers = {key: default_buffer_prototype().buffer.from_bytes(body) for key, body in keys.items()}
    values: np.ndarray = zarr.open_array(MemoryStore(buffers), mode="r")[...]
    return values


def attributes(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(app, "/ome-zarr/0.5/in/scan/zarr.json").body)["attributes"]["ome"]["multiscales"][0]
    return found


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_are_those_of_the_store(version: str, serve: Callable[..., Any]) -> None:
    app = serve()
    for number, level in enumerate(levels(PICTURE)):
        np.testing.assert_array_equal(level_of(app, number, version), level)
    assert attributes(app)["metadata"]["sampled"] == []


def test_whole_chunks_are_sent_as_they_are_stored(folder: Path, serve: Callable[..., Any]) -> None:
    app = serve()
    for key in ("0/c/0/0", "0/c/1/1", "1/c/0/0"):
        shard = (folder / "baked" / "in" / "scan.ome.zarr" / key[0] / "c" / "0" / "0").read_bytes()
        assert ask(app, f"/ome-zarr/0.5/in/scan/{key}").body in shard
    document = json.loads(ask(app, "/ome-zarr/0.5/in/scan/1/zarr.json").body)
    assert [codec["name"] for codec in document["codecs"]] == ["bytes", "zstd"]


def test_without_the_setting_levels_are_samples(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests here would see if no store were used."""
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.Background.request", lambda *_: None)
    app = app_of(from_environment({}, {"public": "1", "tile_budget": "1"}, {"DIRECTORY": str(folder / "data")}))
    assert attributes(app)["metadata"]["sampled"] == [1, 2]
    document = json.loads(ask(app, "/ome-zarr/0.5/in/scan/1/zarr.json").body)
    assert [codec["name"] for codec in document["codecs"]] == ["bytes", "blosc"]


def test_a_stale_store_is_not_used(folder: Path, serve: Callable[..., Any]) -> None:
    """Neither by a server that has used it before, nor by a new one."""
    app = serve()
    np.testing.assert_array_equal(level_of(app, 0), PICTURE)
    write(folder, OTHER, moment=2)
    for one in (app, serve()):
        np.testing.assert_array_equal(level_of(one, 0), OTHER)
        assert attributes(one)["metadata"]["sampled"] == [1, 2]


def test_a_store_of_the_new_version_is_used(folder: Path, serve: Callable[..., Any]) -> None:
    app = serve()
    level_of(app, 0)
    path = write(folder, OTHER, moment=2)
    shutil.rmtree(folder / "baked" / "in" / "scan.ome.zarr")
    tiled_zarr.bake(path, folder / "baked" / "in" / "scan.ome.zarr")
    for number, level in enumerate(levels(OTHER)):
        np.testing.assert_array_equal(level_of(app, number), level)


@pytest.mark.parametrize("lost", ["0/c/0/0", "1/c/0/0", "0", "."])
def test_what_is_lost_from_the_store_is_computed(lost: str, folder: Path, serve: Callable[..., Any]) -> None:
    """A reader would take a chunk that is not there for zeros."""
    app = serve(tile_budget="64MiB")
    assert level_of(app, 2).any()
    gone = folder / "baked" / "in" / "scan.ome.zarr" / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    for number, level in enumerate(levels(PICTURE)):
        np.testing.assert_array_equal(level_of(app, number), level)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_samples_in_place_of_what_is_lost_are_called_samples(version: str, folder: Path, serve: Callable[..., Any]) -> None:
    """They have tags of their own: a client may hold the tiles that were sent before."""
    app, path = serve(cache_size="0"), f"/ome-zarr/{version}/in/scan/1/{'c/' if version == '0.5' else ''}0/0"
    before = ask(app, path)
    shutil.rmtree(folder / "baked" / "in" / "scan.ome.zarr" / "1" / "c")
    for one in (app, serve()):
        after = ask(one, path)
        assert (after.status, after.headers["cache-control"]) == (200, "no-cache")
        assert after.headers["etag"] != before.headers["etag"]
        assert attributes(one)["metadata"]["sampled"] == [1]
        assert level_of(one, 1, version).shape == levels(PICTURE)[1].shape


def test_what_goes_while_it_is_read_is_computed(folder: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile at the edge is read again after it was looked for."""
    look = Pyramid._stored_chunk

    def seen(self: Pyramid, level: int, index: Any) -> bytes | None:
        body = look(self, level, index)
        (folder / "baked" / "in" / "scan.ome.zarr" / "2" / "c" / "0" / "0").unlink(missing_ok=True)
        return body

    app = serve(tile_budget="64MiB")
    monkeypatch.setattr(Pyramid, "_stored_chunk", seen)
    np.testing.assert_array_equal(level_of(app, 2), levels(PICTURE)[2])


def test_a_damaged_chunk_is_an_error_or_right(folder: Path, serve: Callable[..., Any]) -> None:
    shard = folder / "baked" / "in" / "scan.ome.zarr" / "0" / "c" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-9])
    app = serve()
    answer = ask(app, "/ome-zarr/0.5/in/scan/0/c/0/0")
    assert answer.status >= 500 or level_of(app, 0)[:512, :512].tolist() == PICTURE[:512, :512].tolist()


@pytest.mark.parametrize("change", [{"tiled_zarr": "0.0.1, encoder 1"}, {"source": "other"}, {"source": None}])
def test_a_store_of_another_program_or_source_is_not_used(change: dict[str, Any], folder: Path, serve: Callable[..., Any]) -> None:
    document = folder / "baked" / "in" / "scan.ome.zarr" / "zarr.json"
    root = json.loads(document.read_text())
    root["attributes"]["tiled_zarr"]["baked"].update(change)
    document.write_text(json.dumps(root))
    assert attributes(serve())["metadata"]["sampled"] == [1, 2]


def test_a_store_that_cannot_be_read_hides_nothing(folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    (folder / "baked" / "in" / "scan.ome.zarr" / "zarr.json").write_text("{")
    np.testing.assert_array_equal(level_of(serve(), 0), PICTURE)
    assert "scan.ome.zarr is not used" in caplog.text


def test_an_unfinished_store_is_not_used(folder: Path, serve: Callable[..., Any]) -> None:
    (folder / "baked" / "in" / "scan.ome.zarr" / "zarr.json").unlink()
    assert attributes(serve())["metadata"]["sampled"] == [1, 2]


def test_names_do_not_lead_out_of_the_folder(folder: Path) -> None:
    from tiled_zarr.baking import Served
    from tiled_zarr.resources import default

    served = Served(folder / "baked" / "in", default())
    image = tiled_zarr.open(folder / "data" / "in" / "scan.npy")
    assert isinstance(image, tiled_zarr.Array)
    assert list(served("/scan", image)) == [0, 1, 2]
    assert served("/../in/../../baked/../data/in/scan", image) == {}
    assert [*served._candidates("/../../data/in")] == []
