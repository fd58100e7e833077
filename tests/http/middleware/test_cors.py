from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asgi import Answer, ask

LISTED = "https://viewer.example:8080"
EXPOSED = "content-length, content-location, content-range, etag, accept-ranges, content-encoding, server-timing"
STATUSES: dict[int, dict[str, Any]] = {
    200: {"path": "/zarr/v3/small/c/0/0"},
    206: {"path": "/zarr/v3/small/c/0/0", "headers": {"range": "bytes=0-1"}},
    304: {"path": "/zarr/v3/small/c/0/0", "headers": {"if-none-match": "*"}},
    401: {"path": "/zarr/v3/small/c/0/0?api_key=wrong"},
    404: {"path": "/zarr/v3/small/c/7/7"},
    405: {"path": "/zarr/v3/small/c/0/0", "method": "POST"},
    416: {"path": "/zarr/v3/small/c/0/0", "headers": {"range": "bytes=99999-"}},
}
PLACES = ["/", "/nothing", "/metrics", "/healthz", "/readyz", "/zarr/v2/", "/zarr/v3/zarr.json"]


def from_origin(app: Any, origin: str | None, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    return ask(app, path, method, {**(headers or {}), **({"origin": origin} if origin else {})})


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_may_be_read_from_a_listed_origin(make: Callable[..., Any], status: int) -> None:
    answer = from_origin(make(allow_origins=("https://other.example", LISTED)), LISTED, **STATUSES[status])
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert answer.headers["access-control-expose-headers"] == EXPOSED
    assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("origin", [LISTED, None])
def test_star_lets_everyone_read(make: Callable[..., Any], status: int, origin: str | None) -> None:
    answer = from_origin(make(allow_origins=("*",)), origin, **STATUSES[status])
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers


@pytest.mark.parametrize("path", PLACES)
def test_every_place_may_be_read(make: Callable[..., Any], path: str) -> None:
    assert from_origin(make(allow_origins=("*",)), LISTED, path).headers["access-control-allow-origin"] == "*"


OTHERS = [
    "https://viewer.example",
    "http://viewer.example:8080",
    "https://viewer.example:8080/",
    "https://evil.viewer.example:8080",
    "null",
    None,
]


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_are_told_nothing(make: Callable[..., Any], origin: str | None) -> None:
    answer = from_origin(make(allow_origins=(LISTED,)), origin, "/zarr/v3/small/c/0/0")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "origin"


def test_no_origins_by_default(app: Any) -> None:
    answer = from_origin(app, LISTED, "/zarr/v3/small/c/0/0")
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


def preflight(app: Any, origin: str, **headers: str) -> Answer:
    return ask(app, "/zarr/v3/small/c/0/0", "OPTIONS", {"origin": origin, "access-control-request-method": "GET", **headers})


def test_preflight(make: Callable[..., Any]) -> None:
    answer = preflight(make(allow_origins=(LISTED,)), LISTED)
    assert (answer.status, answer.body, answer.headers["access-control-allow-origin"]) == (204, b"", LISTED)
    assert answer.headers["access-control-allow-headers"] == "authorization, range, if-none-match, depth"
    assert answer.headers["access-control-allow-methods"] == answer.headers["allow"] == "GET, HEAD, OPTIONS, PROPFIND"
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "content-length" not in answer.headers
    assert "access-control-allow-private-network" not in answer.headers


@pytest.mark.parametrize(("origin", "granted"), [(LISTED, True), ("https://other.example", False)])
def test_private_network_is_for_listed_origins(make: Callable[..., Any], origin: str, granted: bool) -> None:
    answer = preflight(make(allow_origins=(LISTED,)), origin, **{"access-control-request-private-network": "true"})
    assert answer.status == 204
    assert ("access-control-allow-private-network" in answer.headers) is granted
    assert ("access-control-allow-origin" in answer.headers) is granted
