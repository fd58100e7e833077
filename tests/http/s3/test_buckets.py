"""The path prefixes as buckets: what boto3 and others list is what is there, with the size that a GET has."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from asgi import Answer, ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.http.s3 import pages
from tiled_zarr.nodes import Forbidden, Options, Unavailable

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
DATA = np.arange(700 * 12, dtype="<u2").reshape(700, 12)


def node(data: np.ndarray[Any, Any] = DATA, chunks: tuple[int, ...] = (60, 12), **fields: Any) -> Array:
    return Array(
        shape=data.shape,
        dtype=data.dtype,
        **{
            "read": lambda region: data[region],
            "revision": lambda: "r",
            "options": Options(chunk_shape=chunks),
            "blocking": False,
            **fields,
        },
    )


@pytest.fixture
def root() -> Group:
    return Group({"a": node(), "a-b": node(np.array(3)), "é & <x>": Group({"below": node(np.arange(5))})})


@pytest.fixture
def app(make: Callable[..., Any], root: Group) -> Any:
    return make(root)


def listed(app: Any, query: str, bucket: str = "zarr") -> tuple[list[str], list[str], dict[str, str]]:
    """The keys of a page, its folders, and its other fields."""
    answer = ask(app, f"/{bucket}?list-type=2{query}")
    assert answer.status == 200, answer.body
    page = ElementTree.fromstring(answer.body)
    keys = [str(key.text) for key in page.iterfind(f"{S3}Contents/{S3}Key")]
    folders = [str(key.text) for key in page.iterfind(f"{S3}CommonPrefixes/{S3}Prefix")]
    return keys, folders, {part.tag.removeprefix(S3): part.text or "" for part in page if len(part) == 0}


def all_keys(app: Any, query: str = "", size: int = 1000) -> list[str]:
    """The keys of all pages."""
    found: list[str] = []
    token = ""
    while True:
        keys, folders, fields = listed(app, f"&max-keys={size}{query}{token}")
        assert len(keys) + len(folders) <= size
        found += keys
        if fields["IsTruncated"] == "false":
            assert "NextContinuationToken" not in fields
            return found
        token = f"&continuation-token={fields['NextContinuationToken']}"


def there(root: Group, path: str, version: str) -> Iterator[str]:
    """The keys of a tree by what Zarr's specifications say."""
    documents = {"v2": (".zattrs", ".zgroup", ".zmetadata"), "v3": ("zarr.json",)}[version]
    yield from (f"{path}{name}" for name in documents)
    for name, child in root.children.items():
        if isinstance(child, Group):
            yield from there(child, f"{path}{name}/", version)
            continue
        yield from (f"{path}{name}/{document}" for document in {"v2": (".zarray", ".zattrs"), "v3": ("zarr.json",)}[version])
        shape = child.options.chunk_shape
        counts = (
            [-(-size // chunk) for size, chunk in zip(child.shape, shape, strict=True)]
            if child.shape and shape and len(shape) == len(child.shape)
            else [1] * len(child.shape)
        )
        for index in np.ndindex(*counts):
            parts = [str(number) for number in index]
            yield f"{path}{name}/" + (".".join(parts) or "0" if version == "v2" else "/".join(["c", *parts]))


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_all_keys_are_listed_once_and_in_order(app: Any, root: Group, version: str, size: int) -> None:
    assert all_keys(app, f"&prefix={version}/", size) == sorted(there(root, f"{version}/", version), key=str.encode)


def test_sizes_and_tags_are_those_of_a_get(app: Any) -> None:
    page = ElementTree.fromstring(ask(app, "/zarr?list-type=2").body)
    contents = list(page.iterfind(f"{S3}Contents"))
    assert len(contents) > 20
    for entry in contents:
        answer = ask(app, f"/zarr/{entry.findtext(f'{S3}Key')}")
        assert answer.status == 200
        assert (int(entry.findtext(f"{S3}Size") or -1), entry.findtext(f"{S3}ETag")) == (len(answer.body), answer.headers["etag"])


def test_folders(app: Any) -> None:
    assert listed(app, "&delimiter=/")[:2] == ([], ["v2/", "v3/"])
    assert listed(app, "&delimiter=/&prefix=v3/")[:2] == (["v3/zarr.json"], ["v3/a-b/", "v3/a/", "v3/é & <x>/"])
    assert listed(app, "&delimiter=/&prefix=v3/a")[:2] == ([], ["v3/a-b/", "v3/a/"])
    assert listed(app, "&delimiter=/&prefix=v3/a/c/1")[:2] == ([], ["v3/a/c/1/", "v3/a/c/10/", "v3/a/c/11/"])
    assert listed(app, "&delimiter=/&prefix=v2/a/1")[:2] == (["v2/a/1.0", "v2/a/10.0", "v2/a/11.0"], [])
    assert listed(app, "&delimiter=/&prefix=nothing/")[:2] == ([], [])


def test_folders_come_in_pages_too(app: Any) -> None:
    keys, folders, fields = listed(app, "&delimiter=/&prefix=v3/&max-keys=2")
    assert (keys, folders, fields["IsTruncated"], fields["KeyCount"]) == ([], ["v3/a-b/", "v3/a/"], "true", "2")
    keys, folders, fields = listed(app, f"&delimiter=/&prefix=v3/&max-keys=2&continuation-token={fields['NextContinuationToken']}")
    assert (keys, folders, fields["IsTruncated"]) == (["v3/zarr.json"], ["v3/é & <x>/"], "false")


def test_names_are_encoded_if_asked_for(app: Any) -> None:
    keys, _, fields = listed(app, "&encoding-type=url&prefix=v3/%C3%A9%20")
    assert (keys[0], fields["Prefix"]) == ("v3/%C3%A9%20%26%20%3Cx%3E/below/c/0", "v3/%C3%A9%20")


def test_the_first_version_of_the_api(app: Any) -> None:
    answer = ask(app, "/zarr?prefix=v3/a/&max-keys=2&marker=v3/a/c/10/0")
    page = ElementTree.fromstring(answer.body)
    assert [key.text for key in page.iterfind(f"{S3}Contents/{S3}Key")] == ["v3/a/c/11/0", "v3/a/c/2/0"]
    assert page.findtext(f"{S3}NextMarker") == "v3/a/c/2/0"


def test_a_profile_can_be_listed(app: Any) -> None:
    keys = all_keys(app, "&prefix=v3/~chunks=350x12/a/")
    assert keys == ["v3/~chunks=350x12/a/c/0/0", "v3/~chunks=350x12/a/c/1/0", "v3/~chunks=350x12/a/zarr.json"]


def test_the_display_view_is_a_bucket(app: Any) -> None:
    assert listed(app, "&delimiter=/", "ome-zarr")[1] == ["0.4/", "0.5/"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?list-type=2&delimiter=x", 400, b"only / is known"),
        ("?list-type=2&max-keys=-1", 400, b"give a number"),
        ("?list-type=2&continuation-token=%21", 400, b"begin the listing anew"),
        ("?list-type=2&encoding-type=json", 400, b"encoding-type"),
        ("?list-type=2&prefix=v3/~codec=x/", 400, b"use one of"),
        ("?acl", 501, b"read only"),
        ("?versions", 501, b"read only"),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_s3(app: Any, query: str, status: int, said: bytes) -> None:
    answer = ask(app, f"/zarr{query}", headers={"x-amz-date": "now"})
    assert (answer.status, ElementTree.fromstring(answer.body).tag, said in answer.body) == (status, "Error", True)


def test_nothing_can_be_written(app: Any) -> None:
    assert ask(app, "/zarr/v3/x", "PUT").status == 405


def test_objects_are_never_compressed_on_the_way(app: Any) -> None:
    """rclone stores what it gets under the object's name, and takes a tag of 32 digits for an MD5."""
    plain = ask(app, "/zarr/v3/zarr.json")
    asked = ask(app, "/zarr/v3/zarr.json", headers={"accept-encoding": "gzip", "x-amz-date": "now"})
    assert (asked.body, "content-encoding" in asked.headers) == (plain.body, False)
    assert len(asked.headers["etag"].strip('"')) != 32


def test_a_folder_is_no_object(app: Any) -> None:
    for method in ("GET", "HEAD"):
        assert [ask(app, f"/zarr/v3/a{end}", method, {"x-amz-date": "now"}).status for end in ("", "/", "/c/1")] == [404, 404, 404]
    assert ask(app, "/zarr/v3/a").status == 200


def test_the_root_lists_buckets_for_clients_of_s3_alone(app: Any) -> None:
    asked = ask(app, "/", headers={"x-amz-date": "now"})
    assert [name.text for name in ElementTree.fromstring(asked.body).iter(f"{S3}Name")] == ["minmax", "ome-zarr", "zarr"]
    assert ask(app, "/").headers["content-type"].startswith("text/html")


def test_a_page_is_never_a_part_of_what_it_says(make: Callable[..., Any]) -> None:
    """A chunk that cannot be read has no size, so the page with it is an error."""
    broken = node(blocking=True, read=lambda region: 1 / 0 if region[0].start == 120 else DATA[region])
    app = make(Group({"a": broken}))
    assert ask(app, "/zarr?list-type=2&prefix=v3/a/c/0").status == 200
    assert ask(app, "/zarr?list-type=2").status == 500


def test_what_cannot_be_opened_is_an_error_and_never_left_out(make: Callable[..., Any], tmp_path: Path) -> None:
    """A program that copies a bucket deletes what is not listed."""
    np.save(tmp_path / "good.npy", DATA)
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\1\0 and nothing")
    app = make(open_directory(tmp_path))
    assert listed(app, "&delimiter=/&prefix=v3/")[:2] == (["v3/zarr.json"], ["v3/broken/", "v3/good/"])
    assert listed(app, "&prefix=v3/good/")[0][-1] == "v3/good/zarr.json"
    for prefix in ("v3/", "v3/b", "v3/broken/", "v3/broken/c/", "v2/"):
        answer = ask(app, f"/zarr?list-type=2&prefix={prefix}")
        assert (answer.status, ElementTree.fromstring(answer.body).tag, b"broken.npy" in answer.body) == (500, "Error", True)


class Opened(dict[str, Any]):
    """Children that note which of them are opened."""

    def __init__(self, children: dict[str, Any]) -> None:
        super().__init__(children)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("prefix", ["b/", "b/c/", "b/c/1/", "b/c/1/0", "b/c/99/", "b/zarr.json", "b/none/", "b//", "none/", "b/c/1/0/0/"])
def test_a_prefix_opens_the_node_that_it_names_alone(make: Callable[..., Any], prefix: str) -> None:
    """A folder may have 100,000 others, and some of them hang."""
    children = Opened({"a": node(), "b": node(), "c": node()})
    keys = [f"v3/b/c/{row}/0" for row in sorted(map(str, range(12)))] + ["v3/b/zarr.json"]
    assert listed(make(Group(children)), f"&prefix=v3/{prefix}")[0] == [key for key in keys if key.startswith(f"v3/{prefix}")]
    assert children.names <= {"b", "none"}


def test_what_zarr_cannot_show_is_not_there(make: Callable[..., Any]) -> None:
    class Children(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name in {"ragged", "secret"}:
                raise {"ragged": Unavailable("rows of different lengths"), "secret": Forbidden("not you")}[name]
            return super().__getitem__(name)

    app = make(Group(Children(a=node(), ragged=node(), secret=node())))
    assert listed(app, "&delimiter=/&prefix=v3/")[1] == ["v3/a/"]
    assert len(all_keys(app, "&prefix=v3/")) == 14


def test_a_page_ends_where_its_chunks_would_take_too_much_memory(make: Callable[..., Any]) -> None:
    big = np.zeros((40, 2**20), "<u1")
    app = make(Group({"a": node(big, (1, 2**20))}), in_flight=16 * 2**20)
    keys, _, fields = listed(app, "&prefix=v3/a/c/")
    assert (0 < len(keys) < 40, fields["IsTruncated"]) == (True, "true")
    assert len(all_keys(app, "&prefix=v3/a/c/")) == 40


def test_a_slow_source_makes_small_pages(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0.0)
    app = make(Group({"a": node()}))
    assert len(listed(app, "&prefix=v3/a/c/")[0]) == 1
    assert len(all_keys(app, "&prefix=v3/a/c/")) == 12


def test_a_key_is_asked_for(make: Callable[..., Any], root: Group) -> None:
    app = make(root, public=False, api_key="secret")
    assert [ask(app, path).status for path in ("/zarr?list-type=2", "/zarr?list-type=2&api_key=secret", "/k/secret/zarr?list-type=2")] == [
        401,
        200,
        200,
    ]


def test_the_loop_is_free_while_a_page_is_made(make: Callable[..., Any]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def read(region: Any) -> Any:
        entered.set()
        assert leave.wait(20)
        return DATA[region]

    app = make(Group({"a": node(read=read, blocking=True)}))

    async def both() -> tuple[Answer, Answer]:
        from asgi import asked

        page = asyncio.ensure_future(asked(app, "/zarr?list-type=2&prefix=v3/a/c/0/"))
        await asyncio.to_thread(entered.wait, 20)
        other = await asked(app, "/zarr/v3/a/zarr.json")
        leave.set()
        return await page, other

    page, other = asyncio.run(both())
    assert (page.status, json.loads(other.body)["shape"]) == (200, [700, 12])
