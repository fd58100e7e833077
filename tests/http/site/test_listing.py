from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from itertools import product
from typing import Any
from urllib.parse import quote, unquote, urljoin

import numpy as np
import pytest
from fsspec.implementations.http import ex

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.adapters.memory.numpy import adapt_array
from tiled_zarr.http.site import listing
from tiled_zarr.nodes import Node, Options

BASE = re.compile(r'<base href="([^"]*)">')
LINK = re.compile(r'<a href="([^"]*)">([^<]*)</a>')
NAMES = ["plain", "a:b &<i>", "naïve", "a~2fb"]
OF_GROUPS = {"v2": [".zattrs", ".zgroup", ".zmetadata"], "v3": ["zarr.json"]}
"""The documents of each group, in the order in which they are listed."""


def links(page: bytes) -> list[tuple[str, str]]:
    return [(unescape(address), unescape(text)) for address, text in LINK.findall(page.decode())]


def folders(page: bytes) -> list[tuple[str, str]]:
    return [(address, text) for address, text in links(page) if text.endswith("/")]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_links_are_names_with_a_slash(app: Any, version: str) -> None:
    found = links(ask(app, f"/zarr/{version}/").body)
    children = ("small", "large", "computed", "live", "scalar", "sparse", "names", "slow")
    assert found == [*((name, name) for name in OF_GROUPS[version]), *((f"{name}/", f"{name}/") for name in children)]


def test_names_are_escaped_where_they_would_mean_something_else(app: Any) -> None:
    page = ask(app, "/zarr/v3/names/").body
    assert [(unquote(address), text) for address, text in folders(page)] == [(f"{name}/", f"{name}/") for name in NAMES]
    assert b"<i>" not in page
    assert [address for address, _ in folders(page)] == ["plain/", "a%3Ab %26%3Ci%3E/", "naïve/", "a~2fb/"]


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
    for link, _ in folders(page.encode()):
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
    assert {address.endswith("?api_key=a%2Bb%26c") for address, _ in found} == {pasted}
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


