"""Pages below a path prefix, as a proxy or another application puts them: no link leaves it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, unquote, urldefrag, urljoin, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asgi import Answer, ask
from tiled_zarr.app import create_app
from tiled_zarr.demo import tree
from tiled_zarr.http.site.snippets import NEUROGLANCER, VIZARR, Link
from tiled_zarr.settings import Settings

PREFIX = "/data/lab%20a"
KEY = "a+b&c"
ORIGIN = "http://host"
BROWSER = {"accept": "text/html,*/*;q=0.8", "host": "host"}
LARGE = frozenset({"zarr", "ome-zarr", "thumbnail", "download", "@"})
"""First parts of paths of which the crawl opens one: there are thousands, and each takes a while."""
LINKS = frozenset({"href", "src", "data-licences"})
"""Attributes with one address each, with the key of the query in it."""
LISTS = frozenset({"data-sources", "data-turned", "data-values"})
"""Attributes with addresses and spaces between them, to which scripts add names."""
ELSEWHERE = tuple(f"{Link('', address).origin}/" for address in (VIZARR, NEUROGLANCER))


class Page(HTMLParser):
    """The addresses on a page: to follow, of forms, for scripts to add names to, elsewhere, to copy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.forms, self.bases, self.elsewhere = list[str](), list[str](), list[str](), list[str]()
        self.base = ""
        self.copied: list[str] = re.findall(rf"{ORIGIN}[^\s\"'<>&)]*", html.unescape(text))
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None or value.startswith(("data:", "#")):
                continue
            if value.startswith(ELSEWHERE):
                self.elsewhere.append(value)
            elif name in LISTS or name in {"data-root", "data-events"}:
                self.bases += value.split(" ") if value else []
            elif tag == "base":
                self.base = value
            elif name in {"action", "formaction"}:
                self.forms.append(value)
            elif name in LINKS:
                self.links.append(value)


def uvicorn(app: Any, target: str) -> Answer:
    """As behind nginx with `uvicorn --root-path`: the path of the scope has the prefix."""
    return ask(app, target, headers=BROWSER, root_path=unquote(PREFIX))


def stripped(app: Any, target: str) -> Answer:
    """As behind a proxy that takes the prefix off, with a server that leaves it so."""
    return ask(app, target.removeprefix(PREFIX), headers=BROWSER, root_path=unquote(PREFIX))


def mounted(app: Any, target: str) -> Answer:
    """As part of another application."""
    return ask(Starlette(routes=[Mount(unquote(PREFIX), app)]), target, headers=BROWSER)


@pytest.fixture(scope="module")
def demo() -> Callable[..., Any]:
    root = tree()
    return lambda **settings: create_app(root, Settings(allow_origins=[where[:-1] for where in ELSEWHERE], **settings))


@pytest.mark.parametrize("way", [uvicorn, stripped, mounted])
@pytest.mark.parametrize(
    ("key", "query"), [("", ""), ("/k/a%2Bb%26c", ""), ("", "?api_key=a%2Bb%26c")], ids=["public", "in the path", "in the query"]
)
def test_no_link_leaves_the_prefix(demo: Callable[..., Any], way: Callable[[Any, str], Answer], key: str, query: str) -> None:
    app = demo(public=False, api_key=KEY) if key or query else demo(public=True)
    inside = f"{ORIGIN}{PREFIX}{key}/"
    known, left = {f"{inside}{query}"}, [f"{inside}{query}"]
    copied, elsewhere, opened, pages = set[str](), set[str](), set[str](), 0
    while left:
        address = left.pop()
        kind = urlsplit(address.removeprefix(inside)).path.partition("/")[0]
        kind = "@" if kind.startswith("@") else kind
        if kind in LARGE and kind in opened:
            continue
        opened.add(kind)
        answer = way(app, address.removeprefix(ORIGIN))
        assert answer.status == 200, address
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        pages += 1
        page = Page(answer.body.decode())
        base = urljoin(address, page.base)
        assert all(urljoin(base, each).startswith(inside) for each in page.bases), address
        copied.update(page.copied)
        elsewhere.update(page.elsewhere)
        found = [urldefrag(urljoin(base, link)).url for link in page.links]
        assert all(parse_qs(urlsplit(link).query).get("api_key") == ([KEY] if query else None) for link in found), address
        found += [urljoin(base, form) + query for form in page.forms]
        assert all(link.startswith(inside) for link in found), address
        left += [link for link in dict.fromkeys(found) if link not in known]
        known.update(found)
    assert pages > 30
    assert opened >= {"", "view", "explore", "static"} | LARGE
    assert copied
    assert all(address.startswith(f"{ORIGIN}{PREFIX}{'/k/a%2Bb%26c' if key or query else ''}/") for address in copied)
    assert elsewhere
    assert all(f"{ORIGIN}{PREFIX}/" in unquote(address) for address in elsewhere)


@pytest.mark.parametrize("key", ["", "/k/a%2Bb%26c"])
def test_the_prefix_without_a_slash_leads_to_the_page(demo: Callable[..., Any], key: str) -> None:
    """Links on the first page are relative to its folder, so that its address must end in a slash."""
    answer = uvicorn(demo(public=True, api_key=KEY), f"{PREFIX}{key}?sort=name")
    assert answer.status == 307
    assert urljoin(f"{ORIGIN}{PREFIX}{key}", answer.headers["location"]) == f"{ORIGIN}{PREFIX}{key}/?sort=name"


@pytest.mark.parametrize("path", ["/view/none", "/explore/none", "/nothing/at/all", "/view/none/"])
@pytest.mark.parametrize("way", [uvicorn, stripped, mounted])
def test_errors_stay_inside(demo: Callable[..., Any], way: Callable[[Any, str], Answer], path: str) -> None:
    for app, key, status in (
        (demo(public=True), "", 404),
        (demo(public=False, api_key=KEY), "", 401),
        (demo(public=False, api_key=KEY), "/k/x", 401),
    ):
        answer = way(app, f"{PREFIX}{key}{path}")
        assert answer.status == status
        page = Page(answer.body.decode())
        addresses = [urljoin(f"{ORIGIN}{PREFIX}{key}{path}", link) for link in (*page.links, *page.forms)]
        assert addresses == ([f"{ORIGIN}{PREFIX}/"] * 2 if status == 404 else [f"{ORIGIN}{PREFIX}/"] if key else [])
