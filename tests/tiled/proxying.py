"""A proxy in front of a Tiled server in the same process, whose requests are counted.

Tiled keeps one set of settings for a process, in which what an application does not say stays as
the last one has said it. So tests say whether anybody may read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tiled_zarr.app import create_app
from tiled_zarr.resources import Resources
from tiled_zarr.settings import Settings
from tiled_zarr.tiled.proxy import callers, children, told, trees
from tiled_zarr.tiled.proxy.remote import Remote, no_cookies
from tiled_zarr.tiled.proxy.serving import proxy
from tiled_zarr.tiled.proxy.view import Trust

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", UserWarning)
    from starlette.testclient import TestClient
    from tiled.client.context import Context  # it asks for a successor of httpx, which Tiled's own client does not have

API = "/api/v1/"
KEY = "secret"


@dataclass
class Behind:
    """A Tiled server, and the requests that it got: the routes with the paths of nodes."""

    app: Any
    requests: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.requests.append(scope["path"].removeprefix(API))
        await self.app(scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def counted(self) -> list[str]:
        """The requests since this was asked last."""
        found, self.requests[:] = sorted(self.requests), []
        return found


@dataclass
class Pair:
    """A Tiled server and a proxy in front of it, each with a client.

    `context` is that of Tiled's own client. `inner` is the client of the proxy.
    """

    behind: Behind
    context: Context
    tiled: httpx.Client
    ours: httpx.Client
    inner: httpx.Client

    def get(self, path: str, key: str | None = KEY, **headers: str) -> httpx.Response:
        """The proxy's answer to a request with a key."""
        given = {} if key is None else {"authorization": f"Apikey {key}"}
        return self.ours.get(path, headers={**given, **headers})


@contextmanager
def paired(app: Any, trust: Trust | None = None, key: str | None = None, settings: Mapping[str, Any] | None = None) -> Iterator[Pair]:
    """A proxy in front of a Tiled application; callers show their own credentials unless there is a `key`."""
    behind, resources = Behind(app), Resources.of()
    with Context.from_app(behind, raise_server_exceptions=False) as context:

        def client(**jar: Any) -> TestClient:
            made = TestClient(behind, base_url="http://tiled.test", raise_server_exceptions=False, **jar)
            made.portal = context.http_client.portal
            return made

        inner = client(cookies=no_cookies())
        made = proxy(Remote("http://tiled.test/api/v1", inner), (), key, trust or Trust(), resources)
        known = Settings(public=None if key is None else True, **(settings or {}))
        with TestClient(create_app(made.root, known, resources=resources, identify=made.identify), base_url="http://127.0.0.1") as ours:
            ours.follow_redirects = False
            behind.counted()
            yield Pair(behind, context, client(), ours, inner)


class Clock:
    """The time of all looks, which stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def stopped() -> Iterator[Clock]:
    """The clock that looks read meanwhile."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for module in (children, callers, trees):
            patch.setattr(module, "monotonic", clock)
        patch.setattr(told, "time", clock)
        yield clock
