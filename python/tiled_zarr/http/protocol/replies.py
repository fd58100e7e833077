"""Replies: a status, headers and a whole body, sent as two ASGI messages."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from starlette.types import Send

from . import etags, ranges
from .requests import Request

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
NO_CACHE = (b"cache-control", b"no-cache")
METHODS = b"GET, HEAD, OPTIONS"
WITHOUT_BODY = frozenset({204, 304})


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


NOT_FOUND = text(404, "not found")
GONE = text(410, "the array that this chunk belonged to has gone or has become smaller; open it again")
SUPERSEDED = text(410, "this revision of the data has gone; open the address without /@.../ again")
NOT_ALLOWED = text(405, "only GET, HEAD and OPTIONS are answered", (b"allow", METHODS))
UNAUTHORIZED = text(
    401,
    "a valid API key is needed: send the header 'Authorization: Apikey KEY', or begin the path with /k/KEY/, "
    "or end the address with ?api_key=KEY",
    (b"www-authenticate", b'Apikey realm="tiled-zarr", Bearer realm="tiled-zarr"'),
)
CHANGING = text(503, "the data changed twice while they were read; ask again", (b"retry-after", b"1"))
