"""What a proxy answers when Tiled refuses, fails or cannot be reached: a server that does so plays Tiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from tests.tiled.proxying import TestClient, stopped

from asgi import ask
from tiled_zarr.app import create_app
from tiled_zarr.resources import Resources
from tiled_zarr.settings import Settings
from tiled_zarr.tiled.proxy.remote import Remote, pooled
from tiled_zarr.tiled.proxy.serving import proxy
from tiled_zarr.tiled.proxy.view import Trust

VALUES = np.arange(6, dtype="<f8")
KIND = {"endianness": "little", "kind": "f", "itemsize": 8}
STRUCTURE = {"shape": [6], "chunks": [[6]], "dims": None, "resizable": False, "data_type": KIND}
ARRAY = {"id": "a", "attributes": {"structure_family": "array", "structure": STRUCTURE, "metadata": {}, "specs": []}}
ROOT = {"id": "", "attributes": {"structure_family": "container", "structure": {"count": 1}, "metadata": {}, "specs": []}}
Handler = Callable[[httpx.Request], httpx.Response]


def tiled(request: httpx.Request) -> httpx.Response:
    """A server with one array."""
    path = request.url.path.removeprefix("/api/v1/")
    if path == "array/block/a" and request.url.params.get("block") == "0,0":
        return httpx.Response(422, json={"detail": "Block parameter must have 1 comma-separated parameters"})
    return {
        "metadata/": lambda: httpx.Response(200, json={"data": ROOT}),
        "metadata/a": lambda: httpx.Response(200, json={"data": ARRAY}),
        "search/": lambda: httpx.Response(200, json={"data": [ARRAY], "meta": {"count": 1}, "links": {"next": None}}),
        "array/block/a": lambda: httpx.Response(200, content=VALUES.tobytes()),
    }.get(path, lambda: httpx.Response(404, json={"detail": "No such entry"}))()


@contextmanager
def behind(handler: Handler, key: str | None = "k") -> Iterator[Any]:
    """A client of a proxy in front of such a server."""
    resources = Resources.of()
    with httpx.Client(transport=httpx.MockTransport(handler)) as client:
        made = proxy(Remote("http://tiled.test/api/v1", client), (), key, Trust(), resources)
        app = create_app(made.root, Settings(public=True if key else None), resources=resources, identify=made.identify)
        with TestClient(app, base_url="http://127.0.0.1") as ours:
            yield ours


def on(path: str, answer: Callable[[], httpx.Response], block: str = "0") -> Handler:
    """The server, which answers a request for a path otherwise."""

    def handled(request: httpx.Request) -> httpx.Response:
        is_it = request.url.path == f"/api/v1/{path}" and request.url.params.get("block", block) == block
        return answer() if is_it else tiled(request)

    return handled


def fails(error: type[httpx.TransportError]) -> Callable[[], httpx.Response]:
    def failing() -> httpx.Response:
        raise error("no route")

    return failing


def test_a_server_that_works_is_served() -> None:
    with behind(tiled) as ours:
        answer = ours.get("/zarr/v3/a/c/0")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("theirs", "status", "said"),
    [
        (410, 500, "answered 410: gone"),
        (422, 422, "Tiled cannot serve it: gone"),
        (429, 503, "answered 429: gone"),
        (500, 500, "answered 500: gone"),
        (502, 503, "answered 502: gone"),
        (503, 503, "answered 503: gone"),
        (401, 500, "the key of this proxy is not valid"),
        (403, 403, "Tiled refuses: gone"),
    ],
)
def test_the_status_of_values_is_passed_on(theirs: int, status: int, said: str) -> None:
    with behind(on("array/block/a", lambda: httpx.Response(theirs, json={"detail": "gone"}, headers={"retry-after": "1"}))) as ours:
        answer = ours.get("/zarr/v3/a/c/0")
        assert (answer.status_code, said in answer.text) == (status, True)
        assert ("retry-after" in answer.headers) is (status == 503)
        assert ours.get("/zarr/v3/a/zarr.json").status_code == 200


def test_a_key_that_stops_while_values_are_read_is_401_for_its_caller() -> None:
    with behind(on("array/block/a", lambda: httpx.Response(401, json={"detail": "gone"})), key=None) as ours:
        answer = ours.get("/zarr/v3/a/c/0", headers={"authorization": "Apikey k"})
    assert (answer.status_code, "Tiled asks for a valid key or token: gone" in answer.text) == (401, True)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.PoolTimeout])
@pytest.mark.parametrize("path", ["array/block/a", "metadata/a", "search/"])
def test_a_server_that_cannot_be_reached_is_503(error: type[httpx.TransportError], path: str) -> None:
    with behind(on(path, fails(error))) as ours:
        answer = ours.get("/zarr/v3/zarr.json" if path == "search/" else "/zarr/v3/a/c/0")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert "Tiled" in answer.text


@pytest.mark.parametrize("error", [httpx.RemoteProtocolError, httpx.ReadError])
def test_a_connection_that_the_server_has_just_closed_is_no_failure(error: type[httpx.TransportError]) -> None:
    dropped = [error("disconnected") for _ in range(3)]

    def dropping(request: httpx.Request) -> httpx.Response:
        if dropped and not dropping.was_dropped:
            dropping.was_dropped = True
            raise dropped.pop()
        dropping.was_dropped = False
        return tiled(request)

    dropping.was_dropped = False
    with behind(dropping) as ours:
        assert ours.get("/zarr/v3/a/c/0").status_code == 200
    assert dropped == []


def test_a_sequence_of_many_files_is_asked_for_them_once() -> None:
    asked = []
    source = {"id": 1, "management": "immutable", "assets": [{"data_uri": f"file:///{number}.tif"} for number in range(101)]}

    def noting(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/v1/metadata/a":
            return tiled(request)
        asked.append("include_data_sources" in request.url.params)
        sources = {"data_sources": [source]} if asked[-1] else {}
        return httpx.Response(200, json={"data": {**ARRAY, "attributes": {**ARRAY["attributes"], **sources}}})

    with stopped() as clock, behind(noting) as ours:
        tags = []
        for _ in range(3):
            tags.append(ours.get("/zarr/v3/a/c/0").headers["etag"])
            clock.now += 6
    assert asked == [True, False, False]
    assert len(set(tags)) == 1


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout])
def test_nobody_is_let_in_while_tiled_cannot_say_who_they_are(error: type[httpx.TransportError]) -> None:
    with behind(on("metadata/", fails(error)), key=None) as ours:
        for headers in ({}, {"authorization": "Apikey k"}):
            answer = ours.get("/zarr/v3/a/c/0", headers=headers)
            assert (answer.status_code, "Tiled at tiled.test" in answer.text) == (503, True)


@pytest.mark.parametrize("theirs", [500, 502, 503])
def test_a_right_that_tiled_cannot_tell_is_none(theirs: int) -> None:
    """The look asks for a block with an axis too many; only 4xx says that the caller may read."""
    with behind(on("array/block/a", lambda: httpx.Response(theirs), block="0,0")) as ours:
        assert ours.get("/zarr/v3/a/c/0").status_code in {500, 503}


def test_a_block_of_another_length_is_no_block() -> None:
    with behind(on("array/block/a", lambda: httpx.Response(200, content=VALUES.tobytes()[:-8]))) as ours:
        answer = ours.get("/zarr/v3/a/c/0")
    assert (answer.status_code, "sent 40 bytes for a block of 48" in answer.text) == (500, True)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": {"id": "a", "attributes": {}}}', b'{"data": null}'])
def test_a_document_that_is_none_of_tileds_is_500(body: bytes) -> None:
    with behind(on("metadata/a", lambda: httpx.Response(200, content=body))) as ours:
        answer = ours.get("/zarr/v3/a/zarr.json")
    assert answer.status_code == 500


def test_values_of_an_array_that_has_changed_are_read_from_its_new_node() -> None:
    """Tiled refuses the old shape; a new look finds the new one."""
    grown = {**ARRAY, "attributes": {**ARRAY["attributes"], "structure": {**STRUCTURE, "shape": [8], "chunks": [[8]]}}}
    is_grown = []

    def growing(request: httpx.Request) -> httpx.Response:
        path, params = request.url.path.removeprefix("/api/v1/"), request.url.params
        if is_grown and path == "metadata/a":
            return httpx.Response(200, json={"data": grown})
        if is_grown and path == "array/block/a" and params["block"] == "0":
            wrong = params.get("expected_shape") != "8"
            return httpx.Response(422, json={"detail": "shape"}) if wrong else httpx.Response(200, content=np.arange(8.0).tobytes())
        return tiled(request)

    with behind(growing) as ours:
        assert ours.get("/zarr/v3/a/zarr.json").json()["shape"] == [6]
        is_grown.append(True)
        assert ours.get("/zarr/v3/a/c/0").status_code == 200
        assert ours.get("/zarr/v3/a/zarr.json").json()["shape"] == [8]


@pytest.mark.parametrize("name", ["..", ".", "~2e~2e", "a%2f..%2fa"])
def test_names_that_mean_another_path_are_asked_of_nobody(name: str) -> None:
    asked = []

    def noting(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return tiled(request)

    with behind(noting) as ours:
        assert ask(ours.app, f"/zarr/v3/{name}/zarr.json", headers={"host": "127.0.0.1"}).status == 404
    assert not [path for path in asked if ".." in path]


def test_the_pool_of_connections_is_bounded_and_keeps_no_cookies() -> None:
    with pooled(5.0, 7.0) as client:
        assert client.timeout.pool == 7.0
        assert client.timeout.read == 5.0
        client.cookies.extract_cookies(
            httpx.Response(200, headers={"set-cookie": "tiled_api_key=k"}, request=httpx.Request("GET", "http://t.test/"))
        )
        assert list(client.cookies.jar) == []
