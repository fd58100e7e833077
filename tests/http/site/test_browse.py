from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import numpy as np
import pytest

from asgi import ask
from strategies import array_node
from tiled_zarr import Array, Group
from tiled_zarr.http.site import assets, browse, templates

PAGES = ["/", "/view/names", "/view/names/", "/view/small", "/view/names/a%3Ab%20%26%3Ci%3E", "/view/"]


class Page(HTMLParser):
    """The addresses on a page, those of pages elsewhere left out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = [value for name, value in attrs if name in {"href", "src", "action"} and value]
        self.addresses += [urldefrag(value).url for value in found if not value.startswith(("https:", "data:", "#"))]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("below", ["", "/below"])
def test_every_link_leads_somewhere(make: Callable[..., Any], path: str, below: str) -> None:
    """As a browser resolves them, for someone who gave the key in the query."""
    app = make(public=False, api_key="a+b&c")
    found = Page(ask(app, f"{path}?api_key=a%2Bb%26c", root_path=below).body.decode()).addresses
    assert found
    for link in found:
        target = urljoin(f"http://host{below}{path}", link).removeprefix("http://host").removeprefix(below)
        assert ask(app, target, root_path=below).status == 200, link


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("below", ["", "/below"])
def test_every_link_keeps_the_key_of_the_path(make: Callable[..., Any], path: str, below: str) -> None:
    app = make(public=False, api_key="a+b&c/d")
    page = f"{below}/k/a%2Bb%26c/d{path}"
    found = Page(ask(app, page, root_path=below).body.decode()).addresses
    assert found
    for link in found:
        assert "api_key" not in link
        target = urljoin(f"http://host{page}", link).removeprefix("http://host")
        assert ask(app, target, root_path=below).status == 200, link


@pytest.mark.parametrize("prefix", ["/k/secret", ""])
def test_links_to_other_sites_do_not_carry_the_key(make: Callable[..., Any], prefix: str) -> None:
    """A button copies the address instead, and says what it holds; a script of the page does so."""
    app = make(public=False, api_key="secret", allow_origins=("*",))
    answer = ask(app, f"{prefix}/{'' if prefix else '?api_key=secret'}", headers={"host": "here:8000"})
    page = answer.body.decode()
    assert re.findall(r"""(?:href|src|action)=["']?https?:""", page) == []
    buttons = dict(re.findall(r'<button type="button" data-copy="([^"]+)">([^<]+)</button>', page))
    copies = re.findall(r'<button type="button" class="copy" data-copy="([^"]+)">([^<]+)</button>', page)
    assert {text for _, text in copies} == {"Copy address: it holds your key"}
    assert all(address.startswith("http://here:8000/k/secret/zarr/v3/") for address, _ in copies)
    sources = {re.sub("/@[^/]+", "", unquote(address).partition("http://here:8000")[2].partition('"')[0]) for address in buttons}
    assert sources == {f"/k/secret/ome-zarr/0.4/{name}" for name in ("large", "small", "live", "computed", "sparse")}
    assert set(buttons.values()) == {
        "Copy the vizarr address: it holds your key",
        "Copy the neuroglancer address: it holds your key",
    }
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in answer.headers["content-security-policy"]


ORIGINS = {
    (): 0,
    ("https://hms-dbmi.github.io",): 5,
    ("https://hms-dbmi.github.io", "https://neuroglancer-demo.appspot.com"): 10,
    ("https://elsewhere.example",): 0,
    ("*",): 10,
}


@pytest.mark.parametrize(("origins", "count"), ORIGINS.items())
def test_links_to_other_sites_that_may_read_stay_links(make: Callable[..., Any], origins: tuple[str, ...], count: int) -> None:
    """Without a key. Of another site we could only say that it shows nothing."""
    page = ask(make(allow_origins=origins), "/").body.decode()
    assert len(re.findall(r'<a href="https://[^"]+" rel="noreferrer">', page)) == count
    assert "it holds your key" not in page


@pytest.mark.parametrize("path", PAGES)
def test_a_key_given_as_a_header_is_never_pasted(make: Callable[..., Any], path: str) -> None:
    answer = ask(make(public=False, api_key="secret"), path, headers={"authorization": "Apikey secret"})
    assert answer.status == 200
    assert b"secret" not in answer.body
    assert b"api_key" not in answer.body


@pytest.mark.parametrize("path", [*PAGES, "/static/viewer/viewer.js", "/thumbnail/large.png", "/view/none"])
@pytest.mark.parametrize("query", ["", "?api_key=wrong"])
def test_closed_without_the_key(make: Callable[..., Any], path: str, query: str) -> None:
    assert ask(make(public=False, api_key="secret"), path + query).status == 401


