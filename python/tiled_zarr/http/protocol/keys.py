"""Where requests carry API keys, and how they are hidden from logs.

A client chooses to send a key in the path (`/k/KEY/...`), in the query (`?api_key=KEY`) or in an
Authorization header of the scheme Apikey or Bearer. A browser or a proxy also adds credentials to
every request: Basic, whose password may be a key, and the cookie that Tiled sets. We never set it.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterable
from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.requests import cookie_parser
from starlette.types import Scope

from . import requests, signatures

MARK = "/k/"
PREFIX = "tiled_zarr.key_prefix"
"""The item of a scope with the `/k/KEY`, percent-encoded, that was taken off its path."""
COOKIE = "tiled_api_key"
QUERY = b"api_key"
SECRET = frozenset({QUERY, b"X-Amz-Signature"})
"""Fields of a query that no log may show."""
CHOSEN_SCHEMES = frozenset({b"apikey", b"bearer"})
WATCHED = frozenset({b"authorization", b"cookie", b"referer"})
VISIBLE = re.compile(rb"[!-~]*")
HIDDEN = "hidden"
"""What logs show in place of a key."""
REVEALING = re.compile(rb"/k/|%2fk%2f|api(?:_|%5f)key|x-amz-signature", re.IGNORECASE)
"""What is in a Referer that holds a key or a signature."""


def given(scope: Scope) -> tuple[list[bytes], list[bytes], bool, bool]:
    """The keys in the query and headers of a request: those chosen for it, those added to it.

    Also whether a log would show a key or a signature, since it is in the query or the Referer; and
    whether the request is signed with a key (signatures.py). We ignore other schemes, and Basic
    credentials that cannot be decoded. A plain tuple, since each request pays for it.
    """
    query = scope["query_string"]
    chosen: list[bytes] = requests.query_keys(scope) if query else []
    added: list[bytes] = []
    is_signed = bool(query) and signatures.IN_QUERY in query
    is_shown = bool(chosen) or is_signed
    for name, value in scope["headers"]:
        if name in WATCHED:
            if name == b"authorization":
                scheme, _, credentials = value.strip().partition(b" ")
                if scheme.lower() in CHOSEN_SCHEMES:
                    chosen.append(credentials.strip())
                elif scheme.lower() == b"basic":
                    added += password(credentials)
                else:
                    is_signed = is_signed or scheme == signatures.SCHEME
            elif name == b"cookie":
                added += in_cookie(value)
            else:
                is_shown = is_shown or REVEALING.search(value) is not None
    return chosen, added, is_shown, is_signed


def are_sendable(values: Iterable[bytes]) -> bool:
    r"""Whether headers to Tiled can carry keys: all characters are visible ASCII, as in all of Tiled's.

    >>> are_sendable([b"0a~", b""]), are_sendable([b"a", b"\xff"]), are_sendable([b"a\0"])
    (True, False, False)
    """
    return all(VISIBLE.fullmatch(value) for value in values)


def password(credentials: bytes) -> list[bytes]:
    """The password in Basic credentials, if they can be decoded.

    https://www.rfc-editor.org/rfc/rfc7617#section-2

    >>> password(b"dTpw"), password(b"no:base64")
    ([b'p'], [])
    """
    try:
        _, colon, found = a2b_base64(credentials.strip(), strict_mode=True).partition(b":")
    except Error:
        return []
    return [found] if colon else []


def in_cookie(header: bytes) -> list[bytes]:
    """The key in a Cookie header, if it has Tiled's.

    >>> in_cookie(b'a=b; tiled_api_key="k"'), in_cookie(b"api_key=k")
    ([b'k'], [])
    """
    value = cookie_parser(header.decode("latin-1")).get(COOKIE)
    return [] if value is None else [value.encode("latin-1")]


def is_shown(scope: Scope) -> bool:
    """Whether a log would show a key or a signature, in the query or the Referer of a request."""
    query: bytes = scope["query_string"]
    return (
        signatures.IN_QUERY in query
        or bool(requests.query_keys(scope))
        or any(name == b"referer" and REVEALING.search(value) for name, value in scope["headers"])
    )


def in_prefix(scope: Scope) -> str | None:
    """The key that was taken off the path of a request; None if there was none.

    >>> in_prefix({PREFIX: "/k/a%2Bb"}), in_prefix({})
    ('a+b', None)
    """
    taken: str | None = scope.get(PREFIX)
    return None if taken is None else unquote(taken).removeprefix(MARK)


def prefix(key: str) -> str:
    """The beginning of a path that carries a key, percent-encoded.

    >>> prefix("a+b/c")
    '/k/a%2Bb/c'
    """
    return MARK + quote(key)


def hide(scope: Scope, rest: str = "", right: str | None = None) -> None:
    """Hide the keys in the path, the query and the Referer of the server's own scope.

    hypercorn, uvicorn and granian write their access logs from it once the reply is sent. `rest` is
    what follows the key in the path; without it we hide all that comes after `/k/`. `right` is the
    prefix with the right key, which we also hide where it opens nothing, as in `/@TOKEN/k/KEY`.
    """
    path = requests.path_of(scope)
    if path.startswith(MARK):
        path = f"{MARK}{HIDDEN}{rest}"
    if path.startswith(MARK) or (right is not None and right in path):
        scope["path"] = requests.root_of(scope) + (path if right is None else path.replace(right, MARK + HIDDEN))
        scope["raw_path"] = quote(scope["path"], safe="/@").encode()
    scope["query_string"] = b"&".join(map(field_hidden, scope["query_string"].split(b"&")))
    scope["headers"] = [(name, header_hidden(name, value)) for name, value in scope["headers"]]


def field_hidden(field: bytes) -> bytes:
    """A field of a query, without the key or signature in it.

    >>> field_hidden(b"api%5Fkey=secret"), field_hidden(b"version=1")
    (b'api_key=hidden', b'version=1')
    """
    spelled, equals, _ = field.partition(b"=")
    name = unquote_to_bytes(spelled)
    return name + b"=" + HIDDEN.encode() if equals and name in SECRET else field


def header_hidden(name: bytes, value: bytes) -> bytes:
    """The value of a header, unless it is a Referer that holds a key or a signature."""
    return HIDDEN.encode() if name == b"referer" and REVEALING.search(value) else value
