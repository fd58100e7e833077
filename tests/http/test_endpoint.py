"""Documents, chunks and listings of one key space, asked without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from asgi import ask
from tiled_zarr import Group, Table
from tiled_zarr.encoding import encode

CHUNK = "/zarr/v3/small/c/0/0"
FOUND = {
    "/zarr/v2/.zgroup": "application/json",
    "/zarr/v2/.zattrs": "application/json",
    "/zarr/v2/.zmetadata": "application/json",
    "/zarr/v2/small/.zarray": "application/json",
    "/zarr/v2/small/0.0": "application/octet-stream",
    "/zarr/v2/scalar/0": "application/octet-stream",
    "/zarr/v2/sparse/0.0": "application/octet-stream",
    "/zarr/v3/zarr.json": "application/json",
    "/zarr/v3/names/zarr.json": "application/json",
    "/zarr/v3/small/zarr.json": "application/json",
    "/zarr/v3/small/c/0/0": "application/octet-stream",
    "/zarr/v3/computed/c/0/0": "application/octet-stream",
    "/zarr/v3/large/c/0/0": "application/octet-stream",
    "/zarr/v3/live/c/0/0": "application/octet-stream",
    "/zarr/v3/scalar/c": "application/octet-stream",
    "/zarr/v3/slow/deep/c/0/0": "application/octet-stream",
    "/zarr/v3/names/a%3Ab%20&%3Ci%3E/c/0/0": "application/octet-stream",
    "/zarr/v3/names/a~2fb/c/0/0": "application/octet-stream",
    "//zarr/v3///small//c/0//0": "application/octet-stream",
    "/zarr/v2": "text/html; charset=utf-8",
    "/zarr/v3/": "text/html; charset=utf-8",
    "/zarr/v3/names": "text/html; charset=utf-8",
    "/zarr/v3/slow/": "text/html; charset=utf-8",
    "/zarr/v3/small": "text/html; charset=utf-8",
    "/zarr/v2/small/": "text/html; charset=utf-8",
    "/zarr/v3/small/c/": "text/html; charset=utf-8",
    "/zarr/v3/small/c": "text/html; charset=utf-8",
    "/zarr/v3/small/c/0": "text/html; charset=utf-8",
    "/zarr/v3/small/c/0/": "text/html; charset=utf-8",
}
ABSENT = [
    "/zarr/v2/zarr.json",
    "/zarr/v3/.zgroup",
    "/zarr/v3/small/.zarray",
    "/zarr/v3/ragged",
    "/zarr/v3/nothing/zarr.json",
    "/zarr/v3/zarr.json/",
    "/zarr/v3/small/c/0/0/",
    "/zarr/v3/small/c/0/1",
    "/zarr/v3/small/c/1",
    "/zarr/v3/small/c/1/",
    "/zarr/v3/small/c/00",
    "/zarr/v3/small/c/00/",
    "/zarr/v3/small/c//0/0/0/",
    "/zarr/v3/scalar/c/",
    "/zarr/v2/small/0/",
    "/zarr/v3/small/c/0/0/0",
    "/zarr/v3/small/c/00/0",
    "/zarr/v3/small/c/+0/0",
    "/zarr/v3/small/c/-1/0",
    "/zarr/v3/small/c/a/b",
    "/zarr/v3/small/c/%D9%A3/0",
    "/zarr/v3/small/c/0_0/0",
    "/zarr/v3/small/0.0",
    "/zarr/v2/small/0/0",
    "/zarr/v3/scalar/c/0",
    "/zarr/v3/names/a%2Fb/c/0/0",
    "/zarr/v4/zarr.json",
    "/zarr/v3x/zarr.json",
    "/xzarr/v3/zarr.json",
    "/zarr",
    "/%00",
    "/zarr/v3/%00",
    "/zarr/v3/..",
    "/zarr/v3/%EF%BF%BD",
]


@pytest.mark.parametrize("path", FOUND)
def test_found(app: Any, path: str) -> None:
    answer = ask(app, path)
    assert (answer.status, answer.headers["content-type"]) == (200, FOUND[path])
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [message["type"] for message in answer.messages] == ["http.response.start", "http.response.body"]
    assert type(answer.messages[1]["body"]) is bytes


@pytest.mark.parametrize("path", ABSENT)
def test_absent(app: Any, path: str) -> None:
    answer = ask(app, path)
    assert (answer.status, answer.body) == (404, b"not found\n")


@pytest.mark.parametrize("path", [*FOUND, *ABSENT])
def test_head_is_get_without_its_body(app: Any, path: str) -> None:
    got, head = ask(app, path), ask(app, path, "HEAD")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("path", FOUND)
def test_unmodified(app: Any, path: str) -> None:
    got = ask(app, path)
    for condition in (got.headers["etag"], f"W/{got.headers['etag']}", f'"x", {got.headers["etag"]}', "*"):
        answer = ask(app, path, headers={"if-none-match": condition})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", got.headers["etag"])
        assert answer.headers["cache-control"] == got.headers["cache-control"]
        assert "content-length" not in answer.headers
    assert ask(app, path, headers={"if-none-match": '"x"'}).status == 200


@pytest.mark.parametrize("path", FOUND)
def test_ranges_are_parts_of_the_body(app: Any, path: str) -> None:
    got = ask(app, path)
    length = len(got.body)
    for header, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=1-", 1, length),
        ("bytes=-3", length - 3, length),
        ("bytes=2-999999", 2, length),
    ):
        part = ask(app, path, headers={"range": header})
        assert (part.status, part.body) == (206, got.body[start:stop])
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{length}"
        assert part.headers["content-length"] == str(stop - start)
        assert part.headers["etag"] == got.headers["etag"]
    beyond = ask(app, path, headers={"range": f"bytes={length}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{length}")


def test_ranges_that_do_not_apply(app: Any) -> None:
    got = ask(app, CHUNK)
    whole: dict[str, dict[str, str]] = {
        "several": {"range": "bytes=0-1,4-5"},
        "malformed": {"range": "bytes=x"},
        "of another body": {"range": "bytes=0-1", "if-range": '"x"'},
        "of a weak tag": {"range": "bytes=0-1", "if-range": f"W/{got.headers['etag']}"},
        "since a date": {"range": "bytes=0-1", "if-range": "Mon, 23 Nov 2026 07:31:50 GMT"},
    }
    assert {name: ask(app, CHUNK, headers=headers).body for name, headers in whole.items()} == dict.fromkeys(whole, got.body)
    same = ask(app, CHUNK, headers={"range": "bytes=0-1", "if-range": got.headers["etag"]})
    assert same.status == 206
    assert ask(app, CHUNK, "HEAD", {"range": "bytes=0-1"}).headers["content-length"] == got.headers["content-length"]
    assert ask(app, CHUNK, headers={"range": "bytes=0-1", "if-none-match": got.headers["etag"]}).status == 304


def test_only_what_has_a_revision_is_kept_by_clients(make: Callable[..., Any]) -> None:
    app = make(max_age=60)
    kept = {path: ask(app, path).headers["cache-control"] for path in FOUND}
    groups = {path for path in FOUND if not path.endswith(("small/.zarray", "small/zarr.json")) and "json" in FOUND[path]}
    live_paths = groups | {path for path in FOUND if "html" in FOUND[path]} | {"/zarr/v3/live/c/0/0"}
    assert kept == {path: "no-cache" if path in live_paths else "public, max-age=60" for path in FOUND}


def test_formats_differ_in_their_tags(app: Any) -> None:
    assert ask(app, "/zarr/v2/small/0.0").headers["etag"] != ask(app, "/zarr/v3/small/c/0/0").headers["etag"]


def test_a_table_is_a_group(make: Callable[..., Any], root: Group) -> None:
    app = make(Group(children={"t": Table(children={"A": root.children["small"]})}))
    assert ask(app, "/zarr/v3/t/A/c/0/0").status == 200
    assert b'href="A/"' in ask(app, "/zarr/v3/t/").body


def test_a_consolidated_document_that_is_too_large_is_absent(make: Callable[..., Any]) -> None:
    app = make(consolidated_nodes=2)
    assert ask(app, "/zarr/v2/.zmetadata").status == 404
    assert "consolidated_metadata" not in json.loads(ask(app, "/zarr/v3/zarr.json").body)


def test_encoding_does_not_depend_on_the_way_in(app: Any, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A second server gives the same bodies and tags, and calls the encoder once a chunk."""
    again = make()
    first = {path: ask(app, path) for path in FOUND}
    calls: list[str] = []
    original = encode.encode
    monkeypatch.setattr(encode, "encode", lambda chunk, resources: (calls.append(chunk.key), original(chunk, resources))[1])
    for path, answer in first.items():
        other = ask(again, path)
        assert (other.body, other.headers["etag"]) == (answer.body, answer.headers["etag"])
    assert len(calls) == len(set(calls))
