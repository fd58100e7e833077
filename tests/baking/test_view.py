"""What is baked is sent below /zarr in place of what would be computed, and nobody sees a difference."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
import xarray
import zarr

import tiled_zarr
from asgi import ask
from baking.stocked import (
    CUBE,
    FRAME,
    RECORDS,
    SCAN,
    TEXTS,
    WEATHER,
    app_of,
    bake,
    body,
    change,
    read,
    sent,
    store,
    swap,
    write_all,
    write_run,
)
from tiled_zarr import Array, Group, Sparse, budgets, launch_nonce
from tiled_zarr.app import create_app
from tiled_zarr.baking import Stores, view
from tiled_zarr.baking.origins import Names
from tiled_zarr.resources import default
from tiled_zarr.settings import Settings
from tiled_zarr.testing.readback import Format
from tiled_zarr.tree import resources_of

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")  # of records and texts in Zarr v3

OTHER = CUBE + 10_000
BOTH: list[Format] = [2, 3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files in `data`, and a store of all of it in `baked`, whose cube has other values."""
    folder = tmp_path_factory.mktemp("whole")
    tiled_zarr.bake(write_all(folder / "data"), folder / "baked", shards=(10, 120, 140))
    return folder


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("zarr_format", BOTH)
def test_all_that_is_sent_is_what_would_be_computed(version: Format, zarr_format: Format, whole: Path, tmp_path: Path) -> None:
    """Documents and chunks, byte for byte; zarr-python and xarray read the source's values."""
    baked = whole / "baked" if zarr_format == 3 else tmp_path / "baked"
    if zarr_format == 2:
        tiled_zarr.bake(whole / "data", baked, zarr_format=2)
    computed, served = (sent(app, "", version) for app in (app_of(whole / "data"), app_of(whole / "data", baked)))
    assert served == computed
    group = zarr.open_group(store(served), mode="r", zarr_format=version)
    np.testing.assert_array_equal(group["in/run/entry/cube"][...], CUBE)
    assert group["in/run/entry/texts"][...].tolist() == TEXTS
    np.testing.assert_array_equal(group["in/run/records"][...], RECORDS)
    np.testing.assert_array_equal(group["in/scan"][...], SCAN)
    np.testing.assert_array_equal(group["table/x"][...], FRAME.x)
    assert group["frame/name"][...].tolist() == FRAME.name.tolist()
    weather = sent(app_of(whole / "data", baked), "weather", version)
    opened = xarray.open_dataset(store(weather), engine="zarr", zarr_format=version)
    xarray.testing.assert_identical(opened.load(), xarray.open_dataset(whole / "data" / "weather.nc", engine="h5netcdf").load())
    xarray.testing.assert_equal(opened, WEATHER)


ARRAYS = {
    "in/run/entry/cube": OTHER,
    "in/run/entry/other": OTHER,
    "in/run/entry/texts": np.array(["ß", "b", "", "c"] * 3000, object),
    "in/run/records": RECORDS[::-1],
    "in/run/pi": np.array(2.72),
    "in/run/big": np.arange(100)[::-1],
    "in/scan": SCAN[::-1],
    "table/x": FRAME.x.to_numpy()[::-1],
    "table/name": np.array(["four", "five", "six"] * 1000, object),
    "frame/x": FRAME.x.to_numpy()[::-1],
    "weather/temperature": WEATHER.temperature.to_numpy()[::-1],
    "weather/time": WEATHER.time.to_numpy()[::-1],
}


@pytest.mark.parametrize("zarr_format", BOTH)
def test_items_are_those_of_the_store(zarr_format: Format, whole: Path, tmp_path: Path) -> None:
    """The store has other values than its sources, which no server would have if it read them."""
    tiled_zarr.bake(whole / "data", tmp_path / "baked", zarr_format=zarr_format)
    for path, values in ARRAYS.items():
        swap(tmp_path / "baked" / path, values)
    app = app_of(whole / "data", tmp_path / "baked")
    for path, values in ARRAYS.items():
        for version in BOTH:
            np.testing.assert_array_equal(read(app, path, version).astype(values.dtype), values, err_msg=path)


