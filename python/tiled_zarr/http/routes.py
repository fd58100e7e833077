"""Which part of the server answers which path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .middleware.metrics import Metrics
from .protocol import failures, replies, requests
from .protocol.replies import NO_SNIFFING, NO_STORE, Reply
from .protocol.requests import Request
from .work.work import Gone, Work

MOST_CHARACTERS = 8192
"""Of a path with its query; nginx takes as many of a request line."""
MOST_PARTS = 512
"""Of a path: a tree without an end is walked no deeper."""
TOO_LONG = replies.text(414, f"a path may have {MOST_PARTS} parts and, with its query, {MOST_CHARACTERS} characters")

KeyEndpoint: TypeAlias = Callable[[str, Scope, Receive, Send], Awaitable[None]]

PROMETHEUS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Routes:
    """ASGI application: paths below a prefix of two parts (`zarr/v3`) go to its endpoint, with the rest as key; all others to `rest`."""

    def __init__(self, endpoints: Mapping[str, KeyEndpoint], rest: ASGIApp) -> None:
        self.endpoints = endpoints
        self.rest = rest

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["method"] not in {"GET", "HEAD"}:
            return replies.NOT_ALLOWED.send(scope["method"], send)
        path = requests.path_of(scope)
        length = len(path) + len(scope["query_string"])
        if length > MOST_PARTS and (length > MOST_CHARACTERS or path.count("/") > MOST_PARTS):
            return TOO_LONG.send(scope["method"], send)
        first, second, key = split(path)
        endpoint = self.endpoints.get(f"{first}/{second}")
        if endpoint is not None:
            return endpoint(key, scope, receive, send)
        return self.rest({**scope, "path": path, "root_path": "", "app_root_path": scope.get("root_path", "")}, receive, send)


def split(path: str) -> tuple[str, str, str]:
    """The first two parts of a path, and the rest.

    >>> split("/zarr/v3/a/b/zarr.json"), split("/zarr/v3"), split("/")
    (('zarr', 'v3', 'a/b/zarr.json'), ('zarr', 'v3', ''), ('', '', ''))
    """
    first, _, rest = path.removeprefix("/").partition("/")
    second, _, key = rest.partition("/")
    return first, second, key


class Page:
    """ASGI application of one page: a function from request to reply, run in a thread. `source` tells whom the page of a path asks."""

    def __init__(self, answer: Callable[[Request], Reply], work: Work, source: Callable[[str], str]) -> None:
        self.answer = answer
        self.work = work
        self.source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = requests.request_for("", scope)
        try:
            find = partial(self.source, scope.get("path_params", {}).get("path", ""))
            reply = await self.work.run(partial(self.answer, request), receive, find)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            reply = failures.reply_to(error, scope["path"])
        await reply.send(request.method, send)


class Ready:
    """ASGI application that asks all threads whether they work."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._asking: asyncio.Future[str | None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI application
        """Answer one request, together with all that come until then."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self.work.ready())
        trouble = await asyncio.shield(self._asking)
        await replies.text(*((200, "ready") if trouble is None else (503, trouble))).send(scope["method"], send)


class Fixed:
    """ASGI application of one small reply that cannot block."""

    def __init__(self, answer: Callable[[], Reply]) -> None:
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI application
        """Answer one request."""
        await self.answer().send(scope["method"], send)


def pages(answers: Mapping[str, Callable[[Request], Reply]], metrics: Metrics, work: Work, source: Callable[[str], str]) -> ASGIApp:
    """Everything beside the data: pages, which are made by `answers`, liveness, readiness, metrics; 404 for the rest."""
    routes = [
        *(Route(path, Page(answer, work, source)) for path, answer in answers.items()),
        Route("/healthz", Fixed(lambda: replies.text(200, "ok"))),
        Route("/readyz", Ready(work)),
        Route("/metrics", Fixed(lambda: Reply(200, (PROMETHEUS, NO_STORE, NO_SNIFFING), metrics.text().encode()))),
    ]
    application = Starlette(routes=routes)
    application.router.redirect_slashes = False
    application.router.default = Fixed(lambda: replies.NOT_FOUND)
    return application
