"""Asks Tiled who sends a request, with the credentials of the request itself.

One route of ours in Tiled's application has Tiled's own dependencies as parameters: it says who
they find (`Who`), or Tiled refuses. So every way to sign in that Tiled has works here, and is
checked by Tiled's code. The answer is kept for KEPT seconds for each credential.

Tiled reads a key from the query, the Authorization header and its cookie, in this order. A key in
the path (`/k/KEY`) and the password of Basic credentials are ours; Tiled gets them as a query.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, HTTPException, Request
from jwt import PyJWTError
from starlette.types import ASGIApp, Message, Scope
from tiled.server.authentication import (
    get_api_key,
    get_current_access_tags,
    get_current_principal,
    get_current_scopes,
    get_decoded_access_token,
    get_session_state,
)

from ...caches.recent import Recent
from ...http.middleware.callers import Caller
from ...http.protocol import keys, replies, requests
from ...http.protocol.replies import Reply
from .rights import KEPT, Who

PATH = "/api/v1/tiled-zarr/who"
ANSWER = "tiled_zarr.who"
"""The item of a scope with the list into which the route puts its answer."""
MOST_KEPT = 4096
"""Credentials whose answers are kept, at most."""


class Credentials(NamedTuple):
    """All of a request that tells Tiled who sends it."""

    api_keys: tuple[bytes, ...]
    authorization: bytes | None
    cookie: bytes | None


class Answer(NamedTuple):
    """The caller of a request, or the reply that refuses it, until a time of the monotonic clock."""

    until: float
    found: Caller | Reply


class Asker:
    """Asks `app`, an application of Tiled, and keeps what `settle` makes of its answers."""

    def __init__(self, app: FastAPI, settle: Callable[[Who], Awaitable[Caller | Reply]]) -> None:
        self.app = app
        self.settle = settle
        self._kept: Recent[Credentials, Answer] = Recent(MOST_KEPT)
        self._asking: dict[Credentials, asyncio.Future[Answer]] = {}
        app.add_api_route(PATH, tell, methods=["GET"], include_in_schema=False)

    async def identify(self, scope: Scope) -> Caller | Reply:
        """Who sends a request, asked at most KEPT seconds ago. Raises what Tiled raises."""
        credentials = of(scope)
        if credentials is None:
            return replies.UNAUTHORIZED
        kept = self._kept.peek(credentials)
        if kept is not None and time.monotonic() < kept.until:
            return kept.found
        return (await self._asked(credentials, scope)).found

    async def _asked(self, credentials: Credentials, scope: Scope) -> Answer:
        """The answer of Tiled. Requests that come meanwhile with the same credentials share it."""
        asking = self._asking.get(credentials)
        if asking is None:
            asking = self._asking[credentials] = asyncio.ensure_future(self._answer(credentials, scope))
            asking.add_done_callback(lambda _: self._asking.pop(credentials, None))
        return await asyncio.shield(asking)

    async def _answer(self, credentials: Credentials, scope: Scope) -> Answer:
        until = time.monotonic() + KEPT
        found = await ask(self.app, credentials, scope)
        answer = Answer(until, found if isinstance(found, Reply) else await self.settle(found))
        self._kept.keep(credentials, answer)
        return answer


async def signed_in(key: Annotated[Any, Depends(get_api_key)], token: Annotated[Any, Depends(get_decoded_access_token)]) -> bool:
    """Whether a request has credentials. Tiled refuses it if they are wrong."""
    return key is not None or token is not None


async def who(
    principal: Annotated[Any, Depends(get_current_principal)],
    tags: Annotated[Any, Depends(get_current_access_tags)],
    scopes: Annotated[Any, Depends(get_current_scopes)],
    state: Annotated[Any, Depends(get_session_state)],
    is_signed_in: Annotated[bool, Depends(signed_in)],
) -> Who:
    """Who sends a request, from Tiled's dependencies. They raise HTTPException if it is refused."""
    return Who(
        principal=principal,
        tags=None if tags is None else frozenset(tags),
        scopes=frozenset(getattr(scope, "value", scope) for scope in scopes),
        state=state or None,
        is_signed_in=is_signed_in,
    )


async def tell(request: Request, found: Annotated[Who, Depends(who)]) -> None:
    """The route in Tiled's application. It is 404 for those who ask over HTTP."""
    asked: list[Who] | None = request.scope.get(ANSWER)
    if asked is None:
        raise HTTPException(404)
    asked.append(found)


def of(scope: Scope) -> Credentials | None:
    """The credentials of a request; None if two keys that were chosen for it differ, or cannot be Tiled's."""
    authorization = cookie = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == b"cookie":
            cookie = next(iter(keys.in_cookie(value)), cookie)
    taken = keys.in_prefix(scope)
    in_query = tuple(requests.query_keys(scope))
    in_path = () if taken is None else (taken.encode(),)
    if in_path and any(key != in_path[0] for key in in_query):
        return None
    api_keys = in_path or in_query
    scheme, _, rest = (authorization or b"").strip().partition(b" ")
    if scheme.lower() == b"basic":
        authorization = None
        api_keys = api_keys or (() if cookie else tuple(keys.password(rest)))
    parts = () if authorization is None else authorization.split()
    if not keys.are_sendable((*api_keys, *parts, cookie or b"")):
        return None
    return Credentials(api_keys, authorization, cookie)


async def ask(app: ASGIApp, credentials: Credentials, scope: Scope) -> Who | Reply:
    """Who sends a request with these credentials, or the reply of ours that refuses it.

    Raises what Tiled raises if it cannot tell.
    """
    answers: list[Who] = []
    status = 500

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    try:
        await app(asking_scope(credentials, scope, answers), received(), send)
    except PyJWTError:  # Tiled raises this for a token that another than its identity provider has signed
        return replies.UNAUTHORIZED
    return answers[0] if answers else refusal(status)


def asking_scope(credentials: Credentials, scope: Scope, answers: list[Who]) -> Scope:
    """The scope of a request of ours for the route; the rest is that of the request before us."""
    api_keys, authorization, cookie = credentials
    headers = [(name, value) for name, value in scope["headers"] if name == b"host"]
    headers += [(b"authorization", authorization)] if authorization is not None else []
    headers += [(b"cookie", b"%s=%s" % (keys.COOKIE.encode(), cookie))] if cookie is not None else []
    root: str = scope.get("root_path", "")
    return {
        "type": "http",
        "asgi": scope.get("asgi", {"version": "3.0"}),
        "http_version": scope.get("http_version", "1.1"),
        "method": "GET",
        "scheme": scope.get("scheme", "http"),
        "server": scope.get("server"),
        "client": scope.get("client"),
        "root_path": root,
        "path": root + PATH,
        "raw_path": (root + PATH).encode(),
        "query_string": urlencode([(keys.QUERY, key) for key in api_keys]).encode(),
        "headers": headers or [(b"host", b"localhost")],
        ANSWER: answers,
    }


def received() -> Callable[[], Awaitable[Message]]:
    """A `receive` of a request without a body, whose client waits for the reply."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def refusal(status: int) -> Reply:
    """The reply for who Tiled has refused with a status: 400 is that of an unknown scheme."""
    if status in {400, 401}:
        return replies.UNAUTHORIZED
    if status == 403:
        return replies.text(403, "Tiled does not let you in with these credentials")
    return replies.text(503, "Tiled cannot tell who sends this request; ask again later", (b"retry-after", b"5"))
