"""Who asks a proxy: whoever holds the credentials that came with a request, as Tiled sees them.

We ask Tiled for the root of its tree with these credentials, and keep its answer for `Trust.look`
seconds. So a revoked key stops within that time, and Tiled alone decides who may see what. The
identity of a caller is a keyed hash of the credentials. These themselves are only in the headers of
the caller's `View`, which no log shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import blake2b
from time import monotonic
from typing import NamedTuple

from starlette.types import Scope

from ...caches.recent import Recent
from ...http.middleware.callers import Caller
from ...http.protocol import failures, keys, replies
from ...http.protocol.replies import Reply
from ...nodes import Forbidden, Unauthenticated
from ...revisions import launch_nonce
from .trees import Tree

MOST_CALLERS = 256
"""Credentials whose answer we keep, at most; a view takes some kB, and more once it is used."""
MOST_REFUSED = 1024
"""Refused credentials whose answer we keep, at most: so many guesses cost Tiled one request each."""
THREADS = 4
"""Threads that ask Tiled who somebody is; others wait."""
IDENTITY_BYTES = 16
APIKEY = "Apikey"
BEARER = "Bearer"
"""The scheme of tokens; Tiled tells a key from a token by the scheme."""


class Known(NamedTuple):
    """Tiled's answer for some credentials, and until when it is good."""

    answer: Caller | Reply
    until: float


class Callers:
    """Tells who sends a request, as `Identify` does.

    `plant(headers, tag)` makes the tree that a caller sees, without asking for anything.
    """

    def __init__(self, plant: Callable[[dict[str, str], str], Tree], look: float) -> None:
        self._plant = plant
        self._look = look
        self._trees: Recent[str, Tree] = Recent(MOST_CALLERS)
        self._known: Recent[str, Known] = Recent(MOST_CALLERS)
        self._refused: Recent[str, Known] = Recent(MOST_REFUSED)
        self._threads = ThreadPoolExecutor(THREADS, "tiled-callers")

    async def __call__(self, scope: Scope) -> Caller | Reply:
        """Who sends a request; else the reply to it."""
        answer: Caller | Reply = replies.UNAUTHORIZED
        for header in credentials(scope):
            answer = await self._answer(header)
            if isinstance(answer, Caller):
                break
        return answer

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, header: str) -> Caller | Reply:
        identity = identity_of(header)
        known = self._known.peek(identity) or self._refused.peek(identity)
        if known is not None and monotonic() <= known.until:
            return known.answer
        ask = partial(self._known.flights.of, identity, partial(self._asked, identity, header))
        return (await asyncio.get_running_loop().run_in_executor(self._threads, ask)).answer

    def _asked(self, identity: str, header: str) -> Known:
        """Tiled's answer for credentials, asked for now, and kept."""
        until = monotonic() + self._look
        tree = self._trees.peek(identity) or self._plant({"authorization": header} if header else {}, identity)
        try:
            tree.look()
        except (Forbidden, Unauthenticated) as error:
            for pool in (self._trees, self._known):
                pool.drop(identity)
            known = Known(failures.reply_to(error, "/"), until)
            self._refused.keep(identity, known)
            return known
        self._trees.keep(identity, tree)
        self._refused.drop(identity)
        known = Known(Caller(identity=identity, root=lambda: tree.group, is_public=not header, is_signed_in=bool(header)), until)
        self._known.keep(identity, known)
        return known


def credentials(scope: Scope) -> list[str]:
    """The Authorization headers that a request stands for, to be tried in turn: [""] if it has none.

    Those that a browser or a proxy added count only if the client chose none. None at all if the
    client chose several that contradict each other, or one that cannot be Tiled's.
    """
    chosen, added, *_ = keys.given(scope)
    in_path = keys.in_prefix(scope)
    distinct = {*chosen, *(() if in_path is None else (in_path.encode(),))}
    if len(distinct) > 1 or not keys.are_sendable((*distinct, *added)):
        return []
    found = [f"{BEARER if is_token(scope, key) else APIKEY} {key.decode('latin-1')}" for key in distinct or added]
    return list(dict.fromkeys(found)) or [""]


def is_token(scope: Scope, key: bytes) -> bool:
    """Whether the header names a key as the token of a session."""
    values = (value.strip().partition(b" ") for name, value in scope["headers"] if name == b"authorization")
    return any(scheme.lower() == BEARER.lower().encode() and token.strip() == key for scheme, _, token in values)


def identity_of(header: str) -> str:
    """A hash of credentials that means nothing outside this launch of the server."""
    return blake2b(header.encode("latin-1", "replace"), digest_size=IDENTITY_BYTES, key=launch_nonce().encode()[:64]).hexdigest()
