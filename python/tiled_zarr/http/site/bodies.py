"""Bodies made of the values of arrays: of one revision each, with its tag, as chunks are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ... import budgets
from ...caches.cost import Cache
from ...hierarchy.keyspace import Chunk
from ...nodes import Changed
from ..protocol import etags, replies
from ..protocol.caching import Caching
from ..protocol.replies import Headers, Reply
from ..protocol.requests import Request

TRIES = 2
"""Times that a body is made; the second time if the data changed during the first."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a reply is made of: `make()` reads the `parts`.

    `name` says all that the body depends on besides the parts and their revisions.
    """

    name: str
    parts: tuple[Chunk, ...]
    make: Callable[[], bytes]
    headers: Headers
    extra: int = 0

    @property
    def weight(self) -> int:
        """Bytes of memory that making the body takes: reading all parts, and `extra`."""
        return sum(part.weight for part in self.parts) + self.extra

    def revisions(self) -> list[str] | None:
        """The revisions of all parts; None if one of them has none. Raises what the source raises."""
        found = [part.revision() for part in self.parts]
        return None if None in found else [revision for revision in found if revision is not None]


class Bodies:
    """Answers with bodies, and keeps them in `cache` if it is given."""

    def __init__(self, caching: Caching, cache: Cache[bytes] | None = None, *, is_replica: bool) -> None:
        self.caching = caching
        self.cache = cache
        self.is_replica = is_replica

    def reply(self, request: Request, body: Body) -> Reply:
        """The body, 304, 206 or 416; 503 if the data change each time. Blocks.

        Raises what the source raises, TooLarge and Busy as the budget does.
        """
        for _ in range(TRIES):
            try:
                return self._once(request, body)
            except Changed:
                continue
        return replies.CHANGING

    def _once(self, request: Request, body: Body) -> Reply:
        for part in body.parts:
            part.recipe.renew(part.region)
        revisions = body.revisions()
        make = partial(unchanged, body, revisions)
        if revisions is None:
            return replies.of_content(request, (*body.headers, (b"cache-control", self.caching.live)), make())
        is_frozen = all(part.recipe.is_frozen for part in body.parts)
        headers = (*body.headers, (b"cache-control", self.caching.frozen if is_frozen else self.caching.kept))
        named = list(zip(body.parts, revisions, strict=True))
        identity = "|".join([body.name, *(part.identity(revision) for part, revision in named)])
        spelled = "|".join([body.name, *(part.shared_identity(revision) for part, revision in named)]) if self.is_replica else identity
        etag = etags.of_text(spelled)
        unmodified = replies.unmodified(request, etag, headers)
        if unmodified is not None:
            return unmodified
        content = make() if self.cache is None else self.cache.get(identity, make)
        return replies.whole_or_part(request, etag, headers, content)


def unchanged(body: Body, revisions: list[str] | None) -> bytes:
    """The body, made now. Blocks; raises Changed if its parts then have other revisions."""
    with budgets.hold(body.weight):
        made = body.make()
    if body.revisions() != revisions:
        raise Changed("the data changed while they were read; ask again")
    return made
