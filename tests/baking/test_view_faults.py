"""What is stale, lost, damaged or of something else in a store is computed, and logged once."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from baking.stocked import (
    CUBE,
    bake,
    change,
    read,
    swap,
)
from tiled_zarr import Array, Group
from tiled_zarr.app import create_app
from tiled_zarr.baking import Stores, written
from tiled_zarr.baking.written import Counterpart
from tiled_zarr.hierarchy.names import wire
from tiled_zarr.resources import default
from tiled_zarr.settings import Settings, from_environment
from tiled_zarr.testing.readback import Format
from tiled_zarr.tree import plant

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")  # of records and texts in Zarr v3

OTHER = CUBE + 10_000
BOTH: list[Format] = [2, 3]
CUBE_STORE = "in/run/entry/cube.zarr"


@pytest.mark.parametrize("lost", ["c/0/0/0", "c", "."])
def test_what_is_lost_is_computed(lost: str, folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """A reader would take a chunk that is not there for zeros."""
    made = bake(folder, CUBE_STORE, "::entry/cube", format="zarr", shards=(10, 60, 140))
    swap(made, OTHER)
    app = serve(cache_size="0")
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), OTHER)
    gone = made / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    expected = CUBE.copy()
    if lost == "c/0/0/0":
        expected = OTHER.copy()
        expected[:10, :60] = CUBE[:10, :60]
    for one in (app, serve(cache_size="0")):
        caplog.clear()
        for version in BOTH:
            np.testing.assert_array_equal(read(one, "in/run/entry/cube", version), expected)
        assert len([line for line in caplog.messages if "is not there" in line]) == (lost != ".")


@pytest.mark.parametrize("cut", [1, 9, 4000, 10**9])
def test_a_damaged_shard_is_computed(cut: int, folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    made = bake(folder, CUBE_STORE, "::entry/cube", format="zarr", shards=(15, 180, 140))
    shard = made / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-cut])
    np.testing.assert_array_equal(read(serve(), "in/run/entry/cube"), CUBE)
    assert len([line for line in caplog.messages if "cube.zarr is not used" in line]) == 1


def test_a_damaged_chunk_is_computed(folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    made = bake(folder, CUBE_STORE, "::entry/cube", format="zarr", zarr_format=2)
    swap(made, OTHER)
    path = made / "0.0.0"
    path.write_bytes(path.read_bytes()[:-7])
    found = read(serve(), "in/run/entry/cube")
    inside = tuple(slice(0, size) for size in json.loads((made / ".zarray").read_text())["chunks"])
    expected = OTHER.copy()
    expected[inside] = CUBE[inside]
    np.testing.assert_array_equal(found, expected)
    assert len([line for line in caplog.messages if "cube.zarr is not used" in line]) == 1


def test_an_unfinished_store_counts_as_none(folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    made = bake(folder, "in/run.zarr")
    for name in ("cube", "other"):
        swap(made / "entry" / name, OTHER)
    (made / ".tiled-zarr-bake.json").write_text("{}")
    app = serve()
    for version in BOTH:
        np.testing.assert_array_equal(read(app, "in/run/entry/cube", version), CUBE)
        np.testing.assert_array_equal(read(app, "in/run/entry/other", version), CUBE[::-1, ::-1])
    assert [line for line in caplog.messages if "run.zarr is not used" in line] == [
        "in/run.zarr is not used: it is not finished: go on with --resume"
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tiled_zarr": "0.0.1, encoder 1"}, "another version of tiled-zarr has made it"),
        ({"version": 1}, "another version of tiled-zarr has made it"),
        ({"version": None}, "another version of tiled-zarr has made it"),
        ({"origin": "another"}, "made from another version of its source"),
    ],
)
def test_a_store_of_another_kind_counts_as_none(
    values: dict[str, Any], message: str, folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    made = bake(folder, CUBE_STORE, "::entry/cube", format="zarr")
    swap(made, OTHER)
    change(made, **values)
    app = serve()
    for version in BOTH:
        np.testing.assert_array_equal(read(app, "in/run/entry/cube", version), CUBE)
    assert len([line for line in caplog.messages if message in line and "bake it again" in line]) == 1


def test_documents_that_are_no_json_count_as_none(folder: Path, serve: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    made = bake(folder, "in/run.zarr")
    (made / "entry" / "cube" / "zarr.json").write_text("{")
    (folder / "baked" / "in" / "zarr.json").write_text("[]")
    np.testing.assert_array_equal(read(serve(), "in/run/entry/cube"), CUBE)
    assert [line.partition(" is not used")[0] for line in caplog.messages if "is not used" in line] == ["in/run.zarr", "in"]


def test_the_store_of_another_array_of_the_same_file(folder: Path, serve: Callable[..., Any]) -> None:
    """It has the same shape, type and revision."""
    bake(folder, "in/run/entry/cube.zarr", "::entry/other", format="zarr")
    np.testing.assert_array_equal(read(serve(), "in/run/entry/cube"), CUBE)
    bake(folder, "in/run/entry.zarr")  # of the whole file: its `entry/cube` would be `entry/entry/cube`
    bake(folder, "in/run.zarr", "::entry", format="zarr")
    swap(folder / "baked" / "in" / "run.zarr" / "cube", OTHER)
    np.testing.assert_array_equal(read(serve(), "in/run/entry/cube"), CUBE)


def test_a_store_that_is_baked_anew_under_a_server(folder: Path, serve: Callable[..., Any]) -> None:
    """With chunks of as many bytes in another shape, which the old layout would read as other items."""
    made = bake(folder, CUBE_STORE, "::entry/cube", format="zarr", chunks=(4, 30, 50), shards=(8, 150, 150), codec="none")
    app = serve(cache_size="0")
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), CUBE)
    shutil.rmtree(made)
    bake(folder, CUBE_STORE, "::entry/cube", format="zarr", chunks=(4, 50, 30), shards=(8, 150, 150), codec="none")
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), CUBE)


def test_a_store_is_found_that_comes_later(folder: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """And another one in its place; but not before it is time to look again."""
    made, app, hours = folder / "baked" / CUBE_STORE, serve(cache_size="0"), [0.0]
    monkeypatch.setattr(written, "AGAIN", 1800.0)
    monkeypatch.setattr(written, "monotonic", lambda: time.monotonic() + 3600 * hours[0])
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), CUBE)
    for values, options in ((OTHER, {}), (OTHER + 1, {"chunks": (4, 30, 50)})):
        shutil.rmtree(made, ignore_errors=True)
        swap(bake(folder, CUBE_STORE, "::entry/cube", format="zarr", **options), values)
        np.testing.assert_array_equal(read(app, "in/run/entry/cube"), CUBE)
        hours[0] += 1
        np.testing.assert_array_equal(read(app, "in/run/entry/cube"), values)


def test_a_file_that_is_mounted_elsewhere_has_its_store_there(folder: Path) -> None:
    """The origin of an array is a file and a path in it, not a path in a tree."""
    swap(bake(folder, "runs/first.zarr") / "entry" / "cube", OTHER)
    tree = f"{{path: /runs/first, file: {folder / 'data' / 'in' / 'run.h5'}}}"
    (folder / "server.yml").write_text(f"{{public: true, baked: {folder / 'baked'}, trees: [{tree}]}}")
    settings = from_environment({}, {}, {"CONFIG": str(folder / "server.yml")})
    planted = plant(settings)
    app = create_app(planted.root, settings, planted.tasks, planted.resources)
    np.testing.assert_array_equal(read(app, "runs/first/entry/cube"), OTHER)


@pytest.mark.parametrize("name", ["x" * 251, "ü" * 127, "/", "a/b"])
def test_a_name_that_no_file_has_is_computed(name: str, tmp_path: Path) -> None:
    """With `.zarr` at its end it is too long; or it is not the name of one folder."""
    tree = Group(
        {"in": Group({name: Array(shape=(12,), dtype=CUBE.dtype, read=lambda region: CUBE[:, 0, 0][region], revision=lambda: "1")})}
    )
    (tmp_path / "in").mkdir()
    app = create_app(tree, Settings(public=True, baked=tmp_path))
    np.testing.assert_array_equal(read(app, quote(f"in/{wire(name)}")), CUBE[:, 0, 0])


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_chunk_that_goes_while_it_is_read_is_computed(
    is_seen: bool, folder: Path, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody removes the store, whose document may be the last to go."""
    made = bake(folder, CUBE_STORE, "::entry/cube", format="zarr", zarr_format=2, chunks=(12, 150, 130))
    app, chunk = serve(cache_size="0"), Counterpart.chunk

    def seen(self: Counterpart, index: Any) -> bytes:
        body = chunk(self, index)
        (made / "0.0.0").unlink(missing_ok=True)
        return body

    def lost(self: Counterpart, region: Any) -> Any:
        (made / "0.0.0").unlink(missing_ok=True)
        return block(self, region)

    block = Counterpart.block
    monkeypatch.setattr(Counterpart, *(("chunk", seen) if is_seen else ("block", lost)))
    np.testing.assert_array_equal(read(app, "in/run/entry/cube"), CUBE)


def test_names_that_lead_out_of_the_folder(folder: Path) -> None:
    made = bake(folder, "cube.zarr", "::entry/cube", format="zarr")
    stores = Stores(folder / "baked" / "deeper", default())
    (folder / "baked" / "deeper").mkdir()
    assert [*stores._candidates(("..", "cube"))] == [(folder / "baked" / "deeper", ("..", "cube"))]
    assert next(Stores(folder / "baked", default())._candidates(("cube",))) == (made, ())
