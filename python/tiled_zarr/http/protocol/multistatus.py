"""What a PROPFIND is answered with: https://www.rfc-editor.org/rfc/rfc4918#section-9.1"""  # noqa: D400 - an address

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.utils import formatdate
from http import HTTPStatus
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import quote
from xml.sax.saxutils import escape

from . import replies
from .replies import NO_SNIFFING, NO_STORE, Headers, Reply, Streamed

Depth: TypeAlias = Literal["0", "1", "infinity"]

DAV = (b"dav", b"1")
HEADERS: Headers = ((b"content-type", b"application/xml; charset=utf-8"), DAV, NO_STORE, NO_SNIFFING)
XML = '<?xml version="1.0" encoding="utf-8"?>\n'
NO_DEPTH = replies.text(400, "the header Depth is 0, 1 or infinity")
ENTRY_BYTES = 360
"""Bytes that a resource takes in an answer, besides its path."""


class Resource(NamedTuple):
    """A key, or a collection of keys; `path` is relative to the requested one.

    `size` in bytes and the entity tag are those of a GET; None for a collection. `status` is not 200
    if what is in a collection may not be told; `said` is the reason.
    """

    path: str
    size: int | None = None
    etag: bytes | None = None
    status: HTTPStatus = HTTPStatus.OK
    said: str = ""


def depth(header: bytes | None) -> Depth | None:
    """The depth that a request asks for, or None if it is not one; without a header, infinity.

    >>> depth(b"1"), depth(None), depth(b"Infinity"), depth(b"2")
    ('1', 'infinity', 'infinity', None)
    """
    match (header or b"infinity").strip().lower():
        case b"0":
            return "0"
        case b"1":
            return "1"
        case b"infinity":
            return "infinity"
    return None


def reply(asked: str, resources: list[Resource]) -> Reply | Streamed:
    """207 with all resources; their paths are below the decoded path `asked`.

    All are said to have been modified just now, since a node does not tell when that was.
    """
    now = formatdate(usegmt=True)
    return replies.in_pieces(207, HEADERS, lambda: document(asked, resources, now))


def too_much(why: str, asked: Depth) -> Reply:
    """The refusal of an answer that would not be whole.

    403 if a smaller depth helps, with the condition that RFC 4918 names for it, else 507.
    """
    if asked != "infinity":
        return replies.text(507, why, DAV)
    body = (
        f'{XML}<D:error xmlns:D="DAV:"><D:propfind-finite-depth/><D:responsedescription>{escape(why)}</D:responsedescription></D:error>\n'
    )
    return Reply(403, HEADERS, body.encode())


def document(asked: str, resources: Iterable[Resource], modified: str) -> Iterator[str]:
    """The answer as XML, in pieces."""
    yield f'{XML}<D:multistatus xmlns:D="DAV:">\n'
    for resource in resources:
        status = f"{resource.status.value} {resource.status.phrase}"
        yield (
            f"<D:response><D:href>{quote(asked + resource.path)}</D:href><D:propstat><D:prop>{properties(resource)}"
            f"<D:getlastmodified>{modified}</D:getlastmodified></D:prop>"
            f"<D:status>HTTP/1.1 {status}</D:status></D:propstat>{description(resource.said)}</D:response>\n"
        )
    yield "</D:multistatus>\n"


def properties(resource: Resource) -> str:
    """What is said of a resource besides its time."""
    if resource.size is None:
        return "<D:resourcetype><D:collection/></D:resourcetype>"
    etag = escape((resource.etag or b"").decode())
    return f"<D:resourcetype/><D:getcontentlength>{resource.size}</D:getcontentlength><D:getetag>{etag}</D:getetag>"


def description(said: str) -> str:
    """The reason of a status, if there is one."""
    return f"<D:responsedescription>{escape(said)}</D:responsedescription>" if said else ""
