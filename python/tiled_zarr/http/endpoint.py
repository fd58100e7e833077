"""Key spaces over HTTP: find what a key names, plan the answer once, wrap it in a reply.

The plan is a value, made in the event loop, that says what is left to do:

- a `Reply`: nothing. It was given before, or takes microseconds to make.
- `Compute(chunk, revision, identity)`: the body of a chunk. The chunk's recipe says who makes it.
- `Block(resume)`: a step that touches disk or network. A thread goes on from `resume`: the group that
  the walk has come to with the rest of the key, or the document or listing that the key names.

So a request takes one road, and nothing on it is decided twice. Only if the data change while they are
read (`Changed`) a request starts again at the root, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from ..caches.cost import Cache
from ..caches.forgetful import Forgetful
from ..encoding import encode
from ..hierarchy.documents import Rendered
from ..hierarchy.keyspace import Chunk, Document, KeySpace, Listing, Named, Reached, Waiting
from ..nodes import Changed
from .protocol import etags, failures, replies, requests
from .protocol.replies import NO_CACHE, NO_SNIFFING, Headers, Reply
from .protocol.requests import Request
from .site import listing
from .work import threads
from .work.threads import Gone, unless_gone
from .work.work import Work

MOST_CHARACTERS = 8192
"""Of a path with its query; nginx takes as many of a request line."""
MOST_PARTS = 512
"""Of a path: a tree without an end is walked no deeper."""
TOO_LONG = replies.text(414, f"a path may have {MOST_PARTS} parts and, with its query, {MOST_CHARACTERS} characters")

MOST_KNOWN = 8192
"""Keys whose replies are remembered; then all are forgotten, which costs no more than finding them again."""

RANGES = (b"accept-ranges", b"bytes")
OCTETS: Headers = ((b"content-type", b"application/octet-stream"), RANGES, NO_SNIFFING)
JSON: Headers = ((b"content-type", b"application/json"), RANGES, NO_SNIFFING)

KeyEndpoint: TypeAlias = Callable[[str, Scope, Receive, Send], Awaitable[None]]


class Compute(NamedTuple):
    """The body of a chunk has to be made, as it is at a revision; with one, `identity` names it in the cache."""

    request: Request
    chunk: Chunk
    revision: str | None
    identity: str | None


class Block(NamedTuple):
    """A thread has to go on from `resume`, since the next step touches disk or network."""

    request: Request
    resume: Reached | Waiting | Document | Listing


Plan: TypeAlias = Reply | Compute | Block
"""A reply that is ready is its own plan."""
TRIES = ("first", "again")
"""What is tried for a request while the data change."""


class Known(NamedTuple):
    """The reply to a plain GET of a chunk whose body is in the cache: headers except Content-Length, and what they depend on."""

    chunk: Chunk
    revision: str
    identity: str
    headers: Headers


class Routes:
    """ASGI application: paths below a prefix of two parts (`zarr/v3`) go to its endpoint, with the rest as key; all others to `rest`."""

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


class Endpoint:
    """Answers GET and HEAD of the keys and groups of one key space.

    `max_age` is how many seconds clients keep what has a revision; `public` lets shared caches keep it too.
    """

    def __init__(self, keys: KeySpace, cache: Cache[bytes], work: Work, *, max_age: int, public: bool) -> None:
        self.keys = keys
        self.cache = cache
        self.work = work
        keep = (b"cache-control", b"%s, max-age=%d" % (b"public" if public else b"private", max_age))
        self.kept_octets, self.kept_json = (keep, *OCTETS), (keep, *JSON)
        self.live_octets, self.live_json = (NO_CACHE, *OCTETS), (NO_CACHE, *JSON)
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
                    reply = await self.work.threads.run(partial(self.answer, plan), receive, partial(self.keys.source, key))
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            reply = failures.reply_to(error, scope["path"])
        await reply.send(scope["method"], send)

    def plan(self, key: str, scope: Scope) -> Plan:
        """What is to be done for a request. Never blocks; raises what opening a node raises."""
        for _ in TRIES:
            try:
                found = self.keys.find(key)
                return self.repeated(found, key, scope) or self.planned(found, Request(key, scope["method"], dict(scope["headers"]), scope))
            except Changed:
                continue
        return replies.CHANGING

    def repeated(self, found: Named | Waiting, key: str, scope: Scope) -> Reply | None:
        """The reply to a plain GET of a chunk that was given before, if all that it depends on is as it was then."""
        known = self._known.get(key)
        if known is None or known.chunk is not found or not requests.is_plain(scope) or known.chunk.revision() != known.revision:
            return None
        body = self.cache.peek(known.identity)
        return None if body is None else Reply(200, known.headers, body)

    def planned(self, found: Named | Waiting, request: Request) -> Plan:
        """What is to be done for what a key names. Never blocks; raises Changed, and what the node raises."""
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
        """The plan for a chunk. If it has a revision, its tag is known before any work, and its body is cached."""
        revision = chunk.revision()
        if revision is None:
            return self.begun(Compute(request, chunk, None, None))
        identity = chunk.identity(revision)
        etag = etags.of_text(identity)
        unmodified = replies.unmodified(request, etag, self.kept_octets)
        if unmodified is not None:
            return unmodified
        body = self.cache.peek(identity)
        if body is None:
            return self.begun(Compute(request, chunk, revision, identity))
        self._known[request.key] = Known(chunk, revision, identity, (*self.kept_octets, (b"etag", etag)))
        return replies.whole_or_part(request, etag, self.kept_octets, body)

    def begun(self, plan: Compute) -> Reply | Compute:
        """The plan for a chunk whose body is not there: the event loop makes it itself if that takes less than handing it over."""
        way = plan.chunk.recipe.way
        if way == "loop" or (way == "index" and encode.is_index_built(plan.chunk, self.keys.resources)):
            return self.made(plan, self.encoded)
        return plan

    async def computed(self, plan: Compute, receive: Receive) -> Reply:
        """The reply with a chunk that is made natively, if it can be, else in a thread."""
        request, chunk, revision, identity = plan
        work, recipe = self.work, chunk.recipe
        if recipe.way == "source":
            return await work.threads.run(partial(self.answer, plan), receive, lambda: recipe.source)
        start: Compute | Block = plan
        encoding = work.encoders.submit(chunk, revision, identity)
        if encoding is not None:
            with suppress(Changed):
                return self.with_body(request, identity, await unless_gone(encoding, receive))
            start = Block(request, self.keys.start(request.key))
        return await work.processors.run(partial(self.answer, start), receive, lambda: recipe.source)

    def answer(self, plan: Compute | Block) -> Reply:
        """The reply, from where the event loop has got to; from the root, once, if the data change meanwhile. Blocks."""
        for _ in TRIES:
            try:
                return self.done(plan)
            except Changed:
                plan = Block(plan.request, self.keys.start(plan.request.key))
        return replies.CHANGING

    def done(self, plan: Plan) -> Reply:
        """The reply that comes of a plan. Blocks; raises Changed, and what the source raises."""
        match plan:
            case Reply():
                return plan
            case Compute():
                return self.made(plan, self.weighed)
            case Block(request, resume):
                return self.resumed(request, resume)

    def resumed(self, request: Request, resume: Reached | Waiting | Document | Listing) -> Reply:
        """The reply, from where the plan had to stop. Blocks; raises Changed, and what the source raises."""
        match resume:
            case Document():
                revision = resume.revision()
                return self.described(request, resume, revision, resume.rendered())
            case Listing():
                return listing.reply(request, self.keys, resume.group)
            case Reached() | Waiting():
                return self.done(self.planned(self.keys.resumed(request.key, resume), request))

    def made(self, plan: Compute, make: Callable[[Chunk, str | None], bytes]) -> Reply:
        """The reply with a chunk's body, made by the first who asks for it."""
        request, chunk, revision, identity = plan
        body = make(chunk, None) if identity is None else self.cache.get(identity, partial(make, chunk, revision))
        return self.with_body(request, identity, body)

    def weighed(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, made now, within the budget of decoded bytes. Raises Changed."""
        budget, weight = self.work.budget, chunk.weight
        threads.take(budget, weight)
        try:
            return self.encoded(chunk, revision)
        finally:
            budget.give_back(weight)

    def encoded(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, made now. Raises Changed if its revision is then not what it was before."""
        body = encode.encode(chunk, self.keys.resources)
        if chunk.revision() != revision:
            raise Changed
        return body

    def with_body(self, request: Request, identity: str | None, body: bytes) -> Reply:
        """The reply with a chunk's body; without an identity, its tag is made of the body."""
        if identity is None:
            return replies.of_content(request, self.live_octets, body)
        return replies.whole_or_part(request, etags.of_text(identity), self.kept_octets, body)

    def document(self, document: Document, request: Request) -> Reply | Block:
        """The plan for a document: those of groups may open files."""
        revision = document.revision()
        rendered = document.at_hand()
        return Block(request, document) if rendered is None else self.described(request, document, revision, rendered)

    def described(self, request: Request, document: Document, revision: str | None, rendered: Rendered) -> Reply:
        """The reply with a document that was rendered at a revision. Raises Changed if that is out of date."""
        if document.revision() != revision:
            raise Changed
        if rendered.body is None:
            return replies.NOT_FOUND
        headers = self.live_json if revision is None else self.kept_json
        return replies.tagged(request, etags.of_digest(rendered.digest), headers, rendered.body)
