from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import unquote, urljoin

import pytest

from asgi import ask
from tiled_zarr import Group
from tiled_zarr.http.site import listing

BASE = re.compile(r'<base href="([^"]*)">')
LINK = re.compile(r'<a href="([^"]*)">([^<]*)</a>')
NAMES = ["plain", "a:b &<i>", "naïve", "a~2fb"]


def links(page: bytes) -> list[tuple[str, str]]:
    return [(unescape(address), unescape(text)) for address, text in LINK.findall(page.decode())]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_links_are_names_with_a_slash(app: Any, version: str) -> None:
    found = links(ask(app, f"/zarr/{version}/").body)
    assert found == [(f"{name}/", f"{name}/") for name in ("small", "large", "computed", "live", "scalar", "sparse", "names", "slow")]


def test_names_are_escaped_where_they_would_mean_something_else(app: Any) -> None:
    page = ask(app, "/zarr/v3/names/").body
    assert [(unquote(address), text) for address, text in links(page)] == [(f"{name}/", f"{name}/") for name in NAMES]
    assert b"<i>" not in page
    assert [address for address, _ in links(page)] == ["plain/", "a%3Ab %26%3Ci%3E/", "naïve/", "a~2fb/"]


@pytest.mark.parametrize(
    "path", ["/zarr/v3/names", "/zarr/v3/names/", "//zarr//v3//names//", "/zarr/v3/names?api_key=k", "/root/zarr/v3/names"]
)
def test_links_lead_to_the_children_from_wherever_the_group_was_asked(make: Callable[..., Any], path: str) -> None:
    """As a browser resolves them; fsspec joins them to the group's address by itself."""
    app = make(api_key="k")
    root = "/root" if path.startswith("/root") else ""
    page = ask(app, path, root_path=root).body.decode()
    address = f"http://host{path}"
    base = BASE.search(page)
    address = urljoin(address, unescape(base[1])) if base else address
    for link, _ in links(page.encode()):
        child = urljoin(address, link).removeprefix("http://host")
        target, _, query = child.partition("?")
        answer = ask(app, f"{target}zarr.json" + (f"?{query}" if query else ""), root_path=root)
        assert answer.status == 200, child


def test_json_where_it_is_preferred(app: Any) -> None:
    answer = ask(app, "/zarr/v3/", headers={"accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == ask(app, "/zarr/v3/").headers["vary"] == "accept, accept-encoding"
    document = json.loads(answer.body)
    assert document["path"] == ""
    assert document["unavailable"] == {"ragged": "rows differ in length"}
    assert {child["name"]: child["kind"] for child in document["children"]}.items() >= {
        "small": "array",
        "sparse": "array",
        "names": "group",
    }.items()


def test_the_path_is_that_of_the_group(app: Any) -> None:
    assert json.loads(ask(app, "/zarr/v3/names/", headers={"accept": "application/json"}).body)["path"] == "names"


@pytest.mark.parametrize(
    ("headers", "query", "pasted"),
    [
        ({"authorization": "Apikey a+b&c"}, "", False),
        ({}, "?api_key=a%2Bb%26c", True),
        ({"authorization": "Apikey a+b&c"}, "?api_key=a%2Bb%26c", True),
    ],
    ids=["header", "query", "both"],
)
@pytest.mark.parametrize("path", ["/zarr/v2/", "/zarr/v3/names"])
def test_the_key_goes_into_links_for_those_who_gave_it_there(
    make: Callable[..., Any], path: str, headers: dict[str, str], query: str, pasted: bool
) -> None:
    answer = ask(make(public=False, api_key="a+b&c"), path + query, headers=headers)
    found = links(answer.body)
    assert found
    assert {address.endswith("/?api_key=a%2Bb%26c") for address, _ in found} == {pasted}
    assert (b"api_key" in answer.body) is pasted
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_groups_too_large_to_open_are_listed_by_name(root: Group, make: Callable[..., Any]) -> None:
    app = make(consolidated_nodes=2)
    document = json.loads(ask(app, "/zarr/v3/", headers={"accept": "application/json"}).body)
    assert [child["name"] for child in document["children"]] == list(root.children)
    assert {child["kind"] for child in document["children"]} == {None}


def test_kinds() -> None:
    assert listing.kind(None) is None
    assert listing.kind(Group(children={})) == "group"
