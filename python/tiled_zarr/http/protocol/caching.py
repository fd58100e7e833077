"""Cache-Control: how long caches may keep a reply: https://www.rfc-editor.org/rfc/rfc9111#name-cache-control"""  # noqa: D400 - an address

from __future__ import annotations

from typing import NamedTuple

YEAR = 31_536_000
"""Seconds for which caches keep what is immutable: the year that is usual for it."""


class Caching(NamedTuple):
    """The values of Cache-Control for the documents and chunks of a key space.

    `live` is for data that have no revision, `kept` for data that have one, and `frozen` for data
    that the operator has declared never to change.
    """

    live: bytes
    kept: bytes
    frozen: bytes


def plain(max_age: int, *, public: bool) -> Caching:
    """For paths whose data may change: clients ask each time, or after `max_age` seconds.

    A document that a cache has kept longer than the chunks beside it describes other chunks, so
    `max_age` is 0 unless the operator accepts that.
    """
    whose = b"" if public else b"private, "
    kept = b"%s, max-age=%d" % (b"public" if public else b"private", max_age) if max_age else whose + b"no-cache"
    return Caching(whose + b"no-cache", kept, immutable(public=public))


def pinned(*, public: bool) -> Caching:
    """For paths that name a revision: what has one is immutable."""
    return plain(0, public=public)._replace(kept=immutable(public=public))


def immutable(*, public: bool) -> bytes:
    """The value for a reply that never changes; only the client itself may keep a private one."""
    return b"%s, max-age=%d, immutable" % (b"public" if public else b"private", YEAR)
