"""Long listings are sent in pieces, with their exact length; one that ends early is no list."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi import ask, asked, scope_of
from live import live
from tiled_zarr import Group
from tiled_zarr.http.protocol import replies
from tiled_zarr.nodes import Node

pytestmark = pytest.mark.unmeasured

JSON = {"accept": "application/json"}


class Names(dict[str, Node]):
    """So many empty groups, made when they are looked up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __getitem__(self, name: str) -> Node:
        return Group(children={})

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return (f"a_file_with_a_name_{position:06}" for position in range(self.number))

    def __len__(self) -> int:
        return self.number


@pytest.mark.parametrize("headers", [{}, JSON], ids=["HTML", "JSON"])
@pytest.mark.parametrize("number", [1, 100, 250, 3000, 20_000])
def test_a_list_has_its_length_however_it_is_sent(make: Callable[..., Any], headers: dict[str, str], number: int) -> None:
    app = make(Group(children=Names(number)), consolidated_nodes=50)
    got, head = ask(app, "/zarr/v3/", headers=headers), ask(app, "/zarr/v3/", "HEAD", headers=headers)
    assert got.headers["content-length"] == str(len(got.body))
    assert (head.status, head.headers, head.body) == (200, got.headers, b"")
    assert all(f'"a_file_with_a_name_{position:06}'.encode() in got.body for position in (0, number // 2, number - 1))
    assert all(type(message["body"]) is bytes and len(message["body"]) <= 2 * replies.PIECE + 200 for message in got.messages[1:])
    assert ask(app, "/zarr/v3/", headers={**headers, "if-none-match": got.headers["etag"]}).status == 304
    part = ask(app, "/zarr/v3/", headers={**headers, "range": "bytes=-30"})
    assert (part.status, part.body) == (206, got.body[-30:])


def test_a_list_that_changes_while_it_is_sent_is_the_one_of_the_start(make: Callable[..., Any]) -> None:
    children = Names(5000)
    app = make(Group(children=children), consolidated_nodes=50)
    before = ask(app, "/zarr/v3/").body

    async def changing() -> bytes:
        found = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            children.number = 10
            found.append(message.get("body", b""))

        await app(scope_of("/zarr/v3/"), receive, send)
        return b"".join(found)

    assert asyncio.run(changing()) == before


def test_others_are_answered_while_a_list_is_sent(make: Callable[..., Any]) -> None:
    app = make(Group(children=Names(5000)), consolidated_nodes=50)
    pieces_before: list[int] = []

    async def both() -> int:
        pieces = 0

        async def other() -> None:
            await asked(app, "/healthz")
            pieces_before.append(pieces)

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            nonlocal pieces, others
            pieces += 1
            others = others or asyncio.ensure_future(other())

        others: asyncio.Future[None] | None = None
        await app(scope_of("/zarr/v3/"), receive, send)
        assert others
        await others
        return pieces

    pieces = asyncio.run(both())
    assert pieces_before[0] < pieces / 2


def test_a_long_list_takes_less_memory_than_four_times_its_bytes(make: Callable[..., Any]) -> None:
    """It took over seven times as much: 63 MB for 8.5 MB."""
    app = make(Group(children=Names(50_000)), consolidated_nodes=50)

    async def drained() -> int:
        length = 0

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            nonlocal length
            length += len(message.get("body", b""))

        await app(scope_of("/zarr/v3/"), receive, send)
        return length

    asyncio.run(drained())
    tracemalloc.start()
    try:
        length = asyncio.run(drained())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length > 3_000_000
    assert peak < 4 * length


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn", "granian"])
def test_what_ends_early_is_an_error_for_the_client(server: str) -> None:
    """Not a shorter list: the connection closes before Content-Length bytes have come."""
    env = {"PYTHONPATH": f"{Path(__file__).parents[2] / 'python'}:{Path(__file__).parent}"}
    with live(app="failing_stream:app", server=server, env=env) as started, httpx.Client(timeout=30) as client:
        assert client.get(f"{started.url}/healthz").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"{started.url}/names")
        assert client.head(f"{started.url}/names").headers["content-length"] == "100000"
