"""Filter and order of the children of a group, as a browser without script asks for them."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import numpy as np
import pytest

from asgi import ask
from strategies import array_node
from tiled_zarr import Array, Group
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.app import create_app
from tiled_zarr.http.site import choice
from tiled_zarr.http.site.choice import Choice
from tiled_zarr.settings import Settings
from tiled_zarr.tree import resources_of

NAMES = ["scan1", "scan10", "scan2", "Scan3", "b&c <i>", "dark_007", "dark_12", "table", "group"]


def node(name: str) -> Array | Group:
    if name in {"table", "group"}:
        return Group(children={}, kind="table" if name == "table" else "group")
    return array_node(np.zeros(3))


@pytest.fixture
def pages(make: Callable[..., Any]) -> Callable[..., str]:
    app = make(Group(children={name: node(name) for name in NAMES}), public=False, api_key="a+b&c")

    def page(**fields: Any) -> str:
        answer = ask(app, f"/?{urlencode({'api_key': 'a+b&c', **fields})}")
        assert answer.status == 200
        return answer.body.decode()

    return page


def names_on(page: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<a class="name" href="[^"]*">([^<]*)</a>', page)]


ORDERS = {
    "": NAMES,
    "source": NAMES,
    "name": ["b&c <i>", "dark_007", "dark_12", "group", "scan1", "scan2", "Scan3", "scan10", "table"],
    "-name": ["table", "scan10", "Scan3", "scan2", "scan1", "group", "dark_12", "dark_007", "b&c <i>"],
    "kind": ["b&c <i>", "dark_007", "dark_12", "scan1", "scan2", "Scan3", "scan10", "group", "table"],
}


@pytest.mark.parametrize(("sort", "expected"), ORDERS.items())
def test_orders(pages: Callable[..., str], sort: str, expected: list[str]) -> None:
    assert names_on(pages(sort=sort)) == expected


def test_what_the_source_has_only_sorted_is_in_natural_order(make: Callable[..., Any]) -> None:
    names = sorted(["scan1", "scan10", "scan2", "scan100"])
    assert names_on(ask(make(Group(children=dict.fromkeys(names, node("a")))), "/").body.decode()) == [
        "scan1",
        "scan2",
        "scan10",
        "scan100",
    ]
    assert names_on(ask(make(Group(children=dict.fromkeys(names, node("a")))), "/?sort=source").body.decode()) == names


FILTERS = {
    "SCAN": ["scan1", "scan10", "scan2", "Scan3"],
    " scan1 ": ["scan1", "scan10"],
    "*1?": ["scan10", "dark_12"],
    "scan?": ["scan1", "scan2", "Scan3"],
    "b&c <i>": ["b&c <i>"],
    "[a-z]*": [],
    "none": [],
    "": NAMES,
}


@pytest.mark.parametrize(("text", "expected"), FILTERS.items())
def test_filters(pages: Callable[..., str], text: str, expected: list[str]) -> None:
    page = pages(filter=text)
    assert names_on(page) == expected
    said = html.unescape("".join(re.findall(r'<p role="status">(.*?)</p>', page)))
    assert said == (f"{len(expected)} of {len(NAMES)} children match “{text.strip()}”." if text else "")
    assert ("No child matches." in page) is not expected


@pytest.mark.parametrize("text", ["scan[1].tif", "[1]", "*[1]*", "SCAN[?].tif", "*].tif", "scan[1*", "~5b1", "scan~5b?~*"])
def test_brackets_are_themselves(make: Callable[..., Any], text: str) -> None:
    """Paths of Zarr v2 have no brackets; the name is found as the source has it, and as the path."""
    app = make(Group(children=dict.fromkeys(["scan[1].tif", "scan1.tif", "[!1]", "]"], node(""))))
    assert names_on(ask(app, f"/?{urlencode({'filter': text})}").body.decode()) == ["scan~5b1~5d.tif"]


def test_an_order_that_there_is_not(make: Callable[..., Any]) -> None:
    answer = ask(make(), "/?sort=size")
    assert (answer.status, answer.body) == (400, b"sort is one of name, -name, kind, source\n")


def test_a_short_list_has_no_form(pages: Callable[..., str]) -> None:
    assert "<form" not in pages()
    assert "<form" in pages(sort="name")


class Form(HTMLParser):
    """The fields that a form sends, unless the user changes them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.method = self.select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.method = given["method"]
            assert "action" not in given
        if tag == "input":
            self.fields[given["name"]] = given["value"]
        if tag == "select":
            self.select = given["name"]
        if tag == "option" and self.select not in self.fields | ({} if "selected" in given else {self.select: ""}):
            self.fields[self.select] = given["value"]


@pytest.mark.parametrize("prefix", ["/k/a%2Bb%26c", ""])
def test_the_form_works_without_script(make: Callable[..., Any], prefix: str) -> None:
    """It keeps the key of the query, and its policy lets it lead to our own origin alone."""
    app = make(Group(children={f"n{number}": node("") for number in range(30)}), public=False, api_key="a+b&c")
    query = {} if prefix else {"api_key": "a+b&c"}
    answer = ask(app, f"{prefix}/?{urlencode(query | {'sort': '-name'})}")
    assert "form-action 'self';" in answer.headers["content-security-policy"]
    form = Form(answer.body.decode())
    assert (form.method, form.fields) == ("get", {**query, "filter": "", "sort": "-name"})
    found = ask(app, f"{prefix}/?{urlencode(form.fields | {'filter': '2'})}")
    assert names_on(found.body.decode()) == [f"n{number}" for number in range(29, -1, -1) if "2" in str(number)]
    assert Form(found.body.decode()).fields["filter"] == "2"


