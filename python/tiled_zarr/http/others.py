"""All paths besides the data: pages, made in a thread, and small replies that never block.

The small replies are liveness (`/healthz`), readiness (`/readyz`) and metrics (`/metrics`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..hierarchy.keyspace import KeySpace
from .live.events import Events
from .middleware.metrics import Metrics
from .protocol import failures, replies, requests
from .protocol.replies import NO_SNIFFING, NO_STORE, Reply
from .protocol.requests import Request
from .site import errors
from .work.threads import Gone
from .work.work import Work

PROMETHEUS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Page:
    """ASGI application of one page, which a thread makes by calling `answer`.

    `source` returns the source that the page of a path reads, for the share of threads.
    """

    def __init__(self, answer: Callable[[Request], Reply], work: Work, source: Callable[[str], str]) -> None:
        self.answer = answer
        self.work = work
        self.source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = requests.request_for("", scope)
        try:
            find = partial(self.source, scope.get("path_params", {}).get("path", ""))
            reply = await self.work.threads.run(partial(self.answer, request), receive, find)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            reply = failures.reply_to(error, scope["path"])
        await errors.shown(reply, scope).send(request.method, send)


class Ready:
    """ASGI application that checks whether every pool of threads still does jobs."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._asking: asyncio.Future[str | None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI application
        """Answer one request; requests that arrive during a check share its result."""
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


async def absent(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI application
    """Answer a request for a path that there is not."""
    await errors.shown(replies.NOT_FOUND, scope).send(scope["method"], send)


def others(answers: Mapping[str, Callable[[Request], Reply]], metrics: Metrics, work: Work, pages: KeySpace, followed: KeySpace) -> ASGIApp:
    """The application of all these paths; `answers` makes the pages; other paths get 404.

    `pages` is the key space whose paths pages have, `followed` the one that clients follow.
    """
    routes = [
        *(Route(path, Page(answer, work, pages.source)) for path, answer in answers.items()),
        Route("/events/{path:path}", Events(followed, work)),
        Route("/healthz", Fixed(lambda: replies.text(200, "ok"))),
        Route("/readyz", Ready(work)),
        Route("/metrics", Fixed(lambda: Reply(200, (PROMETHEUS, NO_STORE, NO_SNIFFING), metrics.text().encode()))),
    ]
    application = Starlette(routes=routes)
    application.router.redirect_slashes = False
    application.router.default = absent
    return application
