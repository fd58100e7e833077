"""Every route with no key, a wrong key and the right key, on private and public trees."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest

from asgi import ask, scope_of
from tiled_zarr.http.middleware.auth import Auth
from tiled_zarr.http.protocol import keys

KEY = "Right-Key+1"
QUERY = KEY.replace("+", "%2B")


def basic(credentials: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


ROUTES = {
    "/": 200,
    "/metrics": 200,
    "/zarr/v2": 200,
    "/zarr/v3/": 200,
    "/zarr/v3/names/": 200,
    "/zarr/v2/.zgroup": 200,
    "/zarr/v2/.zmetadata": 200,
    "/zarr/v3/zarr.json": 200,
    "/zarr/v2/small/.zarray": 200,
    "/zarr/v2/small/0.0": 200,
    "/zarr/v3/small/c/0/0": 200,
    "/zarr/v3/small/c/9/9": 404,
    "/zarr/v3/nothing": 404,
    "/zarr": 404,
    "/nothing": 404,
    "//zarr//v3//zarr.json": 200,
    "/ome-zarr/0.4/large/.zattrs": 200,
    "/ome-zarr/0.5/large/0/c/0/0": 200,
    "/view/names": 200,
    "/view/nothing": 404,
    "/thumbnail/large.png": 200,
    "/static/viewer/nothing.js": 404,
    "/k": 404,
    "/healthz/": 404,
    "/readyz/": 404,
}
RIGHT: dict[str, dict[str, Any]] = {
    "apikey": {"headers": {"authorization": f"Apikey {KEY}"}},
    "bearer": {"headers": {"authorization": f"Bearer {KEY}"}},
    "scheme in lower case": {"headers": {"authorization": f"apikey  {KEY} "}},
    "query": {"query": f"?api_key={QUERY}"},
    "both": {"headers": {"authorization": f"Bearer {KEY}"}, "query": f"?api_key={QUERY}"},
    "behind another scheme": {"headers": {"authorization": "Basic dTpw"}, "query": f"?api_key={QUERY}"},
    "Basic": {"headers": basic(f"anybody:{KEY}")},
    "Basic without a name": {"headers": basic(f":{KEY}")},
    "cookie of Tiled": {"headers": {"cookie": f"a=b; tiled_api_key={KEY}; c=d"}},
    "quoted cookie": {"headers": {"cookie": f'tiled_api_key="{KEY}"'}},
    "cookie beside a proxy's Basic": {"headers": {"cookie": f"tiled_api_key={KEY}", **basic("u:p")}},
    "Basic beside another Tiled's cookie": {"headers": {"cookie": "tiled_api_key=theirs", **basic(f"u:{KEY}")}},
    "path": {"prefix": f"/k/{KEY}"},
    "encoded path": {"prefix": f"/k/{QUERY}"},
    "slashes": {"prefix": f"//k//{KEY}/"},
    "path and query": {"prefix": f"/k/{KEY}", "query": f"?api_key={QUERY}"},
    "path behind a proxy's Basic": {"prefix": f"/k/{KEY}", "headers": basic("u:p")},
    "path beside another Tiled's cookie": {"prefix": f"/k/{KEY}", "headers": {"cookie": "tiled_api_key=theirs"}},
}
NONE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "another scheme": {"headers": {"authorization": f"Basic {KEY}"}},
    "no scheme": {"headers": {"authorization": KEY}},
    "cookie": {"headers": {"cookie": f"api_key={KEY}"}},
    "Basic without a password": {"headers": {"authorization": f"Basic {b64encode(KEY.encode()).decode()}"}},
    "another name": {"query": f"?apikey={QUERY}"},
}
WRONG: dict[str, dict[str, Any]] = {
    "header": {"headers": {"authorization": "Apikey wrong"}},
    "bearer": {"headers": {"authorization": "Bearer wrong"}},
    "query": {"query": "?api_key=wrong"},
    "empty header": {"headers": {"authorization": "Apikey "}},
    "empty query": {"query": "?api_key="},
    "a part": {"query": "?api_key=Right"},
    "longer": {"query": f"?api_key={QUERY}1"},
    "another case": {"query": f"?api_key={QUERY.lower()}"},
    "not ASCII": {"query": "?api_key=%C3%A9"},
    "right in the header, wrong in the query": {"headers": {"authorization": f"Apikey {KEY}"}, "query": "?api_key=wrong"},
    "wrong after right": {"query": f"?api_key={QUERY}&api_key=wrong"},
    "wrong before right": {"query": f"?api_key=wrong&api_key={QUERY}"},
    "Basic": {"headers": basic("u:wrong")},
    "Basic with the key as name": {"headers": basic(f"{KEY}:")},
    "cookie of Tiled": {"headers": {"cookie": "tiled_api_key=wrong"}},
    "empty cookie of Tiled": {"headers": {"cookie": "tiled_api_key="}},
    "path": {"prefix": "/k/wrong"},
    "empty path": {"prefix": "/k/"},
    "a part in the path": {"prefix": "/k/Right"},
    "longer in the path": {"prefix": f"/k/{KEY}1"},
    "not ASCII in the path": {"prefix": f"/k/{KEY[:-1]}%C3%A9"},
    "broken in the path": {"prefix": f"/k/{KEY}%ED%A0%80"},
    "right in the path, wrong in the query": {"prefix": f"/k/{KEY}", "query": "?api_key=wrong"},
    "wrong in the path, right in the query": {"prefix": "/k/wrong", "query": f"?api_key={QUERY}"},
    "wrong in the path, right in the header": {"prefix": "/k/wrong", "headers": {"authorization": f"Apikey {KEY}"}},
    "twice in the path": {"prefix": f"/k/wrong/k/{KEY}"},
    "wrong in the header, right in the cookie": {"headers": {"authorization": "Apikey wrong", "cookie": f"tiled_api_key={KEY}"}},
    "one of two headers": {"headers": [("authorization", f"Apikey {KEY}"), ("authorization", "Apikey wrong")]},
}


def status(app: Any, path: str, method: str = "GET", *, headers: Any = (), query: str = "", prefix: str = "", **scope: Any) -> int:
    return ask(app, prefix + path + query, method, headers, **scope).status


@pytest.fixture
def private(make: Callable[..., Any]) -> Any:
    return make(public=False, api_key=KEY)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ROUTES)
def test_private_tree_needs_the_right_key(private: Any, path: str, method: str) -> None:
    assert {name: status(private, path, method, **given) for name, given in RIGHT.items()} == dict.fromkeys(RIGHT, ROUTES[path])
    for cases in (NONE, WRONG):
        assert {name: status(private, path, method, **given) for name, given in cases.items()} == dict.fromkeys(cases, 401)


@pytest.mark.parametrize("key", [KEY, None], ids=["keyed", "no key"])
@pytest.mark.parametrize("path", ROUTES)
def test_public_tree_refuses_wrong_keys_alone(make: Callable[..., Any], path: str, key: str | None) -> None:
    app = make(public=True, api_key=key)
    assert {name: status(app, path, **given) for name, given in NONE.items()} == dict.fromkeys(NONE, ROUTES[path])
    assert {name: status(app, path, **given) for name, given in WRONG.items()} == dict.fromkeys(WRONG, 401)
    expected = 401 if key is None else ROUTES[path]
    assert {name: status(app, path, **given) for name, given in RIGHT.items()} == dict.fromkeys(RIGHT, expected)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods(private: Any, method: str) -> None:
    assert status(private, "/zarr/v3/zarr.json", method) == 401
    answer = ask(private, f"/zarr/v3/zarr.json?api_key={QUERY}", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PROPFIND")


@pytest.mark.parametrize("given", [*NONE.values(), *WRONG.values()], ids=[*NONE, *WRONG])
def test_health_and_options_need_no_key(private: Any, given: dict[str, Any]) -> None:
    is_wrong_path = given.get("prefix", f"/k/{KEY}") != f"/k/{KEY}"
    assert [status(private, path, **given) for path in ("/healthz", "//healthz", "/readyz")] == [401 if is_wrong_path else 200] * 3
    assert {status(private, path, "OPTIONS", **given) for path in ROUTES} == {204}


def test_refusal_says_how_to_sign_in(private: Any) -> None:
    answer = ask(private, "/zarr/v3/small/c/0/0")
    assert answer.headers["www-authenticate"].startswith("Apikey")
    assert answer.headers["cache-control"] == "no-store"
    assert b"api_key=KEY" in answer.body


def test_keyed_answers_are_private(private: Any, make: Callable[..., Any]) -> None:
    assert ask(private, f"/zarr/v3/small/c/0/0?api_key={QUERY}").headers["cache-control"] == "private, no-cache"
    assert (
        ask(make(public=False, api_key="k", max_age=5), "/zarr/v3/small/c/0/0?api_key=k").headers["cache-control"] == "private, max-age=5"
    )
    assert ask(make(max_age=5), "/zarr/v3/small/c/0/0").headers["cache-control"] == "public, max-age=5"


def test_nobody_may_read_is_no_choice() -> None:
    with pytest.raises(ValueError, match="needs an API key"):
        Auth(None, None, public=False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs an API key"):
        Auth(None, "", public=False)  # type: ignore[arg-type]


def test_all_keys_are_looked_at() -> None:
    sent = ("Bearer a", "Basic b", "APIKEY c", "Basic dTpw")
    headers = [*((b"authorization", value.encode()) for value in sent), (b"cookie", b"tiled_api_key=e")]
    given = keys.given({"query_string": b"api_key=d", "headers": headers})
    assert given == ([b"d", b"a", b"c"], [b"p", b"e"], True, False)


@pytest.mark.parametrize("below", ["", "/below", "/k", "/k/below"])
@pytest.mark.parametrize("is_stripped", [False, True], ids=["whole", "behind a proxy that strips the prefix"])
@pytest.mark.parametrize("key", [KEY, "a/b//c=", "/start", "100%", "q?#&"])
def test_below_a_root_path(make: Callable[..., Any], below: str, is_stripped: bool, key: str) -> None:
    app = make(public=False, api_key=key)
    above = "" if is_stripped else below
    for path, expected in ROUTES.items():
        if not (is_stripped and below.startswith("/k")):  # then nobody can tell which /k it is
            assert status(app, path, prefix=above + keys.prefix(key), root_path=below) == expected, path
        assert status(app, path, prefix=f"{above}/k/wrong", root_path=below) == 401, path


@pytest.mark.parametrize("prefix", [f"/k/{KEY}", f"/k/{QUERY}", f"//k/{KEY}"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_the_key_alone_leads_to_the_page_whose_links_work(private: Any, prefix: str, below: str) -> None:
    answer = ask(private, f"{below}{prefix}", root_path=below)
    assert (answer.status, answer.headers["location"], answer.headers["cache-control"]) == (307, f"./{QUERY}/", "no-store")
    assert ask(private, "/k/wrong").status == ask(private, f"/k/{KEY}1").status == 401


SHOWN = {
    "query": (f"/zarr/v3/zarr.json?a=1&api_key={QUERY}&b=2", "/zarr/v3/zarr.json", b"a=1&api_key=hidden&b=2"),
    "encoded name": (f"/?api%5Fkey={QUERY}", "/", b"api_key=hidden"),
    "wrong query": ("/?api_key=wrong", "/", b"api_key=hidden"),
    "path": (f"/k/{QUERY}/zarr/v3?x=1", "/k/hidden/zarr/v3", b"x=1"),
    "wrong path": ("/k/wrong/key/zarr/v3", "/k/hidden", b""),
    "misplaced": (f"/@token/k/{QUERY}/zarr/v3?x=1", "/@token/k/hidden/zarr/v3", b"x=1"),
    "deep": (f"/zarr/v3/k/{QUERY}/zarr.json", "/zarr/v3/k/hidden/zarr.json", b""),
    "none": ("/zarr/v3/k/x?version=1", "/zarr/v3/k/x", b"version=1"),
}


@pytest.mark.parametrize(("target", "path", "query"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("below", ["", "/below"])
def test_what_servers_log_has_no_key(private: Any, target: str, path: str, query: bytes, below: str) -> None:
    """uvicorn, hypercorn and granian log the scope that they made, when the reply is sent."""
    referer = f"http://here/k/{QUERY}/zarr/v3/zarr.json"
    scope = scope_of(below + target, headers={"referer": referer, "accept": "*/*"}, root_path=below)
    asyncio.run(private(scope, never, ignore))
    assert (scope["path"], scope["query_string"]) == (below + path, query)
    assert scope["raw_path"].decode() == scope["path"]
    assert scope["headers"] == [(b"referer", b"hidden"), (b"accept", b"*/*")]


@pytest.mark.parametrize("request_", [{"method": "OPTIONS"}, {"headers": {"host": "evil.example"}, "server": ("127.0.0.1", 80)}], ids=str)
def test_replies_that_need_no_key_hide_it_too(private: Any, request_: dict[str, Any]) -> None:
    scope = scope_of(f"/k/{QUERY}/zarr/v3/zarr.json?api_key={QUERY}", **request_)
    asyncio.run(private(scope, never, ignore))
    assert (scope["path"], scope["query_string"]) == ("/k/hidden", b"api_key=hidden")


def test_other_referers_stay(private: Any) -> None:
    headers = {"referer": "https://a.example/k?page=2", "authorization": f"Apikey {KEY}"}
    scope = scope_of("/zarr/v3/zarr.json", headers=headers)
    asyncio.run(private(scope, never, ignore))
    assert dict(scope["headers"])[b"referer"] == headers["referer"].encode()


async def never() -> Any:
    await asyncio.Event().wait()


async def ignore(message: Any) -> None:
    pass


@pytest.mark.parametrize("below", ["", "/below"])
@pytest.mark.parametrize("key", ["zarr/v3/small/zarr.json", "zarr/v2/small/.zarray", "ome-zarr/0.5/large/zarr.json"])
def test_a_document_behind_a_key_names_its_revision_behind_the_same_key(private: Any, key: str, below: str) -> None:
    """The key comes first, then the token."""
    asked_for = f"{below}/k/{QUERY}/{key}"
    document = ask(private, asked_for, root_path=below)
    named = urljoin(f"http://here{asked_for}", document.headers["content-location"]).removeprefix("http://here")
    assert re.fullmatch(f"{below}/k/{re.escape(QUERY)}/@[^/]+/{key}", named)
    answer = ask(private, named, root_path=below)
    assert (answer.status, answer.body) == (200, document.body)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["cache-control"].startswith("private")
    assert status(private, named.replace(QUERY, "wrong"), root_path=below) == 401
    assert status(private, named.replace(f"/k/{QUERY}", ""), root_path=below) == 401


@pytest.mark.parametrize("below", ["", "/below"])
def test_listings_behind_a_key_lead_below_it(private: Any, below: str) -> None:
    """GDAL looks for its own path in the title, and obstore strips its own from each href."""
    asked_for = f"{below}/k/{QUERY}/zarr/v3/names"
    page = ask(private, asked_for, root_path=below).body.decode()
    assert f"<title>Index of {asked_for}</title>" in page
    for method, depth in (("PROPFIND", "0"), ("PROPFIND", "1")):
        answer = ask(private, asked_for, method, {"depth": depth}, root_path=below)
        hrefs = re.findall(r"<[^>]*href>([^<]+)<", answer.body.decode())
        assert answer.status == 207
        assert hrefs
        assert all(href.startswith(asked_for) for href in hrefs)
    assert status(private, f"{below}/k/wrong/zarr/v3/names", "PROPFIND", headers={"depth": "1"}, root_path=below) == 401
