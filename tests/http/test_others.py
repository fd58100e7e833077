from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from asgi import ask, scope_of
from tiled_zarr.http.others import Page
from tiled_zarr.http.protocol.replies import Reply
from tiled_zarr.http.work.threads import Gone


def test_health(app: Any) -> None:
    answer = ask(app, "/healthz")
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"ok\n", "no-store")


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/zarr/v3/zarr.json"])
def test_head_has_no_body(app: Any, path: str) -> None:
    got, head = ask(app, path), ask(app, path, "HEAD")
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("path", ["/zarr/v3/zarr.json", "/zarr/v3", "/", "/metrics"])
def test_below_a_root_path(app: Any, path: str) -> None:
    assert ask(app, f"/data{path}", root_path="/data").status == 200
    assert ask(app, path, root_path="/data").status == 200


def test_a_client_that_has_gone_gets_nothing() -> None:
    class Threads:
        async def run(self, make: Any, receive: Any, find: Any) -> Reply:
            raise Gone

    sent: list[Any] = []
    page = Page(lambda request: Reply(200), SimpleNamespace(threads=Threads()), str)  # type: ignore[arg-type]
    asyncio.run(page(scope_of("/"), None, sent.append))  # type: ignore[arg-type]
    assert sent == []
