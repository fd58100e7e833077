"""Replies: a status, headers and a body.

A `Reply` has its whole body and is sent as two ASGI messages. A `Streamed` makes a large text while
it is sent, so that a slow client does not hold it in memory. Both have an exact Content-Length: if
the pieces end early, the server closes the connection before that, so that no client takes a part
for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from starlette.types import Send

from . import etags, ranges
from .requests import Request

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
NO_CACHE = (b"cache-control", b"no-cache")
METHODS = b"GET, HEAD, OPTIONS, PROPFIND"
"""Methods of data; pages have no PROPFIND."""
EVENT_STREAM = (b"content-type", b"text/event-stream")
"""The first header of a reply that lasts as long as its client stays."""
WITHOUT_BODY = frozenset({204, 304})
PIECE = 8 * 1024
"""Least bytes of a piece: the event loop makes one (100 links) in 0.2 ms, then serves others."""


class Reply(NamedTuple):
    """A status, headers except Content-Length, and the body."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    async def send(self, method: str, send: Send) -> None:
        """Send the reply with a Content-Length; a HEAD gets the same headers and no body."""
        headers = [*self.headers]
        if self.status not in WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else self.body})


class Streamed(NamedTuple):
    """A status, headers except Content-Length, and a body of `length` bytes, made while it is sent.

    `pieces()` makes the same pieces each time, without blocking.
    """

    status: int
    headers: Headers
    length: int
    pieces: Callable[[], Iterator[bytes]]

    async def send(self, method: str, send: Send) -> None:
        """Send the reply piece by piece; a HEAD gets the same headers and no body.

        Raises what making a piece raises; the server then closes the connection.
        """
        headers = [*self.headers, (b"content-length", b"%d" % self.length)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for piece in self.pieces() if method != "HEAD" else ():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # `send` may return at once
        await send({"type": "http.response.body", "body": b""})


Answer: TypeAlias = Reply | Streamed


def is_stream(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a reply with these headers lasts as long as its client stays."""
    return bool(headers) and headers[0] == EVENT_STREAM


def text(status: int, message: str, *headers: tuple[bytes, bytes]) -> Reply:
    """A reply of plain text, which no cache may keep."""
    kind = (b"content-type", b"text/plain; charset=utf-8")
    return Reply(status, (kind, NO_STORE, NO_SNIFFING, *headers), f"{message}\n".encode())


def unmodified(request: Request, etag: bytes, headers: Headers) -> Reply | None:
    """304 if If-None-Match names the tag of what the client would get; else None."""
    condition = request.headers.get(b"if-none-match")
    if condition is None or not etags.matches(condition, etag):
        return None
    return Reply(304, (*headers, (b"etag", etag)))


def whole_or_part(request: Request, etag: bytes, headers: Headers, content: bytes) -> Reply:
    """200 with all of the body, or 206 or 416 if a GET asks for a range of it.

    An If-Range that names another tag makes it a 200.
    """
    tagged = (*headers, (b"etag", etag))
    header = request.headers.get(b"range") if request.method == "GET" else None
    if header is None or request.headers.get(b"if-range", etag) != etag:
        return Reply(200, tagged, content)
    try:
        part = ranges.parse(header, len(content))
    except ranges.Unsatisfiable:
        return text(416, f"the body has {len(content)} bytes", (b"content-range", b"bytes */%d" % len(content)))
    if part is None:
        return Reply(200, tagged, content)
    start, stop = part
    return Reply(206, (*tagged, (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, len(content)))), content[start:stop])


def of_content(request: Request, headers: Headers, content: bytes) -> Reply:
    """The reply with a body whose tag is the digest of the body."""
    return tagged(request, etags.of_body(content), headers, content)


def tagged(request: Request, etag: bytes, headers: Headers, content: bytes) -> Reply:
    """The reply with a body and its tag: 304, 200, 206 or 416."""
    return unmodified(request, etag, headers) or whole_or_part(request, etag, headers, content)


def of_pieces(request: Request, headers: Headers, make: Callable[[], Iterable[str]]) -> Answer:
    """The reply with a body that `make` makes in pieces, the same ones each time it is called.

    The pieces are made twice: now for the tag and the length, then to be sent. A body of one piece
    and a range of a body are whole bodies.
    """

    def pieces() -> Iterator[bytes]:
        return gathered(make())

    etag, length = etags.of_pieces(pieces())
    if length <= 2 * PIECE or b"range" in request.headers:
        return tagged(request, etag, headers, b"".join(pieces()))
    return unmodified(request, etag, headers) or Streamed(200, (*headers, (b"etag", etag)), length, pieces)


def in_pieces(status: int, headers: Headers, make: Callable[[], Iterable[str]]) -> Answer:
    """The reply with a body that `make` makes in pieces, as in `of_pieces`, without a tag."""

    def pieces() -> Iterator[bytes]:
        return gathered(make())

    length = sum(map(len, pieces()))
    return Streamed(status, headers, length, pieces) if length > 2 * PIECE else Reply(status, headers, b"".join(pieces()))


def gathered(texts: Iterable[str]) -> Iterator[bytes]:
    """Texts in UTF-8, put together into pieces of at least PIECE characters."""
    found: list[str] = []
    length = 0
    for part in texts:
        found.append(part)
        length += len(part)
        if length >= PIECE:
            yield "".join(found).encode()
            found, length = [], 0
    if found:
        yield "".join(found).encode()


NOT_FOUND = text(404, "not found")
GONE = text(410, "the array that this chunk belonged to has gone or has become smaller; open it again")
SUPERSEDED = text(410, "this revision of the data has gone; open the address without /@.../ again")
NOT_ALLOWED = text(405, "only GET, HEAD, OPTIONS and PROPFIND are answered", (b"allow", METHODS))
PAGE_NOT_ALLOWED = text(405, "only GET, HEAD and OPTIONS are answered", (b"allow", b"GET, HEAD, OPTIONS"))
CHALLENGE = (b"www-authenticate", b'Apikey realm="tiled-zarr", Bearer realm="tiled-zarr"')
"""The header of every 401."""
UNAUTHORIZED = text(
    401,
    "a valid API key is needed: send the header 'Authorization: Apikey KEY', or begin the path with /k/KEY/, "
    "or end the address with ?api_key=KEY",
    CHALLENGE,
)
CHANGING = text(503, "the data changed twice while they were read; ask again", (b"retry-after", b"1"))


def to_folder(path: str, query: bytes = b"") -> Reply:
    """The reply to a percent-encoded path that is the root but does not end in a slash.

    Links on the page of the root are relative to `path/`. We keep the query.
    """
    location = f"./{path.rpartition('/')[2]}/".encode() + (b"?" + query if query else b"")
    return Reply(307, ((b"location", location), NO_STORE))
