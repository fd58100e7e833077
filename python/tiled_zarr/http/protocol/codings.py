"""Replies with documents and pages, compressed if a GET of all of one asks for that.

https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding

HEAD and ranges are of the uncompressed body. Each coding has a tag of its own. Chunks never come
here: their codec has compressed them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from ...caches.cost import Cache
from ...encoding import content as contents
from ...encoding.content import CODINGS, Coding
from ...hierarchy.documents import digest as digest_of
from . import etags, replies, requests
from .replies import Answer, Headers, Reply
from .requests import Request

LEAST = 1024
"""Bytes of a body that we compress, at least: a smaller one fits into a packet as it is."""
MOST_KEPT = 256
"""Accept-Encoding headers whose choice is remembered; the one used longest ago goes first."""
ALIASES = MappingProxyType({"x-gzip": "gzip"})
BY_NAME_ALONE = frozenset({"zstd"})
"""Codings that `*` does not choose, since clients that write it were made before them."""


class Choice(NamedTuple):
    """The coding that a client prefers, None for none, and whether it refuses a body without."""

    coding: Coding | None
    is_needed: bool


PLAIN = Choice(None, is_needed=False)


def tagged(request: Request, digest: str, headers: Headers, content: bytes, pool: Cache[Any]) -> Reply:
    """The reply with a document or a page: 304, 200, 206 or 416. `digest` is that of the content.

    Compressing takes long unless `is_quick`.
    """
    headers = varied(headers)
    coding = chosen(request, content)
    if coding is None:
        return replies.tagged(request, etags.of_digest(digest), headers, content)
    etag = tag(digest, coding)
    unmodified = replies.unmodified(request, etag, headers)
    if unmodified is not None:
        return unmodified
    body = contents.compressed(content, digest, coding, pool)
    return Reply(200, (*headers, (b"content-encoding", coding.encode()), (b"etag", etag)), body)


def of_content(request: Request, headers: Headers, content: bytes, pool: Cache[Any]) -> Reply:
    """The same for content whose digest is not known yet."""
    return tagged(request, digest_of(content), headers, content, pool)


def of_pieces(request: Request, headers: Headers, make: Callable[[], Iterable[str]], pool: Cache[Any]) -> Answer:
    """The same for a text that `make` makes in pieces; it is put together only to be compressed."""
    if is_plain(request):
        return replies.of_pieces(request, varied(headers), make)
    return of_content(request, headers, "".join(make()).encode(), pool)


def is_quick(request: Request, digest: str, content: bytes, pool: Cache[Any]) -> bool:
    """Whether the event loop may call `tagged`."""
    coding = chosen(request, content)
    return coding is None or contents.is_quick(content, digest, coding, pool)


def tag(digest: str, coding: Coding) -> bytes:
    """The tag of a compressed body: another one than that of the content."""
    return etags.of_digest(f"{digest}-{coding}")


def chosen(request: Request, content: bytes, known: tuple[Coding, ...] = CODINGS) -> Coding | None:
    """The coding for a reply with this content, one of those `known`; None for none."""
    if is_plain(request):
        return None
    choice = preferred(request.headers[b"accept-encoding"], known)
    return choice.coding if choice.is_needed or len(content) >= LEAST else None


def is_plain(request: Request) -> bool:
    """Whether a request gets the body without a coding: HEAD, ranges, and if it asks for none.

    Clients of S3 get none: they ask for it, and then store the compressed body under the name.
    """
    accepted = request.headers.get(b"accept-encoding")
    if accepted is None or request.method != "GET" or b"range" in request.headers:
        return True
    return preferred(accepted).coding is None or requests.is_of_s3(request.headers)


@lru_cache(MOST_KEPT)
def preferred(accepted: bytes, known: tuple[Coding, ...] = CODINGS) -> Choice:
    """What an Accept-Encoding header prefers of the `known` codings, of equal ones the first.

    The coding is None if it accepts none of them, or prefers the body without.

    >>> [preferred(accepted).coding for accepted in (b"gzip, zstd", b"zstd;q=0.5, gzip", b"*", b"br", b"gzip;q=0, *")]
    ['zstd', 'gzip', 'gzip', None, None]
    >>> preferred(b"gzip;q=0.5, identity"), preferred(b"gzip;q=0.1, identity;q=0")
    (Choice(coding=None, is_needed=False), Choice(coding='gzip', is_needed=True))
    """
    ranks = {ALIASES.get(name, name): weight for name, weight in requests.ranks(accepted).items()}
    others = ranks.get("*")
    ranked = {coding: ranks.get(coding, 0.0 if coding in BY_NAME_ALONE else others or 0.0) for coding in known}
    best = max(known, key=ranked.__getitem__)
    identity = ranks.get("identity", others)
    if not ranked[best] or (identity is not None and identity > ranked[best]):
        return PLAIN
    return Choice(best, is_needed=identity == 0)


def varied(headers: Headers) -> Headers:
    """The headers, whose Vary also names Accept-Encoding: the body may depend on it."""
    if any(name == b"vary" for name, _ in headers):
        return tuple((name, value + b", accept-encoding" if name == b"vary" else value) for name, value in headers)
    return (*headers, (b"vary", b"accept-encoding"))