@pytest.mark.parametrize("version", BOTH)
def test_chunks_are_sent_as_they_lie_in_shards(version: Format, whole: Path) -> None:
    """Also those at the array's edge, which hold zeros beyond it."""
    app = app_of(whole / "data", whole / "baked")
    shape = json.loads(body(app, "/zarr/v3/in/run/entry/cube/zarr.json"))["chunk_grid"]["configuration"]["chunk_shape"]
    counts = [-(-size // chunk) for size, chunk in zip(CUBE.shape, shape, strict=True)]
    assert zarr.open_array(whole / "baked" / "in/run/entry/cube", mode="r").chunks == tuple(shape)
    files = [path.read_bytes() for path in (whole / "baked" / "in/run/entry/cube/c").rglob("*") if path.is_file()]
    assert 1 < len(files) < np.prod(counts)
    for index in np.ndindex(*counts):
        key = ".".join(map(str, index)) if version == 2 else "/".join(map(str, ("c", *index)))
        one = body(app, f"/zarr/v{version}/in/run/entry/cube/{key}")
        assert sum(one in file for file in files) == 1


@pytest.mark.parametrize(
    "target",
    ["in/run/entry/cube.zarr", "in/run/entry/cube", "in/run/entry.zarr", "in/run/entry", "in/run.zarr", "in/run", "in.zarr", "in", "."],
)
def test_a_store_lies_at_the_path_of_its_node(target: str, folder: Path, serve: Callable[..., Any]) -> None:
    path = target.removesuffix(".zarr").strip(".")
    inner = path.removeprefix("in/run").strip("/")
    made = folder / "baked" / target
    if path.startswith("in/run"):
        bake(folder, target, f"::{inner}" if inner else "", format="zarr")
    else:
        tiled_zarr.bake(folder / "data" / path, made)
    swap(made / "in/run/entry/cube"[len(path) :].lstrip("/"), OTHER)
    np.testing.assert_array_equal(read(serve(), "in/run/entry/cube"), OTHER)


def test_the_nearest_store_wins(folder: Path, serve: Callable[..., Any]) -> None:
    """The next one is used if the nearest is stale."""
    for number, target in enumerate(["in/run.zarr", "in/run/entry.zarr", "in/run/entry/cube.zarr"]):
        inner = target.removesuffix(".zarr").removeprefix("in/run").strip("/")
        made = bake(folder, target, f"::{inner}" if inner else "", format="zarr")
        swap(made / "entry/cube"[len(inner) :].lstrip("/"), CUBE + 10_000 * (number + 1))
    for number, target in [(3, "in/run/entry/cube.zarr"), (2, "in/run/entry.zarr"), (1, "in/run.zarr"), (0, "")]:
        np.testing.assert_array_equal(read(serve(), "in/run/entry/cube"), CUBE + 10_000 * number)
        if target:
            change(folder / "baked" / target, origin="another")
            shutil.rmtree(folder / "baked" / target)


def test_a_source_that_changes_is_computed_at_once(tmp_path: Path) -> None:
    """By the server that has sent the store, under other tags; and what it sent for ever is gone."""
    folder = tmp_path
    write_run(folder / "data" / "in" / "run.h5")
    swap(bake(folder, "in/run.zarr") / "entry" / "cube", OTHER)
    app, path = app_of(folder / "data", folder / "baked"), "/zarr/v3/in/run/entry/cube"
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), OTHER)
    chunk = urljoin(located(app, f"{path}/zarr.json"), "c/0/0/0")
    before, frozen = ask(app, f"{path}/c/0/0/0"), ask(app, chunk)
    assert (frozen.status, frozen.body, frozen.headers["etag"]) == (200, before.body, before.headers["etag"])
    write_run(folder / "data" / "in" / "run.h5", CUBE + 1, moment=2)
    assert ask(app, chunk).status == 410
    for one in (app, app_of(folder / "data", folder / "baked")):
        after = ask(one, f"{path}/c/0/0/0", headers={"if-none-match": before.headers["etag"]})
        assert (after.status, after.headers["etag"] != before.headers["etag"]) == (200, True)
        np.testing.assert_array_equal(read(one, "in/run/entry/cube"), CUBE + 1)


