"""A proxy in front of a Tiled server in the same process, whose requests are counted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tiled_zarr.app import create_app
from tiled_zarr.resources import Resources
from tiled_zarr.settings import Settings
from tiled_zarr.tiled.proxy.remote import Remote, no_cookies
from tiled_zarr.tiled.proxy.serving import proxy
from tiled_zarr.tiled.proxy.view import Trust

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", UserWarning)
    from starlette.testclient import TestClient  # it asks for a successor of httpx, which Tiled's own client does not have

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

    def counted(self) -> list[str]:
        """The requests since this was asked last."""
        found, self.requests[:] = sorted(self.requests), []
        return found


@dataclass
class Pair:
    """A Tiled server and a proxy in front of it, each with a client; `inner` is the one of the proxy."""

    behind: Behind
    tiled: httpx.Client
    ours: httpx.Client
    inner: httpx.Client
    clock: Any = None

    def get(self, path: str, key: str | None = KEY, **headers: str) -> httpx.Response:
        """The proxy's answer to a request with a key."""
        given = {} if key is None else {"authorization": f"Apikey {key}"}
        return self.ours.get(path, headers={**given, **headers})


@contextmanager
def paired(app: Any, trust: Trust | None = None, key: str | None = None, settings: Mapping[str, Any] | None = None) -> Iterator[Pair]:
    """A proxy in front of a Tiled application; callers show their own credentials unless there is a `key`."""
    behind, resources = Behind(app), Resources.of()
    with TestClient(behind, base_url="http://tiled.test", raise_server_exceptions=False) as tiled:
        inner = TestClient(behind, base_url="http://tiled.test", raise_server_exceptions=False, cookies=no_cookies())
        inner.portal = tiled.portal
        made = proxy(Remote("http://tiled.test/api/v1", inner), (), key, trust or Trust(), resources)
        known = Settings(public=None if key is None else True, **(settings or {}))
        with TestClient(create_app(made.root, known, resources=resources, identify=made.identify), base_url="http://127.0.0.1") as ours:
            ours.follow_redirects = False
            yield Pair(behind, tiled, ours, inner)
