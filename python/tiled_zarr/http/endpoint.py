"""Answers requests for the keys of a Zarr hierarchy: find the node, plan the answer, reply.

The event loop makes a plan, a value that says which work is left:

- a `Reply`: no work. An earlier request made it, or making it takes microseconds.
- `Compute(chunk, revision, identity)`: encode the chunk. Its recipe says which thread does so.
- `Block(resume)`: a step that reads disk or network. A thread continues from `resume`: the group
  at which the walk stopped with the rest of the key, or the document or listing that it names.

So each request is decided once, and the thread repeats no step of the event loop. Only if the data
change while they are read (`Changed`) does a request start again at the root, once; after that it
is a 503.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from ..caches.cost import Cache
from ..caches.forgetful import Forgetful
from ..clocks import CURRENT, Clock
from ..encoding import encode
from ..hierarchy.documents import Rendered
from ..hierarchy.keyspace import Chunk, Document, KeySpace, Listing, Named, Reached, Waiting
from ..nodes import Changed
from .protocol import etags, failures, replies, requests
from .protocol.replies import NO_CACHE, NO_SNIFFING, Headers, Reply
from .protocol.requests import Request
from .site import listing
from .work import threads
from .work.threads import Gone, Threads, unless_gone
from .work.work import Work

MOST_CHARACTERS = 8192
"""Characters in a path with its query, at most; nginx allows as many in a request line."""
MOST_PARTS = 512
"""Parts of a path, at most: this limits the walk down a tree that has no end."""
TOO_LONG = replies.text(414, f"a path may have {MOST_PARTS} parts and, with its query, {MOST_CHARACTERS} characters")

MOST_KNOWN = 8192
"""Keys whose replies we remember. When it is full we forget all: finding them again is cheap."""

RANGES = (b"accept-ranges", b"bytes")
CHUNK_HEADERS: Headers = ((b"content-type", b"application/octet-stream"), RANGES, NO_SNIFFING)
DOCUMENT_HEADERS: Headers = ((b"content-type", b"application/json"), RANGES, NO_SNIFFING)

T = TypeVar("T")
KeyEndpoint: TypeAlias = Callable[[str, Scope, Receive, Send], Awaitable[None]]


class Compute(NamedTuple):
    """The body of a chunk has to be encoded from the data of `revision`.

    `identity` is the body's key in the cache. Both are None if the data have no revision.
    """

    request: Request
    chunk: Chunk
    revision: str | None
    identity: str | None


class Block(NamedTuple):
    """A thread has to continue from `resume`, since the next step reads disk or network."""

    request: Request
    resume: Reached | Waiting | Document | Listing


Plan: TypeAlias = Reply | Compute | Block
"""What is left to do for a request; a `Reply` is ready to be sent."""
TRIES = ("first", "again")
"""The attempts at one request; the second follows if the data change during the first."""


class Known(NamedTuple):
    """A reply to a plain GET of a chunk, and the values that tell whether it is still valid.

    `headers` has no Content-Length; the body is in the cache, under `identity`.
    """

    chunk: Chunk
    revision: str
    identity: str
    headers: Headers


class Routes:
    """ASGI application that calls the endpoint of the first two parts of a path (`zarr/v3`).

    The endpoint gets the rest of the path as the key. Requests for other paths go to `rest`.
    """

    def __init__(self, endpoints: Mapping[str, KeyEndpoint], rest: ASGIApp) -> None:
        self.endpoints = endpoints
        self.rest = rest

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["method"] not in {"GET", "HEAD"}:
            return replies.NOT_ALLOWED.send(scope["method"], send)
        path: str = scope["path"]
        if "//" in path or scope.get("root_path"):
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


def timed(make: Callable[[], T]) -> T:
    """What `make` returns; as it opens files, the clock of this thread counts it as reading."""
    clock = CURRENT.get()
    return make() if clock is None else clock.reading(make)


class Endpoint:
    """Answers GET and HEAD of the keys and groups of one key space.

    Clients keep a reply whose data have a revision for `max_age` seconds; if `public`, so do shared
    caches.
    """

    def __init__(self, keys: KeySpace, cache: Cache[bytes], work: Work, *, max_age: int, public: bool) -> None:
        self.keys = keys
        self.cache = cache
        self.work = work
        keep = (b"cache-control", b"%s, max-age=%d" % (b"public" if public else b"private", max_age))
        self.kept_chunk, self.kept_document = (keep, *CHUNK_HEADERS), (keep, *DOCUMENT_HEADERS)
        self.live_chunk, self.live_document = (NO_CACHE, *CHUNK_HEADERS), (NO_CACHE, *DOCUMENT_HEADERS)
        self._known: Forgetful[str, Known] = Forgetful(MOST_KNOWN)

    async def __call__(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a key."""
        try:
            match self.plan(key, scope):
                case Reply() as reply:
                    pass
                case Compute() as plan:
                    reply = await self.computed(plan, receive)
                case Block() as plan:
                    reply = await self.continued(plan, self.work.threads, receive, partial(self.keys.source, key))
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            reply = failures.reply_to(error, scope["path"])
        await reply.send(scope["method"], send)

    def plan(self, key: str, scope: Scope) -> Plan:
        """What is left to do for a request. Never blocks; raises what opening a node raises.

        If the data change during both attempts, the plan is a 503.
        """
        for _ in TRIES:
            try:
                found = self.keys.find(key)
                return self.repeated(found, key, scope) or self.planned(found, Request(key, scope["method"], dict(scope["headers"]), scope))
            except Changed:
                continue
        return replies.CHANGING

    def repeated(self, found: Named | Waiting, key: str, scope: Scope) -> Reply | None:
        """The same reply as to an earlier plain GET of this chunk, if it is still valid.

        It is valid if the key names the same chunk of the same revision, the cache still has the
        body, and this too is a plain GET. None if not.
        """
        known = self._known.get(key)
        if known is None or known.chunk is not found or not requests.is_plain(scope) or known.chunk.revision() != known.revision:
            return None
        body = self.cache.peek(known.identity)
        return None if body is None else Reply(200, known.headers, body)

    def planned(self, found: Named | Waiting, request: Request) -> Plan:
        """What is left to do for what a key names; 404 or 410 if it names nothing.

        Never blocks; raises Changed, and what the node raises.
        """
        match found:
            case Chunk():
                return self.chunk(found, request)
            case Document():
                return self.document(found, request)
            case Listing() | Waiting():
                return Block(request, found)
            case None:
                return replies.GONE if self.keys.is_gone(request.key) else replies.NOT_FOUND

    def chunk(self, chunk: Chunk, request: Request) -> Reply | Compute:
        """The plan for a chunk.

        If it has a revision, its entity tag is known before any work, and the cache keeps its body.
        """
        revision = chunk.revision()
        if revision is None:
            return self.begun(Compute(request, chunk, None, None))
        identity = chunk.identity(revision)
        etag = etags.of_text(identity)
        unmodified = replies.unmodified(request, etag, self.kept_chunk)
        if unmodified is not None:
            return unmodified
        body = self.cache.peek(identity)
        if body is None:
            return self.begun(Compute(request, chunk, revision, identity))
        self._known[request.key] = Known(chunk, revision, identity, (*self.kept_chunk, (b"etag", etag)))
        return replies.whole_or_part(request, etag, self.kept_chunk, body)

    def begun(self, plan: Compute) -> Reply | Compute:
        """The plan for a chunk whose body is not in the cache.

        The event loop encodes it at once if that takes less time than handing it to a thread.
        """
        way = plan.chunk.recipe.way
        if way == "loop" or (way == "index" and encode.is_index_built(plan.chunk, self.keys.resources)):
            clock = plan.request.scope.get(requests.CLOCK)
            return self.made(plan, self.encoded) if clock is None else clock.measuring(self.made, plan, self.encoded)
        return plan

    async def computed(self, plan: Compute, receive: Receive) -> Reply:
        """The reply with a chunk encoded by a thread: a native one if possible, else a Python one.

        If the data change while a native thread encodes the chunk, a Python thread starts again at
        the root. Raises Gone if the client disconnects first.
        """
        request, chunk, revision, identity = plan
        work, recipe = self.work, chunk.recipe
        if recipe.way == "source":
            return await self.continued(plan, work.threads, receive, lambda: recipe.source)
        start: Compute | Block = plan
        encoding = work.encoders.submit(chunk, revision, identity, request.scope.get(requests.CLOCK))
        if encoding is not None:
            with suppress(Changed):
                return self.with_body(request, identity, await unless_gone(encoding, receive))
            start = Block(request, self.keys.start(request.key))
        return await self.continued(start, work.processors, receive, lambda: recipe.source)

    async def continued(self, plan: Compute | Block, pool: Threads, receive: Receive, find: Callable[[], str]) -> Reply:
        """The reply, continued by a thread of `pool`; its times go into the metrics.

        Raises Gone if the client disconnects first.
        """
        clock = plan.request.scope.get(requests.CLOCK) or Clock()
        try:
            return await pool.run(partial(self.answer, plan), receive, find, clock)
        finally:
            self.work.times.note(clock)

    def answer(self, plan: Compute | Block) -> Reply:
        """The reply, continued from where the event loop stopped. Blocks.

        If the data change meanwhile, we start again at the root, once; if they change again, we
        reply 503.
        """
        for _ in TRIES:
            try:
                return self.done(plan)
            except Changed:
                plan = Block(plan.request, self.keys.start(plan.request.key))
        return replies.CHANGING

    def done(self, plan: Plan) -> Reply:
        """The reply that a plan leads to. Blocks; raises Changed, and what the source raises."""
        match plan:
            case Reply():
                return plan
            case Compute():
                return self.made(plan, self.weighed)
            case Block(request, resume):
                return self.resumed(request, resume)

    def resumed(self, request: Request, resume: Reached | Waiting | Document | Listing) -> Reply:
        """The reply, continued from the step at which the plan stopped.

        Blocks; raises Changed, and what the source raises.
        """
        match resume:
            case Document():
                revision = resume.revision()
                return self.described(request, resume, revision, timed(resume.rendered))
            case Listing():
                return timed(partial(listing.reply, request, self.keys, resume.group))
            case Reached() | Waiting():
                return self.done(self.planned(timed(partial(self.keys.resumed, request.key, resume)), request))

    def made(self, plan: Compute, make: Callable[[Chunk, str | None], bytes]) -> Reply:
        """The reply with a chunk's body.

        If the chunk has an identity, the first request makes the body, and others wait for it.
        """
        request, chunk, revision, identity = plan
        body = make(chunk, None) if identity is None else self.cache.get(identity, partial(make, chunk, revision))
        return self.with_body(request, identity, body)

    def weighed(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, encoded now, after taking its decoded bytes out of the budget.

        Blocks; raises Changed, and TooLarge or Busy if the budget does not have the bytes.
        """
        budget, weight = self.work.budget, chunk.weight
        threads.take(budget, weight)
        try:
            return self.encoded(chunk, revision)
        finally:
            budget.give_back(weight)

    def encoded(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, encoded now. Raises Changed if its revision is then not `revision`."""
        body = encode.encode(chunk, self.keys.resources)
        if chunk.revision() != revision:
            raise Changed
        return body

    def with_body(self, request: Request, identity: str | None, body: bytes) -> Reply:
        """The reply with a chunk's body; without an identity, the tag is a digest of the body."""
        if identity is None:
            return replies.of_content(request, self.live_chunk, body)
        return replies.whole_or_part(request, etags.of_text(identity), self.kept_chunk, body)

    def document(self, document: Document, request: Request) -> Reply | Block:
        """The plan for a metadata document.

        Rendering one may open files; then a thread does it. Raises Changed.
        """
        revision = document.revision()
        rendered = document.at_hand()
        return Block(request, document) if rendered is None else self.described(request, document, revision, rendered)

    def described(self, request: Request, document: Document, revision: str | None, rendered: Rendered) -> Reply:
        """The reply with a document that was rendered at `revision`; 404 if the document is absent.

        Raises Changed if that is no longer the revision.
        """
        if document.revision() != revision:
            raise Changed
        if rendered.body is None:
            return replies.NOT_FOUND
        headers = self.live_document if revision is None else self.kept_document
        return replies.tagged(request, etags.of_digest(rendered.digest), headers, rendered.body)