def located(app: Any, path: str) -> str:
    """Where a document says that it never changes, as a client resolves it."""
    return urlsplit(urljoin(f"http://host{path}", ask(app, path).headers["content-location"])).path


def test_head_and_ranges_are_those_of_the_chunk(folder: Path, serve: Callable[..., Any]) -> None:
    swap(bake(folder, "in/run.zarr") / "entry" / "cube", OTHER)
    path = "/zarr/v3/in/run/entry/cube/c/0/0/0"
    head = ask(serve(), path, "HEAD")
    app = serve()
    part, last = ask(app, path, headers={"range": "bytes=3-9"}), ask(app, path, headers={"range": "bytes=-5"})
    whole = ask(app, path)
    assert (head.headers["content-length"], head.headers["etag"]) == (str(len(whole.body)), whole.headers["etag"])
    assert (part.body, last.body) == (whole.body[3:10], whole.body[-5:])
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), OTHER)


GZIP = {"codec": "gzip:1", "chunks": (4, 150, 130), "shards": (8, 150, 130)}


@pytest.mark.parametrize(
    ("profile", "options"),
    [
        ("~codec=zstd:3", {}),
        ("~codec=zstd:3", {"codec": "zstd:3"}),
        ("~chunks=3x50x60", {"chunks": (3, 50, 60)}),
        ("~codec=gzip:1,chunks=4x150x130", GZIP),
        ("~codec=zstd:3", GZIP),
        ("~dtype=web", GZIP),
    ],
)
def test_profiles_and_layouts(profile: str, options: dict[str, Any], folder: Path, serve: Callable[..., Any]) -> None:
    """Whatever the layout of the store, a client gets the layout that it asks for, of the store's items."""
    made = bake(folder, "in/run.zarr", **options) / "entry" / "cube"
    swap(made, OTHER)
    app, plain = serve(), app_of(folder / "data")
    for path in (f"{profile}/in/run/entry/cube", "in/run/entry/cube"):
        assert body(app, f"/zarr/v3/{path}/zarr.json") == body(plain, f"/zarr/v3/{path}/zarr.json")
        np.testing.assert_array_equal(read(app, path), OTHER)
    if profile.endswith("chunks=4x150x130"):
        assert body(app, f"/zarr/v3/{profile}/in/run/entry/cube/c/1/0/0") in (made / "c" / "0" / "0" / "0").read_bytes()


def test_the_layout_of_the_settings_passes_through(folder: Path, serve: Callable[..., Any]) -> None:
    """A level of gzip that the server does not write shows whose bytes are sent."""
    made = bake(folder, "in/run.zarr", codec="gzip:9", shards=(15, 180, 140)) / "entry" / "cube"
    one = body(serve(codec="gzip:9"), "/zarr/v2/in/run/entry/cube/0.0.0")
    assert one in (made / "c" / "0" / "0" / "0").read_bytes()


def custom(values: np.ndarray, revision: str | None, reads: list[Any] | None = None) -> Array:
    """An array with a revision, which counts its reads."""

    def read(region: Any) -> np.ndarray:
        if reads is not None:
            reads.append(region)
        return values[region]

    return Array(shape=values.shape, dtype=values.dtype, read=read, revision=lambda: revision)


def test_what_cannot_say_its_revision_never_counts(tmp_path: Path) -> None:
    """Data in memory have one revision for all of them, and that of the process."""
    known, live, memory = custom(CUBE, "1"), custom(CUBE + 1, None), replace(custom(CUBE + 2, None), revision=launch_nonce)
    tree = Group({"known": known, "live": live, "memory": memory})
    tiled_zarr.bake(tree, tmp_path / "baked")
    for name in tree.children:
        swap(tmp_path / "baked" / name, OTHER)
    app = create_app(tree, Settings(public=True, baked=tmp_path / "baked"))
    np.testing.assert_array_equal(read(app, "known"), OTHER)
    np.testing.assert_array_equal(read(app, "live"), CUBE + 1)
    np.testing.assert_array_equal(read(app, "memory"), CUBE + 2)


