"""Profiles in the path: `/zarr/v3/~codec=zstd:3,chunks=256x256/...`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import numcodecs
import numpy as np
import pytest
import zarr

from asgi import Answer, ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.registry import open_file
from tiled_zarr.hierarchy.names import wire

DATA = np.arange(600 * 500, dtype="<u2").reshape(600, 500)
NODE = Array(shape=DATA.shape, dtype=DATA.dtype, read=lambda region: DATA[region], blocking=False, revision=lambda: "r1")
PROFILE = "~codec=zstd:3,chunks=256x256"


@pytest.fixture
def app(make: Callable[..., Any]) -> Any:
    return make(Group({"x": NODE, "~x": NODE}))


def document(app: Any, path: str) -> Any:
    return json.loads(ask(app, path).body)


@pytest.mark.parametrize(("version", "name", "key"), [("v2", ".zarray", "1.1"), ("v3", "zarr.json", "c/1/1")])
def test_a_chunk_has_the_profiles_shape_and_codec(app: Any, version: str, name: str, key: str) -> None:
    described = document(app, f"/zarr/{version}/{PROFILE}/x/{name}")
    assert (described["chunks"] if version == "v2" else described["chunk_grid"]["configuration"]["chunk_shape"]) == [256, 256]
    body = ask(app, f"/zarr/{version}/{PROFILE}/x/{key}").body
    chunk = np.frombuffer(numcodecs.Zstd().decode(body), "<u2").reshape(256, 256)
    np.testing.assert_array_equal(chunk[:, :244], DATA[256:512, 256:])


def test_all_documents_of_a_tree_are_in_the_profile(app: Any) -> None:
    members = document(app, f"/zarr/v3/{PROFILE}/zarr.json")["consolidated_metadata"]["metadata"]
    assert {tuple(member["chunk_grid"]["configuration"]["chunk_shape"]) for member in members.values()} == {(256, 256)}


def test_a_name_that_begins_with_the_same_sign_is_none(app: Any) -> None:
    assert document(app, "/zarr/v3/~7ex/zarr.json")["node_type"] == "array"


@pytest.mark.parametrize("name", ["~codec=none", "/=x", "__a=b"])
def test_an_alias_with_an_equals_sign_is_none(make: Callable[..., Any], name: str) -> None:
    app = make(Group({name: NODE}))
    for path in (f"{wire(name)}/zarr.json", f"{PROFILE}/{wire(name)}/zarr.json"):
        assert document(app, f"/zarr/v3/{path}")["node_type"] == "array"
    assert f"<Key>v3/{wire(name)}/c/0/0</Key>".encode() in ask(app, f"/zarr?list-type=2&prefix=v3/{wire(name)}/c/0/0").body


@pytest.mark.parametrize("method", ["GET", "HEAD", "PROPFIND"])
@pytest.mark.parametrize("part", ["~codec=bzip2", "~color=red", "~chunks=0x4"])
def test_an_unknown_one_is_refused_with_what_there_is(app: Any, part: str, method: str) -> None:
    answer = ask(app, f"/zarr/v3/{part}/x/zarr.json", method)
    assert answer.status == 400
    if method == "GET":
        assert any(word in answer.body for word in (b"codec=CODEC", b"use one of", b"such as chunks="))


def test_the_display_view_has_none(app: Any) -> None:
    answer = ask(app, "/ome-zarr/0.5/~codec=zstd/x/zarr.json")
    assert (answer.status, b"zarr/v3" in answer.body) == (400, True)


def test_tags_differ_by_profile(app: Any) -> None:
    paths = ["zarr/v3", "zarr/v3/~codec=zstd:1", "zarr/v3/~codec=zstd:2", "zarr/v3/~chunks=9x9", "zarr/v3/~dtype=web"]
    tags = {ask(app, f"/{path}/x/c/0/0").headers["etag"] for path in paths}
    assert len(tags) == len(paths) - 1  # u2 stays as it is for JavaScript, and so do its bytes


def test_spellings_of_one_profile_have_one_tag(app: Any) -> None:
    tags = {ask(app, f"/zarr/v3/{part}/x/c/0/0").headers["etag"] for part in (PROFILE, "~chunks=256x256,codec=zstd:3")}
    assert len(tags) == 1


def test_a_token_holds_for_its_profile(app: Any) -> None:
    tokens = {}
    for part in ("", f"/{PROFILE}"):
        path = f"/zarr/v3{part}/x/zarr.json"
        location = unquote(urlsplit(urljoin(f"http://server{path}", ask(app, path).headers["content-location"])).path)
        tokens[part] = location.split("/")[1]
        assert location == f"/{tokens[part]}{path}"
        answer = ask(app, location.replace("zarr.json", "c/0/0"))
        assert (answer.status, "immutable" in answer.headers["cache-control"]) == (200, True)
        assert answer.body == ask(app, f"/zarr/v3{part}/x/c/0/0").body
    assert tokens[""] != tokens[f"/{PROFILE}"]
    assert ask(app, f"/{tokens['']}/zarr/v3/{PROFILE}/x/zarr.json").status == 410


def test_a_key_in_the_path_comes_first(make: Callable[..., Any]) -> None:
    app = make(Group({"x": NODE}), public=False, api_key="secret")
    assert ask(app, f"/zarr/v3/{PROFILE}/x/zarr.json").status == 401
    assert ask(app, f"/k/secret/zarr/v3/{PROFILE}/x/zarr.json").status == 200


def test_stored_chunks_are_sent_as_they_are_if_they_fit(make: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "x.zarr"
    zarr.create_array(folder, data=DATA, chunks=(300, 250), compressors=zarr.codecs.ZstdCodec(level=9))
    app = make(Group({"x": open_file(folder)}))
    assert ask(app, "/zarr/v3/~codec=zstd:9/x/c/1/1").body == (folder / "c/1/1").read_bytes()
    assert ask(app, "/zarr/v3/~codec=gzip:1/x/c/1/1").body != (folder / "c/1/1").read_bytes()


def test_a_chunk_that_would_read_too_much_is_refused(make: Callable[..., Any]) -> None:
    """A pixel through a stack of frames reads all frames: here 1000 of 8 MiB."""
    stack = Array(
        shape=(1000, 2048, 2048),
        dtype=np.dtype("<u2"),
        read=lambda _: pytest.fail("was read"),
        chunks=(1, 2048, 2048),
        revision=lambda: "r",
    )
    app = make(Group({"x": stack}))
    answer: Answer = ask(app, "/zarr/v3/~chunks=1000x1x1/x/c/0/0/0")
    assert (answer.status, b"MiB" in answer.body) == (413, True)


def test_no_number_of_profiles_fills_the_memory(app: Any) -> None:
    for edge in range(1, 200):
        assert ask(app, f"/zarr/v3/~chunks={edge}x{edge}/x/zarr.json").status == 200
    kept = app_profiles(app)
    assert len(kept) < 64


def app_profiles(app: Any) -> Any:
    """The endpoints of profiles that an application keeps."""
    while not hasattr(app, "profiled"):
        app = getattr(app, "app", None) or app.application
    return app.profiled.__self__._kept
