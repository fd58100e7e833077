"""Every route with no key, a wrong key and the right key, on private and public trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asgi import ask
from tiled_zarr.http.middleware.auth import Auth, given_keys

KEY = "Right-Key+1"
QUERY = KEY.replace("+", "%2B")
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
    "/healthz/": 404,
    "/readyz/": 404,
}
RIGHT = {
    "apikey": {"headers": {"authorization": f"Apikey {KEY}"}},
    "bearer": {"headers": {"authorization": f"Bearer {KEY}"}},
    "scheme in lower case": {"headers": {"authorization": f"apikey  {KEY} "}},
    "query": {"query": f"?api_key={QUERY}"},
    "both": {"headers": {"authorization": f"Bearer {KEY}"}, "query": f"?api_key={QUERY}"},
    "behind another scheme": {"headers": {"authorization": "Basic dTpw"}, "query": f"?api_key={QUERY}"},
}
NONE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "another scheme": {"headers": {"authorization": f"Basic {KEY}"}},
    "no scheme": {"headers": {"authorization": KEY}},
    "cookie": {"headers": {"cookie": f"api_key={KEY}"}},
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
    "one of two headers": {"headers": [("authorization", f"Apikey {KEY}"), ("authorization", "Apikey wrong")]},
}


def status(app: Any, path: str, method: str = "GET", *, headers: Any = (), query: str = "") -> int:
    return ask(app, path + query, method, headers).status


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
    assert [status(private, path, **given) for path in ("/healthz", "//healthz", "/readyz")] == [200, 200, 200]
    assert {status(private, path, "OPTIONS", **given) for path in ROUTES} == {204}


def test_refusal_says_how_to_sign_in(private: Any) -> None:
    answer = ask(private, "/zarr/v3/small/c/0/0")
    assert answer.headers["www-authenticate"].startswith("Apikey")
    assert answer.headers["cache-control"] == "no-store"
    assert b"api_key=KEY" in answer.body


def test_keyed_answers_are_private(private: Any, make: Callable[..., Any]) -> None:
    assert ask(private, f"/zarr/v3/small/c/0/0?api_key={QUERY}").headers["cache-control"] == "private, max-age=60"
    assert ask(make(max_age=5), "/zarr/v3/small/c/0/0").headers["cache-control"] == "public, max-age=5"


def test_nobody_may_read_is_no_choice() -> None:
    with pytest.raises(ValueError, match="needs an API key"):
        Auth(None, None, public=False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs an API key"):
        Auth(None, "", public=False)  # type: ignore[arg-type]


def test_all_keys_are_looked_at() -> None:
    headers = [(b"authorization", b"Bearer a"), (b"authorization", b"Basic b"), (b"authorization", b"APIKEY c")]
    assert given_keys({"query_string": b"api_key=d", "headers": headers}) == [b"d", b"a", b"c"]
