"""Strong entity tags: https://www.rfc-editor.org/rfc/rfc9110#name-etag"""  # noqa: D400 - an address

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from ...hierarchy.documents import DIGEST_BYTES, digest

MOST_KEPT = 8192
"""Tags in the memory of `of_text`; when it is full, the one used longest ago goes."""


@lru_cache(MOST_KEPT)
def of_text(identity: str) -> bytes:
    """The tag of a body whose identity is known before the body is made."""
    return of_body(identity.encode())


def of_pieces(pieces: Iterable[bytes]) -> tuple[bytes, int]:
    """The tag of a body in pieces, and the number of its bytes."""
    hashed, length = blake2b(digest_size=DIGEST_BYTES), 0
    for piece in pieces:
        hashed.update(piece)
        length += len(piece)
    return of_digest(hashed.hexdigest()), length


def of_body(body: bytes) -> bytes:
    """The tag of a body: its digest."""
    return of_digest(digest(body))


def of_digest(of_it: str) -> bytes:
    """The tag of a body with this digest."""
    return b'"%s"' % of_it.encode()


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match header names a tag, compared weakly; `*` names every tag.

    >>> matches(b'W/"a", "b"', b'"a"'), matches(b"*", b'"a"'), matches(b'"b"', b'"a"')
    (True, True, False)
    """
    if if_none_match.strip() == b"*":
        return True
    return etag in (tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b","))
