"""Answers what S3 clients ask of a bucket, at `/zarr`, `/ome-zarr` and `/minmax`, in path style."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from ...nodes import Changed
from ...views.profile import is_profile
from ..endpoint import Endpoint
from ..profiles import Profiles
from ..protocol import failures, replies
from ..protocol.replies import Answer, Reply
from ..work.threads import Gone
from ..work.work import Work
from . import xml
from .order import Wanted
from .pages import Bucket

MOST_KEYS = 1000
"""Keys and folders in a page, at most, as in Amazon's."""
OF_LISTING = frozenset(
    {"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "marker", "encoding-type", "fetch-owner"}
)
IGNORED = ("x-id", "x-amz-", "api_key", "allow-unordered")
"""What may stand in a query besides, or begin a name there."""
LOCATION = "location"


class Query(NamedTuple):
    """What a listing asks for; `marker` is that of version 1 of the API, None in version 2."""

    wanted: Wanted
    most: int
    fields: Mapping[str, str]
    marker: str | None


class Buckets:
    """ASGI application of the buckets; a bucket's keys begin as the path prefixes go on (`v3/`)."""

    def __init__(self, endpoints: Mapping[str, Endpoint], profiles: Profiles, work: Work) -> None:
        """`endpoints` by path prefix (`zarr/v3`)."""
        self.endpoints = endpoints
        self.profiles = profiles
        self.work = work
        self.names = sorted({prefix.partition("/")[0] for prefix in endpoints})

    async def __call__(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for the bucket of a name, or for the list of buckets if it is empty."""
        fields = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        reply: Answer | None = self.at_once(name, fields, scope["method"])
        if reply is None:
            try:
                make = partial(self.listed, name, fields)
                reply = await self.work.threads.run(make, receive, partial(self.source, name, fields.get("prefix", "")))
            except Gone:
                return
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in a source is a 5xx
                reply = xml.failure(failures.reply_to(error, scope["path"]))
        await reply.send(scope["method"], send)

    def at_once(self, name: str, fields: Mapping[str, str], method: str) -> Reply | None:
        """The reply that needs no look at the tree, or None."""
        unknown = next((field for field in fields if not field.lower().startswith(IGNORED) and field not in {*OF_LISTING, LOCATION}), None)
        if unknown is not None:
            return xml.error(501, "NotImplemented", f"a bucket has no {unknown!r} here: it is read only, and only listed")
        if not name:
            return xml.buckets(self.names)
        if LOCATION in fields:
            return xml.location()
        return replies.Reply(200, xml.HEADERS) if method == "HEAD" else None

    def source(self, name: str, prefix: str) -> str:
        """The source that a listing reads first, for the share of threads."""
        version, _, path = prefix.partition("/")
        endpoint = self.endpoints.get(f"{name}/{version}")
        return "" if endpoint is None else endpoint.keys.source(path)

    def listed(self, name: str, fields: Mapping[str, str]) -> Reply:
        """A page of the listing of a bucket. Blocks; raises what opening and reading raise."""
        try:
            query = parsed(fields)
            bucket = self.bucket(name, query.wanted.prefix)
        except ValueError as why:
            return xml.error(400, "InvalidArgument", str(why))
        for _ in range(2):
            with suppress(Changed):
                return xml.listing(name, query.fields, bucket.page(query.wanted, query.most), query.marker, query.most)
        return xml.failure(replies.CHANGING)

    def bucket(self, name: str, prefix: str) -> Bucket:
        """The bucket of a name; behind a profile in the prefix, that of the profile alone.

        Raises ValueError if the profile is none.
        """
        version, _, rest = prefix.partition("/")
        part = rest.partition("/")[0]
        if is_profile(part) and f"{name}/{version}" in self.endpoints:
            return Bucket({f"{version}/{part}/": self.profiles.made(f"{name}/{version}", part).propfind})
        starts = {path.removeprefix(f"{name}/"): endpoint for path, endpoint in self.endpoints.items() if path.startswith(f"{name}/")}
        return Bucket({f"{start}/": endpoint.propfind for start, endpoint in starts.items()})


def parsed(fields: Mapping[str, str]) -> Query:
    """What a query asks for. Raises ValueError, which says what is wrong."""
    delimiter, most = fields.get("delimiter", ""), fields.get("max-keys", str(MOST_KEYS))
    if delimiter not in {"", "/"}:
        raise ValueError(f"the delimiter {delimiter!r}: only / is known")
    if not (most.isascii() and most.isdigit() and len(most) < 10):
        raise ValueError(f"max-keys={most}: give a number")
    if fields.get("encoding-type", "url") != "url":
        raise ValueError("the encoding-type is url, or left out")
    is_second = fields.get("list-type") == "2"
    token = fields.get("continuation-token")
    after = fields.get("start-after" if is_second else "marker", "") if token is None or not is_second else last_of(token)
    wanted = Wanted(fields.get("prefix", ""), after, is_folded=bool(delimiter))
    return Query(wanted, min(int(most), MOST_KEYS), fields, None if is_second else fields.get("marker", ""))


def last_of(token: str) -> str:
    """The last key of the page that gave a continuation token. Raises ValueError.

    >>> last_of("djMvw6k=")
    'v3/é'
    """
    try:
        return b64decode(token.encode("ascii"), b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error) as error:
        raise ValueError("the continuation-token is none of this server's; begin the listing anew") from error
