"""How long clients and proxies may keep documents and chunks.

https://www.rfc-editor.org/rfc/rfc9111
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.directory.open import open_directory
from tiled_zarr.nodes import Options
from tiled_zarr.views.options import with_options

IMMUTABLE = "public, max-age=31536000, immutable"
ARRAY = ["/zarr/v2/small/.zarray", "/zarr/v2/small/0.0", "/zarr/v3/small/zarr.json", "/zarr/v3/small/c/0/0", "/zarr/v3/live/c/0/0"]
GROUP = ["/zarr/v2/.zgroup", "/zarr/v2/.zmetadata", "/zarr/v3/zarr.json"]


def control(app: Any, path: str) -> str:
    return ask(app, path).headers["cache-control"]


@pytest.mark.parametrize("path", [*ARRAY, *GROUP])
def test_what_can_change_is_asked_for_each_time(app: Any, path: str) -> None:
    assert control(app, path) == "no-cache"


def test_a_304_costs_no_reading(make: Callable[..., Any], root: Group) -> None:
    reads: list[Any] = []
    data = np.arange(10000, dtype="<u4").reshape(100, 100)

    def read(region: Any) -> Any:
        reads.append(region)
        return data[region]

    node = Array(shape=data.shape, dtype=data.dtype, read=read, revision=lambda: "r1")
    app = make(Group({"a": node}), cache_size=0)
    tags = {path: ask(app, path).headers["etag"] for path in ("/zarr/v3/a/c/0/0", "/zarr/v3/a/zarr.json")}
    reads.clear()
    again = [ask(app, path, headers={"if-none-match": tag}) for path, tag in tags.items()]
    assert [(answer.status, answer.body, answer.headers["cache-control"]) for answer in again] == [(304, b"", "no-cache")] * 2
    assert reads == []


@pytest.mark.parametrize("path", [*ARRAY, *GROUP])
def test_a_frozen_tree_is_immutable(make: Callable[..., Any], root: Group, path: str) -> None:
    app = make(replace(root, options=Options(frozen=True)), max_age=5)
    first = ask(app, path)
    assert first.headers["cache-control"] == IMMUTABLE
    again = ask(app, path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.headers["cache-control"]) == (304, IMMUTABLE)


def test_one_node_is_frozen_or_not(make: Callable[..., Any], root: Group) -> None:
    app = make(with_options(root, {"small": Options(frozen=True), "names": Options(frozen=True), "names/plain": Options(frozen=False)}))
    frozen = {path: control(app, path) == IMMUTABLE for path in ("/zarr/v3/small/c/0/0", "/zarr/v3/large/c/0/0", "/zarr/v3/zarr.json")}
    assert list(frozen.values()) == [True, False, False]
    below = {path: control(app, f"/zarr/v3/names/{path}") == IMMUTABLE for path in ("zarr.json", "a~2fb/c/0/0", "plain/c/0/0")}
    assert list(below.values()) == [True, True, False]


def test_levels_of_a_frozen_image_are_immutable(make: Callable[..., Any]) -> None:
    data = np.zeros((600, 600), "u2")
    node = Array(shape=data.shape, dtype=data.dtype, read=data.__getitem__, revision=lambda: "r1", blocking=False)
    app = make(with_options(Group({"a": node}), {"a": Options(frozen=True)}))
    paths = ["/ome-zarr/0.5/a/0/c/0/0", "/ome-zarr/0.5/a/1/zarr.json", "/ome-zarr/0.4/a/.zattrs", "/thumbnail/a.png"]
    assert {path: control(app, path) for path in paths} == dict.fromkeys(paths, IMMUTABLE)


def test_a_frozen_group_with_a_bad_child_is_asked_for_again(make: Callable[..., Any], root: Group) -> None:
    """The child may recover, and the document names it."""

    class Broken(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name == "bad":
                raise OSError(5, "Input/output error")
            return super().__getitem__(name)

    children = Broken(root.children, bad=None)
    app = make(Group(children, options=Options(frozen=True)))
    assert control(app, "/zarr/v3/zarr.json") == "no-cache"
    assert control(app, "/zarr/v3/small/zarr.json") == IMMUTABLE


def test_private_replies_are_private(make: Callable[..., Any], root: Group) -> None:
    key = {"authorization": "Apikey k"}
    app = make(public=False, api_key="k")
    assert {ask(app, path, headers=key).headers["cache-control"] for path in [*ARRAY, *GROUP]} == {"private, no-cache"}
    frozen = make(replace(root, options=Options(frozen=True)), public=False, api_key="k")
    assert {ask(frozen, path, headers=key).headers["cache-control"] for path in ARRAY} == {"private, max-age=31536000, immutable"}


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_an_image_whose_file_was_replaced_is_read_anew(make: Callable[..., Any], tmp_path: Path, compression: str) -> None:
    """The new file has the same shape.

    The old node returns the new revision, but can no longer read.
    """

    def write(value: int) -> None:
        with h5py.File(tmp_path / "new", "w") as file:
            data = np.full((600, 600), value, "u1")
            file.create_dataset("x", data=data, chunks=(256, 256), compression=compression).attrs["number"] = value
        (tmp_path / "new").replace(tmp_path / "folder" / "a.h5")

    (tmp_path / "folder").mkdir()
    write(1)
    app = make(open_directory(tmp_path / "folder"), codec="none")
    for value in (1, 2, 3):
        write(value)
        for key in ("0.4/a/x/.zattrs", "0.5/a/x/zarr.json", "0.4/a/x/1/.zattrs", "0.5/a/x/1/zarr.json"):
            assert ask(app, f"/ome-zarr/{key}").status == 200, (value, key)
        for key in ("0.4/a/x/0/0/0", "0.5/a/x/1/c/0/0"):
            answer = ask(app, f"/ome-zarr/{key}")
            assert (answer.status, set(answer.body) - {0}) == (200, {value}), key