class Anchors(HTMLParser):
    """The links of a page as a browser has them, and the names of all its elements."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[str] = []
        self.elements: set[str] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.found += [value or "" for name, value in attrs if tag == "a" and name == "href"]


def expected_keys(app: Any, prefix: str, path: str) -> set[str]:
    """The keys of a node and of all below it, made from consolidated metadata as the specs say."""
    is_v2 = prefix.endswith(("v2", "0.4"))
    start = f"{path}/" if path else ""
    if is_v2:
        metadata = json.loads(ask(app, f"/{prefix}/{start}.zmetadata").body)["metadata"]
        arrays = {key.removesuffix(".zarray"): value for key, value in metadata.items() if key.endswith(".zarray")}
        keys = {f"{start}{key}" for key in metadata} | {
            f"{start}{key.removesuffix('.zgroup')}.zmetadata" for key in metadata if ".zgroup" in key
        }
        keys |= {f"{start}.zmetadata"}
    else:
        metadata = json.loads(ask(app, f"/{prefix}/{start}zarr.json").body)["consolidated_metadata"]["metadata"]
        arrays = {f"{key}/": value for key, value in metadata.items() if value["node_type"] == "array"}
        keys = {f"{start}zarr.json", *(f"{start}{key}/zarr.json" for key in metadata)}
    for array, document in arrays.items():
        chunks = document["chunks"] if is_v2 else document["chunk_grid"]["configuration"]["chunk_shape"]
        separator = document["dimension_separator"] if is_v2 else "/"
        counts = [-(-size // chunk) for size, chunk in zip(document["shape"], chunks, strict=True)]
        for index in product(*map(range, counts)):
            parts = [str(number) for number in index]
            keys.add(f"{start}{array}" + (separator.join(parts) or "0" if is_v2 else "/".join(["c", *parts])))
    return keys


def walked(app: Any, address: str) -> set[str]:
    """The addresses that are found by following the links of folders."""
    page = ask(app, quote(address))
    assert page.status == 200, address
    found = set()
    for link in Anchors(page.body).found:
        below = unquote(urljoin(f"http://host{quote(address)}", link)).removeprefix("http://host")
        found |= walked(app, below) if below.endswith("/") else {below}
    return found


@pytest.mark.parametrize(("prefix", "path"), [("zarr/v2", ""), ("zarr/v3", ""), ("ome-zarr/0.4", "large"), ("ome-zarr/0.5", "large")])
def test_all_keys_are_listed_and_no_others(app: Any, prefix: str, path: str) -> None:
    found = walked(app, f"/{prefix}/{path}/".replace("//", "/"))
    assert {address.removeprefix(f"/{prefix}/") for address in found} == expected_keys(app, prefix, path)
    assert all(ask(app, quote(address), "HEAD").status == 200 for address in found)


@pytest.mark.parametrize(
    ("path", "names"),
    {
        "/zarr/v2/small": [".zarray", ".zattrs", "0.0"],
        "/zarr/v3/small/": ["zarr.json", "c/"],
        "/zarr/v3/small/c/": ["0/"],
        "/zarr/v2/scalar/": [".zarray", ".zattrs", "0"],
        "/zarr/v3/scalar": ["zarr.json", "c"],
        "/zarr/v2/names": [".zattrs", ".zgroup", ".zmetadata", *(f"{name}/" for name in NAMES)],
    }.items(),
)
def test_an_array_has_a_listing_of_its_own(app: Any, path: str, names: list[str]) -> None:
    assert [text for _, text in links(ask(app, path).body)] == names
    if "names" not in path:
        assert json.loads(ask(app, path, headers={"accept": "application/json"}).body)["keys"] == names


def test_an_array_without_chunks_lists_its_documents(make: Callable[..., Any]) -> None:
    nothing = np.zeros((0, 3))
    app = make(Group(children={"empty": Array(shape=(0, 3), dtype=nothing.dtype, read=lambda _: nothing)}))
    assert [text for _, text in links(ask(app, "/zarr/v3/empty/").body)] == ["zarr.json"]
    assert [text for _, text in links(ask(app, "/zarr/v2/empty/").body)] == [".zarray", ".zattrs"]
    assert ask(app, "/zarr/v3/empty/c/").status == 404


def test_chunks_beyond_the_bound_are_an_error_and_no_part(make: Callable[..., Any]) -> None:
    """A copy of a part would read as zeros."""
    huge = Array(shape=(10**9, 10**9), dtype=np.dtype("u1"), read=lambda _: np.zeros(0))
    many = Array(shape=(1000, 1000), dtype=np.dtype("u1"), read=lambda _: np.zeros(0), options=Options(chunk_shape=(10, 10)))
    app = make(Group(children={"huge": huge, "many": many}), listing_bytes=100_000)
    for path in ("/zarr/v2/huge/", "/zarr/v3/huge/c/", "/zarr/v3/huge/c/7/", "/zarr/v2/many", "/zarr/v3/many/c/", "/zarr/v3/many/c/99/"):
        refused = ask(app, path)
        assert (refused.status, b"<a " in refused.body) == (413, False), path
        assert b"ask for chunks by their keys, or raise the setting listing_bytes" in refused.body
    assert [text for _, text in links(ask(app, "/zarr/v3/huge/").body)] == ["zarr.json", "c/"]
    whole = make(Group(children={"many": many}), listing_bytes=1_000_000)
    assert len(links(ask(whole, "/zarr/v2/many").body)) == 10_002


def test_consolidated_metadata_are_listed_if_there_are_any(make: Callable[..., Any]) -> None:
    app = make(consolidated_nodes=5)
    assert ask(app, "/zarr/v2/.zmetadata").status == 404
    assert [text for _, text in links(ask(app, "/zarr/v2/").body)][:3] == [".zattrs", ".zgroup", "small/"]
    assert ask(app, "/zarr/v2/names/.zmetadata").status == 200
    assert ".zmetadata" in [text for _, text in links(ask(app, "/zarr/v2/names").body)]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/zarr/v3", "/zarr/v3"),
        ("/zarr/v3/", "/zarr/v3"),
        ("/zarr/v2/names/", "/zarr/v2/names"),
        ("/zarr/v3/small/c/0/?api_key=k", "/zarr/v3/small/c/0"),
        ("//zarr//v3//names//", "//zarr//v3//names"),
        ("/ome-zarr/0.5/names", "/ome-zarr/0.5/names"),
        ("/root/zarr/v3/names/", "/root/zarr/v3/names"),
    ],
)
def test_titles_are_index_of_the_path_as_requested(make: Callable[..., Any], path: str, title: str) -> None:
    """GDAL opens groups of Zarr v3 by it."""
    page = ask(make(api_key="k"), path, root_path="/root" if path.startswith("/root") else "").body.decode()
    assert re.findall("<title>.*</title>", page) == [f"<title>Index of {title}</title>"]
    assert f"\n<title>Index of {title}</title>\n" in page


def test_a_title_with_escapes_is_there_in_both_spellings(app: Any) -> None:
    page = ask(app, "/zarr/v3/names/na%C3%AFve/").body.decode()
    assert re.findall("<title>.*</title>", page) == [
        "<title>Index of /zarr/v3/names/na%C3%AFve</title>",
        "<title>Index of /zarr/v3/names/naïve</title>",
    ]
    page = ask(app, "/zarr/v3/names/a%3Ab%20&%3Ci%3E/").body
    assert b"<!-- <title>Index of /zarr/v3/names/a:b &&lt;i&gt;</title> -->" in page
    assert b"<i>" not in page


def test_listings_stay_out_of_other_sites(app: Any) -> None:
    for path in ("/zarr/v3/", "/zarr/v2/small"):
        assert "frame-ancestors 'self'" in ask(app, path).headers["content-security-policy"]


ODD = ["R&D", "a:b", "12:30", "it's", 'say "hi"', "x&copy", "a&lt;b", "https", "mailto:a@b", " led", "größe", "a--:b", "b:-->"]

IN_FSSPEC = {"it's": "it%27s", 'say "hi"': "say %22hi%22", "b:-->": "b%3A--%3E"}
"""Names that fsspec cannot have: it ends a link at any quote, and `>` could end a comment."""


@pytest.mark.parametrize("prefix", ["zarr/v2", "zarr/v3"])
@pytest.mark.parametrize("folder", ["", "größe & co/"])
def test_links_are_the_names_of_consolidated_metadata(make: Callable[..., Any], prefix: str, folder: str) -> None:
    """Clients must find the names of consolidated metadata in links.

    fsspec takes links as they are; zarr-python leaves out the names that it does not find there.
    Browsers decode them.
    """
    children: dict[str, Node] = {name: Group(children={"x": adapt_array(np.arange(3))}) for name in ODD}
    app = make(Group(children={folder.rstrip("/"): Group(children=children)} if folder else children))
    address = f"http://host/{prefix}/{quote(folder)}"
    page = ask(app, address.removeprefix("http://host")).body
    assert Anchors(page).elements <= {"html", "head", "meta", "title", "base", "style", "body", "h1", "ul", "li", "a"}
    if prefix == "zarr/v3":
        document = json.loads(ask(app, f"{quote(f'/{prefix}/{folder}')}zarr.json").body)["consolidated_metadata"]["metadata"]
        names = {key.partition("/")[0] for key in document}
    else:
        document = json.loads(ask(app, f"{quote(f'/{prefix}/{folder}')}.zmetadata").body)["metadata"]
        names = {key.partition("/")[0] for key in document if "/" in key}
    assert len(names) == len(ODD)
    in_browsers = {unquote(urljoin(address, link)) for link in Anchors(page).found if link.endswith("/")}
    assert in_browsers == {f"{unquote(address)}{name}/" for name in names}
    assert {name for name in as_fsspec_does(page.decode(), unquote(address)) if name.endswith("/")} == {
        f"{unquote(address)}{IN_FSSPEC.get(name, name)}/" for name in names
    }


def as_fsspec_does(page: str, url: str) -> set[str]:
    """What `HTTPFileSystem._ls_real` makes of a page (fsspec 2026.9)."""
    found = set()
    for link in (match[2] for match in ex.findall(page)):
        if link.startswith("/"):
            found.add(f"http://host{link}")
        elif not link.startswith("http"):
            found.add("/".join([url.rstrip("/"), link.lstrip("/")]))
    return {link for link in found if link.startswith(url)}
