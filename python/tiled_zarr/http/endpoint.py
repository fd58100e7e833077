"""One key space over HTTP: find the key, make its body, wrap it in a reply."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from ..caches.cost import Cache
from ..encoding import encode
from ..hierarchy.keyspace import Chunk, Document, KeySpace
from ..hierarchy.places import WouldBlock
from ..nodes import Changed
from .protocol import etags, failures, replies, requests
from .protocol.replies import NO_CACHE, NO_SNIFFING, Headers, Reply
from .protocol.requests import Request
from .site import listing
from .work.work import Gone, Work, unless_gone

INLINE = 64 * 1024
"""A chunk of up to this many decoded bytes is cheaper to encode in the event loop than to hand to a thread, where encoding is quick."""
SLOW_INLINE = INLINE // 4
"""The same where encoding is a matter of searching."""

MOST_KNOWN = 8192
"""Keys whose replies are remembered; then all are forgotten, which costs no more than finding them again."""

RANGES = (b"accept-ranges", b"bytes")
OCTETS: Headers = ((b"content-type", b"application/octet-stream"), RANGES, NO_SNIFFING)
JSON: Headers = ((b"content-type", b"application/json"), RANGES, NO_SNIFFING)


class WouldCompute(WouldBlock):
    """Answering takes more computing than the event loop has time for, and nothing else: the chunk, as it is at a revision."""

    def __init__(self, chunk: Chunk, revision: str | None) -> None:
        super().__init__()
        self.chunk = chunk
        self.revision = revision


class Known(NamedTuple):
    """The reply to a plain GET of a chunk whose body is in the cache: headers except Content-Length, and what they depend on."""

    chunk: Chunk
    revision: str
    identity: str
    headers: Headers


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
        self._known: dict[str, Known] = {}

    async def __call__(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a key."""
        try:
            try:
                reply = self.repeated(key, scope) or self.answer(requests.request_for(key, scope), may_block=False)
            except WouldBlock as would:
                reply = await self.elsewhere(would, requests.request_for(key, scope), receive)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
            reply = failures.reply_to(error, scope["path"])
        await reply.send(scope["method"], send)

    def repeated(self, key: str, scope: Scope) -> Reply | None:
        """The reply to a plain GET that was given before, if all that it depends on is as it was then. Raises WouldBlock."""
        known = self._known.get(key)
        if known is None or not requests.is_plain(scope):
            return None
        if self.keys.resolve(key, may_block=False) is not known.chunk or known.chunk.revision() != known.revision:
            return None
        body = self.cache.peek(known.identity)
        return None if body is None else Reply(200, known.headers, body)

    async def elsewhere(self, would: WouldBlock, request: Request, receive: Receive) -> Reply:
        """The reply that the event loop has no time for, out of a thread."""
        if isinstance(would, WouldCompute):
            return await self.computed(would.chunk, would.revision, request, receive)
        return await self.work.run(partial(self.answer, request, may_block=True), receive, partial(self.keys.source, request.key))

    async def computed(self, chunk: Chunk, revision: str | None, request: Request, receive: Receive) -> Reply:
        """The reply with a chunk that is encoded natively, if it can be, else in a thread."""
        identity = None if revision is None else chunk.identity(revision)
        encoding = self.work.encoders.submit(chunk, revision, identity)
        if encoding is not None:
            with suppress(Changed):
                return self.with_body(request, None if identity is None else etags.of_text(identity), await unless_gone(encoding, receive))
        return await self.work.compute(partial(self.answer, request, may_block=True), receive, partial(self.keys.source, request.key))

    def answer(self, request: Request, *, may_block: bool) -> Reply:
        """The reply; it starts again at the root, once, where the data change meanwhile. Raises WouldBlock unless it may block."""
        for _ in range(2):
            try:
                return self.answer_once(request, may_block=may_block)
            except Changed:
                continue
        return replies.CHANGING

    def answer_once(self, request: Request, *, may_block: bool) -> Reply:
        """The reply. Raises Changed, and WouldBlock unless it may block."""
        match self.keys.resolve(request.key, may_block=may_block):
            case Chunk() as chunk:
                return self.chunk(chunk, request, may_block=may_block)
            case Document() as document:
                return self.document(document, request, may_block=may_block)
            case None:
                return self.group(request, may_block=may_block)

    def chunk(self, chunk: Chunk, request: Request, *, may_block: bool) -> Reply:
        """The reply with a chunk: where there is a revision, its tag is known before any work, and the body is cached."""
        revision = chunk.revision()
        if revision is None:
            return self.with_body(request, None, self.encoded(chunk, None, may_block=may_block))
        identity = chunk.identity(revision)
        etag = etags.of_text(identity)
        unmodified = replies.unmodified(request, etag, self.kept_octets)
        if unmodified is not None:
            return unmodified
        body = self.cache.peek(identity)
        if body is None:
            body = self.made(chunk, revision, identity, may_block=may_block)
        else:
            self.note(request.key, Known(chunk, revision, identity, (*self.kept_octets, (b"etag", etag))))
        return self.with_body(request, etag, body)

    def note(self, key: str, known: Known) -> None:
        """Remember how a key is answered."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key] = known

    def with_body(self, request: Request, etag: bytes | None, body: bytes) -> Reply:
        """The reply with a chunk's body; where its tag is not known, it is made of the body."""
        if etag is None:
            return replies.of_content(request, self.live_octets, body)
        return replies.whole_or_part(request, etag, self.kept_octets, body)

    def made(self, chunk: Chunk, revision: str, identity: str, *, may_block: bool) -> bytes:
        """The chunk's body, made by the first who asks for it."""
        refuse_to_block(chunk, revision, may_block=may_block)
        return self.cache.get(identity, partial(self.encoded, chunk, revision, may_block=may_block))

    def encoded(self, chunk: Chunk, revision: str | None, *, may_block: bool) -> bytes:
        """The chunk's body, made now. Raises Changed where the revision is then not what it was before."""
        refuse_to_block(chunk, revision, may_block=may_block)
        if may_block:
            weight = chunk.weight
            self.work.take(weight)
            try:
                body = encode.encode(chunk)
            finally:
                self.work.budget.give_back(weight)
        else:
            body = encode.encode(chunk)
        if chunk.revision() != revision:
            raise Changed
        return body

    def document(self, document: Document, request: Request, *, may_block: bool) -> Reply:
        """The reply with a document; those of groups may open files."""
        revision = document.revision()
        rendered = document.rendered(may_block=may_block)
        if document.revision() != revision:
            raise Changed
        if rendered.body is None:
            return replies.NOT_FOUND
        headers = self.live_json if revision is None else self.kept_json
        return replies.tagged(request, etags.of_digest(rendered.digest), headers, rendered.body)

    def group(self, request: Request, *, may_block: bool) -> Reply:
        """The listing of a group, else 404, or 410 for a chunk of an array that clients may hold open."""
        group = self.keys.group(request.key, may_block=may_block)
        if group is None:
            return replies.GONE if self.keys.is_gone(request.key) else replies.NOT_FOUND
        if not may_block:
            raise WouldBlock
        return listing.reply(request, self.keys, group)


def refuse_to_block(chunk: Chunk, revision: str | None, *, may_block: bool) -> None:
    """Raises WouldBlock, or WouldCompute, for a chunk that may not be made in the event loop."""
    if may_block:
        return
    if chunk.blocking:
        raise WouldBlock
    if chunk.work > (INLINE if chunk.codec.is_quick else SLOW_INLINE) or not encode.is_at_hand(chunk):
        raise WouldCompute(chunk, revision)
