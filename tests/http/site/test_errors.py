"""Errors as pages for browsers, and as plain text for everyone else."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urljoin

import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.http.protocol import replies
from tiled_zarr.http.site import errors, viewer

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
CLIENTS = ["", "*/*", "application/json", "text/plain, text/html;q=0.5", "image/avif,image/webp,*/*;q=0.8"]
PATHS = ["/", "/view/none", "/explore/none", "/nothing", "/view/names?page=7"]


@pytest.fixture
def closed(make: Callable[..., Any]) -> Any:
    return make(public=False, api_key="a+b&c")


def text_of(body: bytes) -> str:
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", body.decode(), flags=re.DOTALL)).split())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", CLIENTS)
def test_other_clients_get_what_they_got(make: Callable[..., Any], closed: Any, path: str, accept: str) -> None:
    headers = {"accept": accept} if accept else {}
    answer = ask(closed, path, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    assert answer.body.startswith(b"a valid API key is needed: send the header")
    if path != "/":
        answer = ask(make(), path, headers=headers)
        assert (answer.status, answer.body) == (404, b"not found\n")


DATA = [
    "/zarr/v3/none/zarr.json",
    "/zarr/v2/small/9.9",
    "/ome-zarr/0.4/none/.zattrs",
    "/@abc/zarr/v3/small/zarr.json",
    "/thumbnail/none.png",
    "/static/viewer/none.js",
    "/metrics/x",
]


@pytest.mark.parametrize("path", DATA)
def test_paths_of_data_keep_their_replies_for_browsers(make: Callable[..., Any], closed: Any, path: str) -> None:
    for app, prefix in ((make(), ""), (closed, ""), (closed, "/k/wrong"), (closed, "/k/a%2Bb%26c")):
        plain = ask(app, f"{prefix}{path}")
        asked = ask(app, f"{prefix}{path}", headers={"accept": BROWSER})
        assert (asked.status, asked.body, asked.headers) == (plain.status, plain.body, plain.headers)
        assert plain.status in {401, 404, 410}


def test_a_page_asks_for_the_key(closed: Any) -> None:
    answer = ask(closed, "/view/names?filter=a%26b&page=2", headers={"accept": BROWSER})
    assert answer.status == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["www-authenticate"].startswith("Apikey")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    assert "The key will be in the address of the page" in text_of(answer.body)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', answer.body.decode()))
    assert {name: html.unescape(value) for name, value in fields.items()} == {"filter": "a&b", "page": "2"}
    assert "action=" not in answer.body.decode()
    sent = urlencode({"filter": "a&b", "api_key": "a+b&c"})
    assert ask(closed, f"/view/names?{sent}", headers={"accept": BROWSER}).status == 200


@pytest.mark.parametrize("path", ["/?api_key=secret%3Cb%3E", "/k/secret%3Cb%3E/view/small", "/k/secret%3Cb%3E"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_wrong_key_is_said_and_not_shown(closed: Any, path: str, below: str) -> None:
    answer = ask(closed, below + path, headers={"accept": BROWSER}, root_path=below)
    assert answer.status == 401
    assert "secret" not in answer.body.decode()
    assert "The key in the address is not the right one." in text_of(answer.body)
    actions = re.findall(r'action="([^"]*)"', answer.body.decode())
    assert actions == ([] if "?" in path else [f"{below}/"])


@pytest.mark.parametrize("key", ["", "?api_key=a%2Bb%26c", "/k/a%2Bb%26c"])
def test_a_page_that_there_is_not_has_the_way_home(closed: Any, make: Callable[..., Any], key: str) -> None:
    app = closed if key else make()
    prefix, query = (key, "") if key.startswith("/") else ("", key)
    for path in PATHS[1:4]:
        answer = ask(app, f"{prefix}{path}{query}", headers={"accept": BROWSER})
        assert answer.status == 404
        assert "There is nothing here" in text_of(answer.body)
        for link in re.findall(r'<a href="([^"]*)"', answer.body.decode()):
            target = urljoin(f"http://host{prefix}{path}{query}", html.unescape(link)).removeprefix("http://host")
            assert ask(app, target, headers={"accept": BROWSER}).status == 200


def test_head(closed: Any) -> None:
    got, head = (ask(closed, "/", method, headers={"accept": BROWSER}) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.body) == (401, got.headers, b"")


def failing(why: Exception) -> Group:
    class Children(dict[str, Any]):
        def __len__(self) -> int:
            raise why

    return Group(children=Children())


FAILURES = {
    "busy": (TimeoutError("slow <disk>"), 503, "Try again in 5 s", "the source of these data is not available now"),
    "damaged": (OSError(5, "Input/output error"), 500, "This cannot be read", "the source of these data failed"),
}


@pytest.mark.parametrize(("why", "status", "heading", "message"), FAILURES.values(), ids=FAILURES)
def test_failures_say_why(make: Callable[..., Any], why: Exception, status: int, heading: str, message: str) -> None:
    answer = ask(make(failing(why)), "/", headers={"accept": BROWSER})
    assert answer.status == status
    assert heading in text_of(answer.body)
    assert message in text_of(answer.body)
    assert answer.headers.get("retry-after") == ("5" if status == 503 else None)


def test_what_is_not_installed(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer.ViewerPage, "viewer", lambda *_: viewer.NOT_BUILT)
    answer = ask(make(), "/view/large", headers={"accept": BROWSER})
    assert answer.status == 501
    assert "Install Node 18 or newer" in text_of(answer.body)


def test_an_order_that_there_is_not(make: Callable[..., Any]) -> None:
    answer = ask(make(), "/?sort=x", headers={"accept": BROWSER})
    assert answer.status == 400
    assert "sort is one of name, -name, kind, source" in text_of(answer.body)


def test_an_address_that_is_too_long(make: Callable[..., Any]) -> None:
    long = "/view/" + "a/" * 600
    answer = ask(make(), long, headers={"accept": BROWSER})
    assert (answer.status, answer.headers["content-type"]) == (414, "text/html; charset=utf-8")
    assert "This address is too long" in text_of(answer.body)
    for path, headers in ((long, {}), ("/zarr/v3/" + "a/" * 600, {"accept": BROWSER})):
        assert ask(make(), path, headers=headers).headers["content-type"].startswith("text/plain")


def test_a_name_that_the_server_does_not_know(closed: Any) -> None:
    """The page leads nowhere: all pages below this name are the same. The key in the address is not on it."""
    asked = {"headers": {"accept": BROWSER, "host": "evil.example"}, "server": ("127.0.0.1", 8000)}
    answer = ask(closed, "/view/small?api_key=a%2Bb%26c", **asked)
    assert (answer.status, answer.headers["content-type"]) == (421, "text/html; charset=utf-8")
    assert "TILED_ZARR_ALLOWED_HOSTS=evil.example" in text_of(answer.body)
    assert b"<a " not in answer.body
    assert b"a%2Bb" not in answer.body


@pytest.mark.parametrize("status", [*range(400, 430), *range(500, 512)])
def test_every_page_says_what_to_do(status: int) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/view/x",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"accept", b"text/html")],
    }
    page = text_of(errors.shown(replies.text(status, "the reason"), scope).body)
    said = errors.SAID.get(status, errors.OTHER)
    assert {said.heading, said.sentence, "the reason", str(status)} <= set(
        re.findall("|".join(map(re.escape, (*said, "the reason", str(status)))), page)
    )
    assert said.sentence.endswith(".")


def test_names_in_failures_are_escaped(make: Callable[..., Any]) -> None:
    answer = ask(make(failing(TimeoutError("<i>"))), "/", headers={"accept": BROWSER})
    assert b"<i>" not in answer.body


def test_pages_without_an_error_are_the_same_for_all(make: Callable[..., Any]) -> None:
    app = make(Group(children={"a": Array(shape=(3,), dtype=np.dtype("i4"), read=lambda region: np.zeros(3, "i4"), blocking=False)}))
    assert ask(app, "/", headers={"accept": BROWSER}).body == ask(app, "/").body