@pytest.mark.parametrize("path", [*PAGES, "/view/large", "/explore/", "/explore/large", "/explore/names"])
def test_pages_run_and_load_nothing_from_elsewhere(app: Any, path: str) -> None:
    answer = ask(app, path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    scripts = re.findall(r"<script(?![^>]* src=)[^>]*>(.*?)</script>", answer.body.decode(), re.DOTALL)
    assert scripts in ([], [templates.COPY])


def test_names_are_escaped(app: Any) -> None:
    page = ask(app, "/view/names").body.decode()
    assert "<i>" not in page
    assert {"a:b &<i>", "naïve", "a~2fb"} <= {html.unescape(name) for name in re.findall(r'class="name"[^>]*>([^<]*)<', page)}


def test_hosts_are_escaped(app: Any) -> None:
    page = ask(app, "/", headers={"host": '"><script>alert(1)</script>'}).body.decode()
    assert "<script>alert" not in page


def test_long_attributes_are_cut(make: Callable[..., Any]) -> None:
    long = array_node(np.arange(3), attributes={"header": "y" * 1_000_000})
    app = make(Group(children={f"a{number}": long for number in range(20)}))
    for path, count in (("/", 20), ("/view/a0", 1)):
        page = ask(app, path).body.decode()
        assert len(page) < count * 60_000
        assert page.count("y… (1,000,018 characters)") == count


def test_facts_attributes_and_what_is_missing(app: Any) -> None:
    page = html.unescape(re.sub(r"<[^>]*>", "", ask(app, "/").body.decode()))
    for text in ("300 \u00d7 300", "uint16", "180 kB", '"colour": "green"', "rows differ in length", "sparse array"):
        assert text in page


def test_an_array_has_a_page(app: Any) -> None:
    page = ask(app, "/view/scalar").body.decode()
    assert "one value" in page
    assert "zarr.open_array" in page


@pytest.mark.parametrize("path", ["/view/none", "/view/small/none", "/view/small/.zattrs", "/view/small/0.0", "/view"])
def test_what_does_not_exist_is_absent(app: Any, path: str) -> None:
    assert ask(app, path).status == 404


def test_a_large_group_shows_names_alone(make: Callable[..., Any], root: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "MOST_DESCRIBED", 1)
    page = ask(make(), "/").body.decode()
    assert page.count('class="name"') == len(root.children)
    assert page.count("Links, attributes and code") == 1
    unopened = ask(make(consolidated_nodes=2), "/").body.decode()
    assert unopened.count('class="name"') == len(root.children)


def test_home_as_json(app: Any) -> None:
    document = json.loads(ask(app, "/", headers={"accept": "application/json"}).body)
    assert document["formats"][:2] == ["/zarr/v2/", "/zarr/v3/"]
    assert {"name": "names", "kind": "group"} in document["children"]


def test_conditional_like_every_other_body(app: Any) -> None:
    assert ask(app, "/", headers={"if-none-match": ask(app, "/").headers["etag"]}).status == 304


def test_empty_tree(make: Callable[..., Any]) -> None:
    assert b"This group is empty" in ask(make(Group(children={})), "/").body


def test_a_tree_that_cannot_be_listed_is_a_failure(make: Callable[..., Any]) -> None:
    class Children(dict[str, Any]):
        def __len__(self) -> int:
            raise TimeoutError

    answer = ask(make(Group(children=Children())), "/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


def test_axes_are_named_as_in_the_documents(make: Callable[..., Any]) -> None:
    """Also those that give way and those that have no name of their own."""
    below = Group(children={"b": named((7,), ("y",)), "c": named((5,), (None,))}, kind="folder")
    app = make(Group(children={"a": named((9,), ("y",)), "below": below}))
    for path, expected in {"a": "y_9", "below/b": "y", "below/c": "dim_5"}.items():
        assert json.loads(ask(app, f"/zarr/v3/{path}/zarr.json").body)["dimension_names"] == [expected]
        for page in (f"/view/{path}", f"/view/{path.rpartition('/')[0]}"):
            assert f"<dt>axes</dt><dd>{expected}</dd>" in ask(app, page).body.decode()


def test_a_page_looks_once_at_what_its_axes_depend_on(make: Callable[..., Any]) -> None:
    class Counted(dict[str, Any]):
        opened = 0

        def __getitem__(self, name: str) -> Any:
            self.opened += 1
            return super().__getitem__(name)

    counts = []
    for beside in (1, 50):
        below = Counted(b=named((7,), ("y",)))
        loose = {f"a{number}": named((9,), ("y",)) for number in range(beside)}
        ask(make(Group(children={**loose, "below": Group(children=below)})), "/")
        counts.append(below.opened)
    assert counts[0] == counts[1] > 0


def named(shape: tuple[int, ...], names: tuple[str | None, ...]) -> Array:
    return array_node(np.zeros(shape), dimension_names=names)


class Numbered(dict[str, Any]):
    """So many empty groups, made when they are looked up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __getitem__(self, name: str) -> Any:
        return Group(children={})

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return (f"n{number:06}" for number in range(self.number))

    def __len__(self) -> int:
        return self.number


def linked(page: str, rel: str) -> str | None:
    """The address of the only link of a kind, which stands above and below the list."""
    found = set(re.findall(rf'<a rel="{rel}" href="([^"]*)"', page))
    assert len(found) <= 1
    return html.unescape(found.pop()) if found else None


def names_on(page: str) -> list[str]:
    return re.findall(r'<a class="name" href="[^"]*">([^<]*)</a>', page)


@pytest.mark.parametrize("number", [1, 500, 501, 1201])
@pytest.mark.parametrize("below", ["/", "/view/many", "/view/many/"])
def test_a_long_list_has_pages(make: Callable[..., Any], number: int, below: str) -> None:
    """Following the links shows each child once, in their order, and says of how many."""
    many = Group(children=Numbered(number))
    app = make(many if below == "/" else Group(children={"many": many}), consolidated_nodes=400, public=False, api_key="a+b&c")
    address, found, counts = f"{below}?api_key=a%2Bb%26c", [], []
    visited = [address]
    while address:
        page = ask(app, address).body.decode()
        found += names_on(page)
        counts += re.findall(r"<span>Children ([^<]*)</span>", page)[:1]
        assert len(names_on(page)) <= 500
        before = linked(page, "prev")
        assert (before is None) is (len(visited) == 1)
        if before:
            assert (
                names_on(ask(app, urljoin(f"http://h{below}", before).removeprefix("http://h")).body.decode())
                == found[-len(names_on(page)) - 500 :][:500]
            )
        after = linked(page, "next")
        address = urljoin(f"http://h{below}", after).removeprefix("http://h") if after else ""
        visited.append(address)
    assert found == [f"n{position:06}" for position in range(number)]
    last = -(-number // 500)
    expected = [f"{500 * page + 1:,} to {min(500 * page + 500, number):,} of {number:,}, page {page + 1} of {last}" for page in range(last)]
    assert counts == (expected if last > 1 else [])


@pytest.mark.parametrize("page", ["0", "01", "-1", "4", "x", "", "1.0", "%D9%A3", "9" * 30])
def test_a_page_that_a_list_does_not_have_is_404(make: Callable[..., Any], page: str) -> None:
    app = make(Group(children=Numbered(1201)), consolidated_nodes=400)
    assert [ask(app, f"/?page={number}").status for number in (1, 2, 3)] == [200, 200, 200]
    assert ask(app, f"/?page={page}").status == 404


def test_the_page_of_many_children_is_short(make: Callable[..., Any]) -> None:
    """It was 18 MB for 100,000 children. Children that are open are described on each page."""
    app = make(Group(children=Numbered(100_000)), consolidated_nodes=400)
    assert len(ask(app, "/").body) < 300_000
    assert "of 100,000, page 200 of 200" in ask(app, "/?page=200").body.decode()
    page = ask(make(Group(children=Numbered(700))), "/?page=2").body.decode()
    assert page.count("<dt>children</dt>") == 1 + browse.MOST_DESCRIBED


@pytest.mark.parametrize("built", [(), ("viewer",), ("viewer", "explore"), ("viewer", "explore", "table")])
def test_links_to_explore_only_what_is_built(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, built: tuple[str, ...]) -> None:
    monkeypatch.setattr(assets.Assets, "pages", built)
    page = ask(make(Group(children={"line": array_node(np.zeros(3)), "t": Group(children={}, kind="table")})), "/").body.decode()
    found = {html.unescape(link) for link in re.findall(r'<a href="([^"]*)">Explore</a>', page)}
    assert found == ({"./explore/", "./explore/line"} if "explore" in built else set()) | ({"./explore/t"} if "table" in built else set())


def test_what_is_left_out_is_counted(app: Any) -> None:
    page = ask(app, "/").body.decode()
    assert '<dt>not shown</dt><dd><a href="#not-shown">1</a></dd>' in page
    assert "<dt>ragged</dt><dd>rows differ in length</dd>" in page
