"""Answers requests for the keys of a Zarr hierarchy: find the node, plan the answer, reply.

The event loop makes a plan, a value that says which work is left:

- a `Reply`: no work. An earlier request made it, or making it takes microseconds.
- `Compute(chunk, revision, identity)`: encode the chunk. Its recipe says which thread does so.
- `Block(resume)`: a step that reads disk or network. A thread continues from `resume`: the group
  at which the walk stopped with the rest of the key, the document or listing that it names, the
  chunk whose store has to say whether it has changed, or the depth of a PROPFIND.

So each request is decided once, and the thread repeats no step of the event loop. Only if the data
change while they are read (`Changed`) does a request start again at the root, once; after that it
is a 503.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TypeAlias, TypeVar

from starlette.types import Receive, Scope, Send

from ..caches.cost import Cache
from ..caches.forgetful import Forgetful
from ..clocks import CURRENT, Clock
from ..encoding import encode
from ..hierarchy.documents import Rendered
from ..hierarchy.keyspace import Chunk, Document, KeySpace, Listing, Named, Seen
from ..hierarchy.steps import Reached, Waiting
from ..nodes import Changed
from ..views.frozen import Frozen
from .plans import Block, Compute, Known, Plan
from .propfind import Made, Propfind
from .protocol import codings, etags, failures, locations, multistatus, replies, requests
from .protocol.caching import Caching
from .protocol.multistatus import Depth
from .protocol.replies import NO_SNIFFING, Answer, Headers, Reply
from .protocol.requests import Request
from .site import listing
from .work import threads
from .work.threads import Gone, Threads, unless_gone
from .work.work import Work

MOST_KNOWN = 8192
"""Keys whose replies we remember. When it is full we forget all: finding them again is cheap."""

RANGES = (b"accept-ranges", b"bytes")
CHUNK_HEADERS: Headers = ((b"content-type", b"application/octet-stream"), RANGES, NO_SNIFFING)
DOCUMENT_HEADERS: Headers = ((b"content-type", b"application/json"), RANGES, NO_SNIFFING)

T = TypeVar("T")
Keys: TypeAlias = KeySpace | Frozen


TRIES = ("first", "again")
"""The attempts at one request; the second follows if the data change during the first."""


def timed(make: Callable[[], T]) -> T:
    """What `make` returns; as it opens files, the clock of this thread counts it as reading."""
    clock = CURRENT.get()
    return make() if clock is None else clock.reading(make)


class Endpoint:
    """Answers GET, HEAD and PROPFIND of the keys and listings of one key space.

    `caching` says how long clients and shared caches may keep the replies. `changing` is the reply
    if the data change during both attempts at a request.
    """

    def __init__(self, keys: Keys, cache: Cache[bytes], work: Work, caching: Caching, changing: Reply = replies.CHANGING) -> None:
        self.keys = keys
        self.changing = changing
        self.cache = cache
        self.work = work
        self.shared = keys.resources.shared
        self.is_replica = keys.config.is_replica
        live, kept, frozen = ((b"cache-control", value) for value in caching)
        self.live_chunk, self.kept_chunk, self.frozen_chunk = (live, *CHUNK_HEADERS), (kept, *CHUNK_HEADERS), (frozen, *CHUNK_HEADERS)
        self.live_document, self.kept_document = (live, *DOCUMENT_HEADERS), (kept, *DOCUMENT_HEADERS)
        self.frozen_document = (frozen, *DOCUMENT_HEADERS)
        self.propfind = Propfind(keys, cache, Made(self.fetched, self.tag, digest_of), work.budget.nbytes, changing)
        self._known: Forgetful[str, Known] = Forgetful(MOST_KNOWN)

    async def __call__(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a key."""
        try:
            reply: Answer | Compute
            match self.plan(key, scope):
                case Reply() as reply:
                    pass
                case Compute() as plan:
                    reply = plan if plan.chunk.recipe.begin else await self.computed(plan, receive)
                case Block() as plan:
                    if scope["method"] == "PROPFIND":
                        await requests.skip_body(receive)
                    reply = await self.continued(plan, self.work.threads, receive, partial(self.keys.source, key))
            if isinstance(reply, Compute):
                reply = await self.computed_elsewhere(reply, receive)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            reply = failures.reply_to(error, scope["path"])
        await reply.send(scope["method"], send)

    def plan(self, key: str, scope: Scope) -> Plan:
        """What is left to do for a request. Never blocks; raises what opening a node raises.

        If the data change during both attempts, the plan is the reply `changing`.
        """
        if scope["method"] == "PROPFIND":
            return self.listed(requests.request_for(key, scope))
        for _ in TRIES:
            try:
                found = self.keys.find(key)
                return self.repeated(found, key, scope) or self.planned(found, Request(key, scope["method"], dict(scope["headers"]), scope))
            except Changed:
                continue
        return self.changing

    def listed(self, request: Request) -> Reply | Block:
        """The plan for a PROPFIND."""
        depth = multistatus.depth(request.headers.get(b"depth"))
        return multistatus.NO_DEPTH if depth is None else Block(request, depth)

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
                is_fresh = found.recipe.look is None or found.recipe.look.is_fresh(found.region)
                return self.chunk(found, request) if is_fresh else Block(request, found)
            case Document():
                return self.document(found, request)
            case Listing() if requests.is_of_s3(request.headers):
                return replies.NOT_FOUND  # a bucket has objects alone: rclone would copy the listing as a file
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
        etag, headers = self.tag(chunk, revision, identity), self.frozen_chunk if chunk.recipe.is_frozen else self.kept_chunk
        unmodified = replies.unmodified(request, etag, headers)
        if unmodified is not None:
            return unmodified
        body = self.cache.peek(identity)
        if body is None:
            return self.begun(Compute(request, chunk, revision, identity))
        if chunk.recipe.look is None:  # a store's answer has to be fresh each time
            self._known[request.key] = Known(chunk, revision, identity, (*headers, (b"etag", etag)))
        return replies.whole_or_part(request, etag, headers, body)

    def begun(self, plan: Compute) -> Reply | Compute:
        """The plan for a chunk whose body is not in the cache.

        The event loop encodes it at once if that takes less time than handing it to a thread.
        """
        way = plan.chunk.recipe.way
        if way == "loop" or (way == "index" and encode.is_index_built(plan.chunk, self.keys.resources)):
            clock = plan.request.scope.get(requests.CLOCK)
            return self.made(plan, self.encoded) if clock is None else clock.measuring(self.made, plan, self.encoded)
        return plan

    async def computed_elsewhere(self, plan: Compute, receive: Receive) -> Answer:
        """The reply with a chunk whose block other processes compute.

        If the data change meanwhile, a thread starts again at the root, once. Raises Gone if the
        client disconnects first.
        """
        for _ in TRIES:
            request, chunk, revision, identity = plan
            body = self.work.elsewhere.submit(chunk, revision, identity, self.alone, request.scope.get(requests.CLOCK))
            try:
                return self.with_body(plan, await unless_gone(body, receive))
            except Changed:
                start = Block(request, self.keys.start(request.key))
            again = await self.continued(start, self.work.threads, receive, partial(self.keys.source, request.key))
            if not isinstance(again, Compute):
                return again
            plan = again
        return self.changing

    async def computed(self, plan: Compute, receive: Receive) -> Answer | Compute:
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
                return self.with_body(plan, await unless_gone(encoding, receive))
            start = Block(request, self.keys.start(request.key))
        return await self.continued(start, work.processors, receive, lambda: recipe.source)

    async def continued(self, plan: Compute | Block, pool: Threads, receive: Receive, find: Callable[[], str]) -> Answer | Compute:
        """The reply, continued by a thread of `pool`; its times go into the metrics.

        It is the plan for a chunk if other processes compute its block. Raises Gone if the client disconnects first.
        """
        clock, has_failed = plan.request.scope.get(requests.CLOCK) or Clock(), True
        try:
            reply = await pool.run(partial(self.answer, plan), receive, find, clock)
            has_failed = False
            return reply
        finally:
            self.work.times.note(clock)
            self.work.sources.note(self.keys.path(plan.request.key), clock, has_failed=has_failed)

    def answer(self, plan: Compute | Block) -> Answer | Compute:
        """The reply, continued from where the event loop stopped. Blocks.

        If the data change meanwhile, we start again at the root, once; if they change again, the
        reply is `changing`.
        """
        for _ in TRIES:
            try:
                return self.done(plan)
            except Changed:
                plan = Block(plan.request, self.keys.start(plan.request.key))
        return self.changing

    def done(self, plan: Plan) -> Answer | Compute:
        """The reply that a plan leads to; the plan itself if other processes compute a block.

        Blocks; raises Changed, and what the source raises.
        """
        match plan:
            case Reply():
                return plan
            case Compute():
                return plan if plan.chunk.recipe.begin else self.made(plan, self.fetched)
            case Block(request, resume):
                return self.resumed(request, resume)

    def resumed(self, request: Request, resume: Reached | Waiting | Document | Chunk | Listing | Depth) -> Answer | Compute:
        """The reply, continued from the step at which the plan stopped.

        Blocks; raises Changed, and what the source raises.
        """
        match resume:
            case Document():
                seen = resume.seen()
                return self.described(request, resume, seen, timed(resume.rendered))
            case Chunk():
                timed(partial(self.renew, request, resume))
                return self.done(self.chunk(resume, request))
            case "0" | "1" | "infinity":
                return timed(partial(self.propfind.reply, request, resume))
            case Listing():
                return timed(partial(listing.reply, request._replace(key=self.keys.path(request.key)), resume))
            case Reached() | Waiting():
                return self.done(self.planned(timed(partial(self.keys.resumed, request.key, resume)), request))

    def renew(self, request: Request, chunk: Chunk) -> None:
        """Ask a chunk's store for its revision, and for its data unless they may not be needed.

        Blocks; raises what the source raises.
        """
        revision = chunk.revision()
        is_kept = revision is not None and self.cache.peek(chunk.identity(revision)) is not None
        chunk.recipe.renew(chunk.region, is_read_next=not is_kept and b"if-none-match" not in request.headers)

    def made(self, plan: Compute, make: Callable[[Chunk, str | None], bytes]) -> Reply:
        """The reply with a chunk's body.

        If the chunk has an identity, the first request makes the body, and others wait for it.
        """
        _, chunk, revision, identity = plan
        body = make(chunk, None) if identity is None else self.cache.get(identity, partial(make, chunk, revision))
        return self.with_body(plan, body)

    def fetched(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, from the cache that processes share, or encoded now.

        Chunks that are sent as they are stored, or were encoded in advance, never go there, nor those
        of arrays in memory.
        Blocks; raises as `weighed` does.
        """
        make, recipe = partial(self.weighed, chunk, revision), chunk.recipe
        is_stored = chunk.is_whole and recipe.stored is not None
        if self.shared is None or revision is None or recipe.is_native or is_stored or recipe.is_prepared:
            return self.alone(chunk, revision)
        identity = chunk.shared_identity(revision) if self.is_replica else chunk.identity(revision)
        array = f"{chunk.place.path}|{recipe.signature}"
        return self.shared.get(self.keys.tokens.described(chunk.place, identity), array, make, threads.waiting)

    def alone(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, encoded now, without asking the cache that processes share."""
        return self.weighed(chunk, revision)[0]

    def weighed(self, chunk: Chunk, revision: str | None) -> tuple[bytes, float]:
        """The chunk's body, encoded now, and the seconds that this took, without waiting for memory.

        Blocks until the budget has its decoded bytes. Raises Changed, and TooLarge or Busy if the
        budget does not have the bytes.
        """
        budget, weight = self.work.budget, chunk.weight
        threads.take(budget, weight)
        try:
            start = perf_counter()
            return self.encoded(chunk, revision), perf_counter() - start
        finally:
            budget.give_back(weight)

    def encoded(self, chunk: Chunk, revision: str | None) -> bytes:
        """The chunk's body, encoded now. Raises Changed if its revision is then not `revision`."""
        body = encode.encode(chunk, self.keys.resources)
        if chunk.revision() != revision:
            raise Changed
        return body

    def with_body(self, plan: Compute, body: bytes) -> Reply:
        """The reply with a chunk's body; without an identity, the tag is a digest of the body."""
        request, chunk, revision, identity = plan
        is_frozen = chunk.recipe.is_frozen
        if revision is None or identity is None:
            is_sampled = chunk.place.is_level
            return replies.of_content(request, self.frozen_chunk if is_frozen and not is_sampled else self.live_chunk, body)
        headers = self.frozen_chunk if is_frozen else self.kept_chunk
        return replies.whole_or_part(request, self.tag(chunk, revision, identity), headers, body)

    def tag(self, chunk: Chunk, revision: str, identity: str) -> bytes:
        """The entity tag of a chunk with a revision; the cache has its body under `identity`."""
        return etags.of_text(chunk.shared_identity(revision) if self.is_replica else identity)

    def document(self, document: Document, request: Request) -> Reply | Block:
        """The plan for a metadata document.

        Rendering one may open files, and compressing a large one takes long; then a thread does it.
        Raises Changed.
        """
        if document.place.group is not None and document.place.group.blocking:
            return Block(request, document)
        seen = document.seen()
        rendered = document.at_hand()
        if rendered is None or not self.is_quick(request, seen, rendered):
            return Block(request, document)
        return self.described(request, document, seen, rendered)

    def is_quick(self, request: Request, seen: Seen, rendered: Rendered) -> bool:
        """Whether the event loop may compress a document for a request."""
        return rendered.body is None or codings.is_quick(request, digest_of(seen, rendered), rendered.body, self.keys.resources.documents)

    def described(self, request: Request, document: Document, seen: Seen, rendered: Rendered) -> Reply:
        """The reply with a document that was rendered after `seen`; 404 if the document is absent.

        It names the path under the node's token, where the same document never changes. Raises
        Changed if the node has changed since.
        """
        if document.seen() != seen:
            raise Changed
        if rendered.body is None:
            return replies.NOT_FOUND
        headers = self.frozen_document if document.is_frozen else self.live_document if seen.revision is None else self.kept_document
        if seen.token is not None:
            location = locations.under(request.scope, seen.token)
            headers = headers if location is None else (*headers, (b"content-location", location))
        return codings.tagged(request, digest_of(seen, rendered), headers, rendered.body, self.keys.resources.documents)


def digest_of(seen: Seen, rendered: Rendered) -> str:
    """What the tag of a document is made from: its digest and its token.

    nginx keeps the old Content-Location when a 304 brings another one, so another token has to be
    another document to it.
    """
    return rendered.digest if seen.token is None else f"{rendered.digest}-{seen.token}"
