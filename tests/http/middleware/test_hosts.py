"""Which Host a request may have that arrives on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from asgi import ask

KNOWN = [
    *("localhost", "localhost:8000", "LOCALHOST", "localhost.", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000", "127.8.9.1"),
    *(socket.gethostname(), "data.example.org", "Data.Example.ORG:443"),
]
UNKNOWN = [
    *("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example#localhost"),
    *("org", "example.org", "[::2]", "10.0.0.1", "", "2130706433", "[localhost]evil", "data.example.org@evil.example"),
]
LOOPBACK = ["127.0.0.1", "127.0.1.1", "::1", "::ffff:127.0.0.1"]
ELSEWHERE: list[tuple[str, int | None] | None] = [("10.1.2.3", 8000), ("2001:db8::1", 8000), ("/run/server.sock", None), None]
PATHS = ["/zarr/v3/zarr.json", "/zarr/v3/small/c/0/0", "/", "/healthz", "/nothing"]


@pytest.fixture
def named(make: Callable[..., Any]) -> Any:
    return make(allowed_hosts=("data.example.org",), allow_origins=("*",))


@pytest.mark.parametrize("server", LOOPBACK)
def test_on_loopback_only_known_names_are_answered(named: Any, server: str) -> None:
    for host in KNOWN:
        assert ask(named, "/zarr/v3", headers={"host": host}, server=(server, 8000)).status == 200, host
    for host in UNKNOWN:
        assert ask(named, "/zarr/v3", headers={"host": host}, server=(server, 8000)).status == 421, host


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_route_is_open_to_other_names(named: Any, path: str, method: str) -> None:
    assert ask(named, path, method, {"host": "evil.example"}, server=("127.0.0.1", 8000)).status == 421


@pytest.mark.parametrize("server", ELSEWHERE, ids=str)
@pytest.mark.parametrize("host", ["evil.example", "localhost"])
def test_other_addresses_answer_to_every_name(named: Any, server: tuple[str, int | None] | None, host: str) -> None:
    assert ask(named, "/zarr/v3", headers={"host": host}, server=server).status == 200


def test_one_of_two_names_is_not_enough(named: Any) -> None:
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert ask(named, "/zarr/v3", headers=headers, server=("127.0.0.1", 8000)).status == 421


def test_no_name_is_no_browser(named: Any) -> None:
    assert ask(named, "/zarr/v3", server=("127.0.0.1", 8000)).status == 200


def test_all_names(make: Callable[..., Any]) -> None:
    assert ask(make(allowed_hosts=("*",)), "/zarr/v3", headers={"host": "evil.example"}, server=("127.0.0.1", 8000)).status == 200


def test_the_refusal_says_what_to_set(named: Any) -> None:
    answer = ask(named, "/zarr/v3", headers={"host": "Here.example:8000"}, server=("127.0.0.1", 8000))
    assert b"TILED_ZARR_ALLOWED_HOSTS=here.example" in answer.body
    assert b"--allowed-hosts here.example" in answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("text/plain")