def test_a_chunk_that_takes_too_much_memory_is_computed(tmp_path: Path) -> None:
    """Of the budget that all requests share."""
    tree = Group({"a": custom(CUBE, "1")})
    tiled_zarr.bake(tree, tmp_path / "baked")
    swap(tmp_path / "baked" / "a", OTHER)
    array = view(tree, Stores(tmp_path / "baked", default())).children["a"]
    assert isinstance(array, Array)
    corner = (slice(0, 2),) * 3
    for nbytes, values in ((CUBE.nbytes - 1, CUBE), (CUBE.nbytes, OTHER)):
        budgets.lend(budgets.Budget(nbytes, patience=1))
        np.testing.assert_array_equal(array.read(corner), values[corner])
    budgets.lend(None)


@pytest.mark.parametrize("version", BOTH)
def test_a_sparse_array_is_sent_as_it_is_stored(version: Format, tmp_path: Path) -> None:
    """Else it is made of its entries, in the same codec without a shuffle."""
    coords, data = np.array([[0, 5, 699], [3, 5, 800]]), np.array([1.5, 2.5, 3.5])
    asked: list[int] = []

    def entries() -> tuple[np.ndarray, np.ndarray]:
        asked.append(1)
        return coords, data

    tree = Group({"a": Sparse((700, 801), np.dtype("f8"), entries, revision=lambda: "1")})
    tiled_zarr.bake(tree, tmp_path / "baked")
    asked.clear()
    computed = sent(create_app(tree, Settings(public=True)), "a", version)
    assert asked
    asked.clear()
    served = sent(create_app(tree, Settings(public=True, baked=tmp_path / "baked")), "a", version)
    assert (served, asked) == (computed, [])


def test_each_version_of_a_source_has_its_store(tmp_path: Path) -> None:
    """Also if the node stays the same one, as that of a tree in memory does."""
    versions = ["1"]
    tree = Group({"a": replace(custom(CUBE, None), revision=lambda: versions[-1])})
    app = create_app(tree, Settings(public=True, baked=tmp_path / "baked"))
    for number in (1, 2):
        versions.append(str(number))
        shutil.rmtree(tmp_path / "baked", ignore_errors=True)
        tiled_zarr.bake(tree, tmp_path / "baked")
        swap(tmp_path / "baked" / "a", CUBE + number)
        np.testing.assert_array_equal(read(app, "a"), CUBE + number)
    versions.append("3")
    np.testing.assert_array_equal(read(app, "a"), CUBE)


def test_a_server_looks_once_for_an_array_and_never_without_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    tree = Group({"baked": custom(CUBE, "1", reads), "computed": custom(CUBE, "2", reads)})
    tiled_zarr.bake(Group({"baked": tree.children["baked"]}), tmp_path / "baked")
    looks: list[Names] = []
    find = Stores.find

    def counted(self: Stores, path: Names, *given: Any) -> Any:
        looks.append(path)
        return find(self, path, *given)

    monkeypatch.setattr(Stores, "find", counted)
    reads.clear()
    plain = create_app(tree, Settings(public=True))
    for name in tree.children:
        read(plain, name)
    assert (looks, bool(reads)) == ([], True)
    reads.clear()
    app = create_app(tree, Settings(public=True, baked=tmp_path / "baked", cache_size=0))
    for name in ("baked", "computed"):
        for version in BOTH:
            np.testing.assert_array_equal(read(app, name, version), CUBE)
            np.testing.assert_array_equal(read(app, f"~codec=zstd/{name}", version), CUBE)
        assert (looks.count((name,)), bool(reads)) == (1, name == "computed")


def test_the_second_cache_keeps_nothing_that_is_baked(tmp_path: Path) -> None:
    tree = Group({"baked": custom(CUBE, "1"), "computed": custom(CUBE, "2")})
    tiled_zarr.bake(Group({"baked": tree.children["baked"]}), tmp_path / "baked")
    settings = Settings(public=True, baked=tmp_path / "baked", cache=f"folder://{tmp_path / 'second'}")
    app = create_app(tree, settings, resources=resources_of(settings))
    kept = []
    for name in ("baked", "computed"):
        read(app, name)
        kept.append(len([path for path in (tmp_path / "second").rglob("*") if path.is_file()]))
    assert kept[0] == 0
