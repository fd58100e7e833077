"""Two places where a tree is: in this process, and at the address of a running server.

Both give the same answers, by Zarr v3 keys: the children of a group, a document, one chunk.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from types import MappingProxyType
from typing import IO, Any, Protocol
from urllib.error import HTTPError
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..adapters.common.single import Mounted
from ..encoding.encode import encode
from ..hierarchy import v3
from ..hierarchy.keyspace import Chunk, Document, KeySpace
from ..hierarchy.names import wire
from ..nodes import Group
from ..settings import SettingsError, arguments, from_environment

BELOW = re.compile(r"(?P<base>.*?)/(?:zarr/v[23]|minmax/v[23]|ome-zarr/0\.[45]|view|explore)(?:/(?P<path>.*))?")
"""The path of an address below which a node is named."""
SECONDS = 60
"""Seconds for one answer of a server."""


GIVE_KEY = "give the key with --api-key or TILED_ZARR_API_KEY"
REFUSED = frozenset({301, 302, 303, 307, 308, 401, 403})
"""Statuses for which somebody has to give another address or a key; any other is one of another server."""
ANONYMOUS = MappingProxyType({"type": "http", "method": "GET", "path": "/", "headers": (), "query_string": b""})
"""A request without credentials."""


class CannotLook(Exception):
    """There is no such node, or it cannot be read; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One chunk that was made: its key, its bytes, and the seconds that this took.

    `again` are the seconds for the same chunk once more, None if nobody asked for it.
    """

    key: str
    nbytes: int
    seconds: float
    again: float | None = None


class Place(Protocol):
    """Where a tree is."""

    def children(self, path: str) -> tuple[list[str], dict[str, str]]:
        """The names of the children of a group, and what is left out with the reasons."""

    def document(self, path: str) -> dict[str, Any]:
        """The `zarr.json` of a node."""

    def details(self, path: str) -> dict[str, Any]:
        """What else is known of an array, in words."""

    def chunk(self, path: str, key: str) -> Made:
        """Make a chunk of an array."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """A tree that was made here."""

    keys: KeySpace

    def children(self, path: str) -> tuple[list[str], dict[str, str]]:
        """The names of the children that can be opened, and the reasons for the others."""
        group = self.keys.group(path)
        if group is None:
            return [], {}
        names = [child.name for child in self.keys.listing(group)]
        return names, self.keys.unavailable(group)

    def document(self, path: str) -> dict[str, Any]:
        """The document. Raises CannotLook if there is no such node, and what the source raises."""
        found = self.keys.resolve(joined(path, "zarr.json"))
        body = found.body() if isinstance(found, Document) else None
        if body is None:
            raise CannotLook(f"there is no node /{path}")
        document: dict[str, Any] = json.loads(body)
        return document

    def details(self, path: str) -> dict[str, Any]:
        """The source's own chunks, the revision and the codec."""
        found = self.keys.resolve(joined(path, first_key(self.document(path))))
        if not isinstance(found, Chunk):
            return {}
        chunks = None if found.node.chunks is None else by(found.node.chunks)
        return {"chunks in the source": chunks or "none", "revision": found.revision() or "none", "codec": str(found.codec)}

    def chunk(self, path: str, key: str) -> Made:
        """Encode a chunk twice, without a cache of chunks."""
        found = self.keys.resolve(joined(path, key))
        if not isinstance(found, Chunk):
            raise CannotLook(f"there is no chunk {key} in /{path}")
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            body = encode(found, self.keys.resources)
            seconds.append(time.perf_counter() - began)
        return Made(key=key, nbytes=len(body), seconds=seconds[0], again=seconds[1])


class NoRedirects(HTTPRedirectHandler):
    """Follows no redirect: it would take the key to another server."""

    def redirect_request(self, *_: Any) -> None:
        """Raise no new request; the answer is then an error."""


@dataclass(frozen=True, slots=True)
class OverHTTP:
    """A tree at the address of a running server; `key` is sent with every request, if there is one."""

    base: str
    key: str | None

    def children(self, path: str) -> tuple[list[str], dict[str, str]]:
        """The names in the server's JSON listing, and what it leaves out. Raises CannotLook."""
        body, _ = self.asked(quote(path), "application/json")
        listing = json.loads(body)
        return [child["name"] for child in listing.get("children", [])], listing.get("unavailable", {})

    def document(self, path: str) -> dict[str, Any]:
        """The document. Raises CannotLook."""
        body, _ = self.asked(quote(joined(path, "zarr.json")))
        document: dict[str, Any] = json.loads(body)
        return document

    def details(self, path: str) -> dict[str, Any]:
        """The tag of the document, which stands for the revision, and the codecs."""
        document = self.document(path)
        _, headers = self.asked(quote(joined(path, "zarr.json")))
        return {"tag": headers.get("etag", "none"), "codec": ", ".join(codec["name"] for codec in document["codecs"])}

    def chunk(self, path: str, key: str) -> Made:
        """Ask for a chunk. Raises CannotLook."""
        began = time.perf_counter()
        body, _ = self.asked(quote(joined(path, key)))
        return Made(key=key, nbytes=len(body), seconds=time.perf_counter() - began)

    def asked(self, key: str, accept: str = "*/*") -> tuple[bytes, Message]:
        """The body and the headers of an answer. Raises CannotLook unless it is 200."""
        url = f"{self.base}/zarr/v3/{key}"
        request = Request(url, headers={"Accept": accept, **({"Authorization": f"Apikey {self.key}"} if self.key else {})})  # noqa: S310
        try:
            with build_opener(NoRedirects).open(request, timeout=SECONDS) as answer:
                return answer.read(), answer.headers
        except HTTPError as error:
            with error:
                raise CannotLook(refusal(url, error.code, error.headers, error)) from error
        except (OSError, HTTPException) as error:
            raise CannotLook(f"{self.base} does not answer: {getattr(error, 'reason', error)}") from error


