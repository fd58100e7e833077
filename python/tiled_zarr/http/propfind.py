"""PROPFIND, the listing of WebDAV: names and exact sizes of the keys below a node.

obstore lists by it, with Depth 1 or infinity; VirtualiZarr takes the sizes for the lengths of
chunks. Readers take what is missing for zeros, so an answer is whole or an error. An array below
whose data the caller may not read has a 401 or 403 of its own in the answer, with its documents.

The size of a chunk is that of its encoded bytes. Those in the cache are known; all others have to
be encoded, which keeps them in the cache for whoever reads them next. To refuse costs little: we
first list all keys, up to `listing_bytes`, and add up what encoding would decode, up to `most`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from ..caches.cost import Cache
from ..hierarchy.documents import Rendered
from ..hierarchy.keyspace import Chunk, Document, KeySpace, Listing, Named, Seen
from ..hierarchy.steps import Waiting
from ..nodes import Changed, Forbidden, TooLarge, Unauthenticated
from ..views.frozen import Frozen
from .protocol import etags, multistatus, replies, requests
from .protocol.multistatus import ENTRY_BYTES, Depth, Resource
from .protocol.replies import Answer, Reply
from .protocol.requests import Request

MIB = 2**20


REFUSALS = (Forbidden, Unauthenticated)

Refused: TypeAlias = dict[str, Exception]
"""Arrays whose data the caller may not read, by path with a slash, and what was raised."""


class Made(NamedTuple):
    """How an endpoint makes chunks, and the tags that it gives chunks and documents."""

    make: Callable[[Chunk, str | None], bytes]
    tag: Callable[[Chunk, str, str], bytes]
    digest: Callable[[Seen, Rendered], str]


class Propfind:
    """Answers PROPFIND in one key space.

    `work` encodes and tags as the endpoint does. One answer decodes at most `most` bytes.
    `changing` is the reply if the data change during both attempts. Everything here blocks, and
    raises what opening and reading raise.
    """

    def __init__(self, keys: KeySpace | Frozen, cache: Cache[bytes], work: Made, most: int, changing: Reply = replies.CHANGING) -> None:
        self.keys = keys
        self.cache = cache
        self.work = work
        self.most = most
        self.changing = changing

    def reply(self, request: Request, depth: Depth) -> Answer:
        """What a key names, and what lies below it down to a depth; 404 or 410 if it names nothing.

        `changing` if the data change twice meanwhile.
        """
        with suppress(Changed):
            return self.attempt(request, depth)
        with suppress(Changed):
            return self.attempt(request, depth)
        return self.changing

    def attempt(self, request: Request, depth: Depth) -> Answer:
        """The same, once. Raises Changed."""
        found = self.located(request.key)
        if found is None:
            return replies.GONE if self.keys.is_gone(request.key) else replies.NOT_FOUND
        asked = requests.collapsed(unquote(requests.asked_path(request.scope)))
        key = request.key
        if isinstance(found, Listing):
            asked, key = f"{asked.rstrip('/')}/", f"{key.rstrip('/')}/" if key.strip("/") else ""
        try:
            paths = self.bounded(found, key, depth)
            refused = self.check(paths, key)
            resources = [told for path in paths if (told := self.unless_refused(path, key, refused))]
            shown = [self.marked(told, refused) for told in resources if self.is_shown(told.path, refused)]
            return multistatus.reply(asked, [told._replace(path=told.path[len(key) :]) for told in shown])
        except TooLarge as why:
            return multistatus.too_much(str(why), depth)

    def located(self, key: str) -> Named:
        """What a key names."""
        found = self.keys.find(key)
        return self.keys.resumed(key, found) if isinstance(found, Waiting) else found

    def bounded(self, found: Named, key: str, depth: Depth) -> list[str]:
        """The paths of all resources; those of collections end in a slash.

        Raises TooLarge if the answer would exceed `listing_bytes`.
        """
        most, nbytes, paths = self.keys.config.listing_bytes, 0, []
        for path in self.paths(found, key, depth):
            paths.append(path)
            nbytes += ENTRY_BYTES + len(path)
            if nbytes > most:
                raise TooLarge(
                    f"the answer would take more than {most:,} bytes; ask for a part of the tree, or raise the setting listing_bytes"
                )
        return paths

    def paths(self, found: Named, key: str, depth: Depth) -> Iterator[str]:
        """The path of what was found, and those below it down to a depth."""
        yield key
        waiting = [key] if isinstance(found, Listing) and depth != "0" else []
        while waiting:
            path = waiting.pop()
            for below in self.below(path, depth):
                yield below
                if depth == "infinity" and below.endswith("/"):
                    waiting.append(below)

    def below(self, path: str, depth: Depth) -> Iterator[str]:
        """The paths right below a collection.

        Raises TooLarge if a group has too many children to open each, and the depth is infinity.
        """
        listing = self.located(path)
        if not isinstance(listing, Listing):
            raise Changed
        group = listing.place.group
        if group is None:
            yield from (f"{path}{name}/" if is_folder else f"{path}{name}" for name, is_folder in listing.entries())
            return
        children = listing.keyspace.listing(group)
        if depth == "infinity" and any(child.node is None for child in children):
            raise TooLarge(f"{path or '/'} has {len(children):,} children, too many to open each; ask with Depth: 1")
        yield from (f"{path}{name}" for name in listing.keyspace.listings.documents(listing.place))
        yield from (f"{path}{child.name}/" for child in children)

    def check(self, paths: list[str], key: str) -> Refused:
        """The arrays below the key whose data may not be read.

        Raises TooLarge if the sizes of all chunks cost more decoding than one answer may.
        """
        weight = 0
        refused: Refused = {}
        for path in paths:
            chunk = None if path.endswith("/") or not path or above(path, refused) else self.located(path)
            if not isinstance(chunk, Chunk):
                continue
            try:
                weight += 0 if self.is_cached(chunk) else chunk.weight
            except REFUSALS as why:
                refused[self.array(path, key, why)] = why
            if weight > self.most:
                raise TooLarge(
                    f"to tell the sizes of all chunks, more than {self.most // MIB:,} MiB would have to be decoded; "
                    "ask for a part of the tree, or raise the setting in_flight"
                )
        return refused

    def array(self, path: str, key: str, why: Exception) -> str:
        """The path of the array of a chunk that is refused. Raises `why` if nothing else was asked for."""
        end = path.rfind("/") + 1
        while end > len(key):
            found = self.located(path[:end])
            if isinstance(found, Listing) and found.start is None:
                return path[:end]
            end = path.rfind("/", 0, end - 1) + 1
        raise why

    def unless_refused(self, path: str, key: str, refused: Refused) -> Resource | None:
        """What a path names; None if it is refused, which then holds for its array."""
        if not self.is_shown(path, refused):
            return None
        try:
            return self.resource(path)
        except REFUSALS as why:
            refused[self.array(path, key, why)] = why
            return None

    def is_shown(self, path: str, refused: Refused) -> bool:
        """False for what lies below an array whose data are refused, except for its documents."""
        return above(path, refused) is None or (not path.endswith("/") and isinstance(self.located(path), Document))

    def marked(self, resource: Resource, refused: Refused) -> Resource:
        """The resource with the refusal, if it is an array whose data are refused."""
        why = refused.get(resource.path)
        if why is None:
            return resource
        status = HTTPStatus.FORBIDDEN if isinstance(why, Forbidden) else HTTPStatus.UNAUTHORIZED
        return resource._replace(status=status, said=str(why))

    def is_cached(self, chunk: Chunk) -> bool:
        """True if the cache has the body of a chunk."""
        revision = chunk.revision()
        return revision is not None and self.cache.peek(chunk.identity(revision)) is not None

    def resource(self, path: str) -> Resource:
        """What a path names, with its size and tag."""
        if path.endswith("/") or not path:
            return Resource(path)
        match self.located(path):
            case Chunk() as chunk:
                return self.of_chunk(path, chunk)
            case Document() as document:
                seen, rendered = document.seen(), document.rendered()
                if rendered.body is not None:
                    return Resource(path, len(rendered.body), etags.of_digest(self.work.digest(seen, rendered)))
        raise Changed

    def of_chunk(self, path: str, chunk: Chunk) -> Resource:
        """A chunk with its size and tag; encodes it unless the cache has it."""
        chunk.recipe.renew(chunk.region)
        revision = chunk.revision()
        if revision is None:
            body = self.work.make(chunk, None)
            return Resource(path, len(body), etags.of_body(body))
        identity = chunk.identity(revision)
        body = self.cache.get(identity, partial(self.work.make, chunk, revision))
        return Resource(path, len(body), self.work.tag(chunk, revision, identity))


def above(path: str, refused: Refused) -> str | None:
    """The array in `refused` that a path lies below.

    >>> above("a/b/c/0/0", {"a/b/": Forbidden()}), above("a/b/", {"a/b/": Forbidden()})
    ('a/b/', None)
    """
    end = path.rfind("/", 0, -1) + 1 if refused else 0
    while end and path[:end] not in refused:
        end = path.rfind("/", 0, end - 1) + 1
    return path[:end] or None