def test_pages_of_a_choice_keep_it(make: Callable[..., Any]) -> None:
    app = make(Group(children={f"n{number}&": node("") for number in range(1400)}), public=False, api_key="k")
    address, found = f"/?{urlencode({'api_key': 'k', 'filter': '&', 'sort': '-name'})}", []
    while address:
        page = ask(app, address).body.decode()
        found += names_on(page)
        after = re.findall(r'<a rel="next" href="([^"]*)"', page)
        address = urljoin("http://h/", html.unescape(after[0])).removeprefix("http://h") if after else ""
    assert found == [f"n{number}&" for number in range(1399, -1, -1)]
    assert ask(app, "/?api_key=k&filter=n1&page=2").status == 200
    assert ask(app, "/?api_key=k&filter=n12&page=2").status == 404


def test_the_viewer_has_no_form(app: Any) -> None:
    assert "form-action 'none'" in ask(app, "/view/large").headers["content-security-policy"]


class Files:
    """A folder of NPY files in an application whose groups of over ten children stay closed."""

    def __init__(self, folder: Path, names: str) -> None:
        self.folder = folder
        for name in names:
            self.add(name)
        settings = Settings(public=True, consolidated_nodes=10)
        resources = resources_of(settings)
        root = open_directory(folder, resources)
        assert isinstance(root, Group)
        self.app = create_app(root, settings, resources=resources)

    def add(self, name: str) -> None:
        np.save(self.folder / name, np.arange(3))
        self.settle()

    def settle(self) -> None:
        """Make the folder's time so old that nobody need look again, as after some seconds."""
        self.moment = getattr(self, "moment", 1_000_000_000) + 1
        os.utime(self.folder, (self.moment, self.moment))

    def names(self, query: str = "") -> list[str]:
        return names_on(ask(self.app, f"/{query}").body.decode())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path, "abcdefghijkl")


def test_a_large_folder_is_listed_anew_when_it_changes(files: Files) -> None:
    expected = [*"abcdefghijkl"]
    for _ in range(2):
        assert files.names() == expected
        assert files.names("?sort=-name") == expected[::-1]
    files.add("z")
    assert files.names() == [*expected, "z"]
    assert files.names("?sort=-name") == ["z", *expected[::-1]]


def test_a_large_folder_is_sorted_once(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    natural = choice.natural
    monkeypatch.setattr(choice, "natural", lambda name: counted.append(name) or natural(name))
    group = Group(children=dict.fromkeys([f"n{number:02}" for number in range(12)], node("")), revision=lambda: "r1")
    app = make(group, consolidated_nodes=10)
    pages = [ask(app, "/").body for _ in range(3)]
    assert len(counted) == 12
    assert len({*pages}) == 1


def test_what_passes_a_filter_is_opened(make: Callable[..., Any]) -> None:
    """Of a large group whose children nobody opens; a child that fails says so, and only that."""

    class Children(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name == "n7":
                raise OSError(5, "Input/output error")
            return super().__getitem__(name)

    names = [f"n{number}" for number in range(200)]
    app = make(Group(children=Children(dict.fromkeys(names, node("")))), consolidated_nodes=10)
    assert "<dt>shape</dt>" not in ask(app, "/").body.decode()
    page = ask(app, "/?filter=7").body.decode()
    assert names_on(page) == [name for name in names if "7" in name]
    assert page.count("<dt>shape</dt><dd>3</dd>") == 37
    assert page.count("the system says: input/output error") == 1


def test_counts_are_of_what_is_listed(make: Callable[..., Any]) -> None:
    class Children(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name == "bad":
                raise OSError(5, "Input/output error")
            return super().__getitem__(name)

    below = Group(children=Children(a=node(""), b=node(""), bad=node("")))
    app = make(Group(children={"below": below}))
    page = ask(app, "/view/below").body.decode()
    assert "<dt>children</dt><dd>2</dd>" in page
    assert "<dt>bad</dt><dd>the system says: input/output error" in page
    assert "<dt>children</dt><dd>2</dd>" in ask(app, "/").body.decode()


@pytest.mark.parametrize(("names", "said"), [([], "This group is empty."), (["bad"], "No child can be shown.")])
def test_a_group_that_shows_nothing(make: Callable[..., Any], names: list[str], said: str) -> None:
    app = make(Group(children={}, unavailable=lambda: dict.fromkeys(names, "damaged")))
    page = ask(app, "/").body.decode()
    assert f'<span class="dim">{said}</span>' in page
    assert re.findall(r'<a href="#not-shown">(\d+)</a>', page) == [str(len(names))] * bool(names)


def test_long_names_and_filters_cost_little(make: Callable[..., Any]) -> None:
    """A pattern of many stars does not backtrack."""
    app = make(Group(children=dict.fromkeys(["a" * 900 + str(number) for number in range(30)], node(""))))
    assert names_on(ask(app, f"/?filter={quote('*a' * 200 + '*b')}").body.decode()) == []


def test_numbers_of_any_length_have_an_order() -> None:
    names = ["a" + "9" * length for length in (1, 30, 400)]
    assert Choice(sort="name").ordered(names[::-1], {}) == names