def refusal(url: str, status: int, headers: Message, body: IO[bytes]) -> str:
    """What a server answered, and what to do about it."""
    if status in {401, 403}:
        return f"{url} answers {status}: {GIVE_KEY}"
    if "location" in headers:
        return f"{url} leads to {headers['location']}; give that address"
    return f"{url} answers {status}: {body.read(300).decode(errors='replace').strip()}"


def server_at(url: str, key: str | None) -> tuple[OverHTTP, str] | None:
    """The server of ours at an address, and the path of the node; None if it is another server.

    The key is `key`, else the one in the address, else TILED_ZARR_API_KEY. Raises CannotLook if
    nothing answers, or the key is wrong.
    """
    parts = urlsplit(url)
    match = BELOW.fullmatch(parts.path.rstrip("/"))
    base, path = (match["base"], match["path"] or "") if match else (parts.path.rstrip("/"), "")
    base, _, in_path = base.partition("/k/")
    key = key or unquote(in_path or "") or dict(parse_qsl(parts.query)).get("api_key") or os.environ.get("TILED_ZARR_API_KEY")
    place = OverHTTP(f"{parts.scheme}://{parts.netloc}{base}", key)
    try:
        body, _ = place.asked("", "application/json")
        is_ours = "children" in json.loads(body)
    except CannotLook as error:
        if isinstance(error.__cause__, HTTPError) and error.__cause__.code == 404:
            return None
        raise
    except ValueError:
        return None
    return (place, unquote(path).strip("/")) if is_ours else None


@contextmanager
def looked_at(words: tuple[str, ...], key: str | None, given: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """The place of what the words name, and a path in it. `given` has the options for files.

    The last word may end in `::PATH`, a path inside. Raises CannotLook, SettingsError.
    """
    *others, last = words
    last, _, inner = last.partition("::")
    if not others and last.startswith(("http://", "https://")) and (found := server_at(last, key)) is not None:
        yield found[0], joined(found[1], inner.strip("/"))
        return
    if "TILED_ZARR_TILED_KEY" not in os.environ:
        key = key or os.environ.get("TILED_ZARR_API_KEY")
    options = {"tiled_key": key} if key else {}
    settings = from_environment(os.environ, options, {"ANYTHING": arguments.SEPARATOR.join([*others, last]), **given})
    if settings.tiled is not None:
        raise SettingsError(f"{last} is a configuration of Tiled's server: start it, and give its address")
    from ..tree import plant, resources_of

    resources = resources_of(settings)
    try:
        tree = plant(settings, resources=resources)
        try:
            root = tree.root if tree.identify is None else seen(tree.identify, last)
            path = inner.strip("/") or only_child(root, settings.trees[0].source if len(settings.trees) == 1 else "")
            yield InProcess(KeySpace(root, v3, settings.keyspace, resources)), path
        finally:
            for task in tree.tasks.shutdown:
                asyncio.run(closed(task))
    finally:
        resources.close()


async def closed(task: Any) -> None:
    """Run a task."""
    await task()


def seen(identify: Any, url: str) -> Group:
    """The tree that a Tiled server shows without a key. Raises CannotLook if it shows none."""
    caller = asyncio.run(identify(ANONYMOUS))
    if not hasattr(caller, "root"):
        raise CannotLook(f"{url} shows nothing without a key: {GIVE_KEY}")
    root: Group = caller.root()
    return root


def only_child(root: Group, source: str) -> str:
    """The name on the wire of the array or table that a file is; empty if the file is a group, or it is no file."""
    if source not in {"file", "remote"} or not isinstance(root.children, Mounted):
        return ""
    return wire(next(iter(root.children)))


def joined(*parts: str) -> str:
    """A path of parts, without those that are empty."""
    return "/".join(part for part in parts if part)


def first_key(document: Mapping[str, Any]) -> str:
    """The key of the first chunk of an array."""
    return "/".join(["c", *("0" for _ in document["shape"])])


def by(sizes: tuple[int, ...] | list[int]) -> str:
    """Sizes as one says them.

    >>> by((512, 512)), by([])
    ('512 x 512', 'one item')
    """
    return " x ".join(map(str, sizes)) or "one item"
