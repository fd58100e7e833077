"""`/minmax/v2` and `/minmax/v3` through the application: keys, tags, tokens, rights and samples."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest

from asgi import Answer, ask
from minmax.twins import extremes, node_of
from tiled_zarr import Group
from tiled_zarr import open as opened
from tiled_zarr.app import create_app
from tiled_zarr.http.middleware.callers import Caller
from tiled_zarr.nodes import LIVE, Dense, Forbidden, Revision
from tiled_zarr.settings import Settings

VALUES = np.random.default_rng(2).normal(size=600_000)
PATCH = 1 << 16
SECONDS = 30


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr("tiled_zarr.settings.values.Settings.require_access", lambda _: None)
    return lambda children, **settings: create_app(Group(children=children), Settings(**{"public": True, **settings}))


def said(app: Any, path: str = "line") -> dict[str, Any]:
    answer = ask(app, f"/minmax/v3/{path}/zarr.json")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)["attributes"]["tiled_zarr"]["minmax"]
    return found


def chunk(answer: Answer, dtype: str = "<f8") -> np.ndarray:
    assert answer.status == 200, answer.body
    return np.frombuffer(numcodecs.Blosc().decode(answer.body), dtype).reshape(-1, 2)


KEYS = {
    "/minmax/v2/line/.zgroup": None,
    "/minmax/v2/line/.zattrs": None,
    "/minmax/v2/line/.zmetadata": None,
    "/minmax/v2/line/2/.zarray": None,
    "/minmax/v2/line/2/1.0": (2, slice(2048, 4096)),
    "/minmax/v3/line/zarr.json": None,
    "/minmax/v3/line/1/zarr.json": None,
    "/minmax/v3/line/1/c/4/0": (1, slice(8192, 10240)),
    "/minmax/v3/line/4/c/0/0": (4, slice(0, 2048)),
}


@pytest.mark.parametrize("path", KEYS)
def test_each_key_has_a_tag_a_head_and_a_revision_in_the_path(make: Callable[..., Any], path: str) -> None:
    app = make({"line": node_of(VALUES)})
    answer = ask(app, path)
    where = KEYS[path]
    if where is not None:
        level, rows = where
        expected = extremes(VALUES, 64 << (level - 1))[rows]
        np.testing.assert_array_equal(chunk(answer)[: len(expected)], expected)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
    head = ask(app, path, "HEAD")
    assert (head.headers["content-length"], head.headers["etag"]) == (str(len(answer.body)), answer.headers["etag"])
    assert ask(app, path, headers={"if-none-match": answer.headers["etag"]}).status == 304
    part = ask(app, path, headers={"range": "bytes=2-5"})
    assert (part.status, part.body) == (206, answer.body[2:6])
    document = "v2/line/.zgroup" if "/v2/" in path else "v3/line/zarr.json"
    token = ask(app, f"/minmax/{document}").headers["content-location"].split("@")[1].split("/")[0]
    frozen = ask(app, f"/@{token}{path}")
    assert (frozen.status, frozen.body) == (200, answer.body)
    assert "immutable" in frozen.headers["cache-control"]


def test_keys_that_are_none_are_absent(make: Callable[..., Any]) -> None:
    app = make({"line": node_of(VALUES), "image": node_of(np.zeros((9, 9)))})
    for key in (
        "v3/image/zarr.json",
        "v3/line/0/zarr.json",
        "v3/line/5/zarr.json",
        "v3/line/1/c/5/0",
        "v3/line/1/c/0/1",
        "v2/line/01/.zarray",
    ):
        assert ask(app, f"/minmax/{key}").status == 404, key
    listing = json.loads(ask(app, "/minmax/v3/", headers={"accept": "application/json"}).body)
    assert [child["name"] for child in listing["children"]] == ["line"]
    profile = ask(app, "/minmax/v3/~codec=zstd,chunks=1000x1/line/4/c/0/1")
    found = np.frombuffer(numcodecs.Zstd().decode(profile.body)).reshape(-1, 1)
    np.testing.assert_array_equal(found, extremes(VALUES, 512)[:1000, 1:])


def test_times_have_a_type_that_javascript_has(make: Callable[..., Any]) -> None:
    times = np.datetime64("2026-11-27", "ns") + np.arange(200_000) * np.timedelta64(1, "s")
    app = make({"line": node_of(times)})
    found = chunk(ask(app, "/minmax/v3/~dtype=web/line/2/c/0/0"), "<i8")
    np.testing.assert_array_equal(found[:1563], extremes(times, 128).view("<i8"))
    levels = said(app, "~dtype=web/line")["levels"]
    assert [level["factor"] for level in levels] == [64, 128]


def test_a_key_is_needed_and_each_caller_sees_their_own(make: Callable[..., Any]) -> None:
    assert ask(make({"line": node_of(VALUES)}, public=False, api_key="k" * 20), "/minmax/v3/line/zarr.json").status == 401
    node = node_of(VALUES)

    def refused(_: Any = None) -> Any:
        raise Forbidden("you may not read these data")

    trees = {
        "a": Group({"line": node}),
        "b": Group({"line": replace(node, source=Dense(refused), revision=Revision(LIVE.whole, refused))}),
        "c": Group({}),
    }

    async def identify(scope: Any) -> Caller:
        name = dict(scope["headers"])[b"x-name"].decode()
        return Caller(identity=name, root=lambda: trees[name], is_public=False, is_signed_in=True, sees_all=False)

    app = create_app(Group({}), Settings(), identify=identify)
    statuses = {name: ask(app, "/minmax/v3/line/4/c/0/0", headers={"x-name": name}).status for name in "abc"}
    assert statuses == {"a": 200, "b": 403, "c": 403}
    assert ask(app, "/minmax/v3/line/zarr.json", headers={"x-name": "c"}).status == 404


def test_samples_come_first_and_have_no_tag_of_the_exact_ones(make: Callable[..., Any]) -> None:
    may_go_on = threading.Event()

    def read(region: Any) -> np.ndarray:
        if threading.current_thread().name == "tiled-zarr-levels":
            assert may_go_on.wait(SECONDS)
        return VALUES[region]

    app = make({"line": node_of(VALUES, read=read, chunks=(PATCH,))}, tile_budget=2 * 2**20)
    assert said(app)["sampled"] == ["3", "4"]
    path = "/minmax/v3/line/4/c/0/0"
    token = ask(app, "/minmax/v3/line/zarr.json").headers["content-location"].split("@")[1].split("/")[0]
    first = ask(app, path)
    assert first.headers["cache-control"] == "no-cache"
    assert "immutable" not in ask(app, f"/@{token}{path}").headers["cache-control"]
    may_go_on.set()
    end = time.monotonic() + SECONDS
    while said(app)["sampled"] and time.monotonic() < end:
        time.sleep(0.02)
    exact = ask(app, path)
    np.testing.assert_array_equal(chunk(exact)[:1172], extremes(VALUES, 512))
    assert exact.headers["etag"] != first.headers["etag"]
    assert ask(app, path, headers={"if-none-match": first.headers["etag"]}).status == 200
    assert "immutable" in ask(app, f"/@{token}{path}").headers["cache-control"]


def test_samples_stay_without_the_background(make: Callable[..., Any]) -> None:
    app = make({"line": node_of(VALUES, chunks=(PATCH,))}, tile_budget=2 * 2**20, levels_background=False)
    token = ask(app, "/minmax/v3/line/zarr.json").headers["content-location"].split("@")[1].split("/")[0]
    for _ in range(2):
        assert np.isin(chunk(ask(app, "/minmax/v3/line/4/c/0/0"))[:1172], VALUES).all()
        pinned = ask(app, f"/@{token}/minmax/v3/line/4/c/0/0")
        assert "immutable" not in pinned.headers["cache-control"]
        assert said(app)["sampled"] == ["3", "4"]


def test_a_line_that_grows_has_more_bins_and_another_tag(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("line", data=VALUES[:200_000], maxshape=(None,), chunks=(10_000,))
    app = create_app(opened(tmp_path), Settings(public=True))
    assert said(app, "a/line")["length"] == 200_000
    before = ask(app, "/minmax/v3/a/line/2/c/0/0")
    with h5py.File(path, "a") as file:
        file["line"].resize((600_000,))
        file["line"][200_000:] = VALUES[200_000:]
    assert len(said(app, "a/line")["levels"]) == 4
    after = ask(app, "/minmax/v3/a/line/2/c/0/0")
    assert after.headers["etag"] != before.headers["etag"]
    np.testing.assert_array_equal(chunk(before)[:1562], extremes(VALUES[:199_936], 128))
    np.testing.assert_array_equal(chunk(after), extremes(VALUES, 128)[:2048])


def test_a_source_that_fails_is_no_absence(make: Callable[..., Any]) -> None:
    def read(_: Any) -> Any:
        raise OSError("the disk fails")

    app = make({"line": node_of(VALUES, read=read), "good": node_of(VALUES)})
    assert ask(app, "/minmax/v3/line/zarr.json").status == 200
    assert ask(app, "/minmax/v3/line/4/c/0/0").status >= 500
    assert ask(app, "/minmax/v3/good/4/c/0/0").status == 200
