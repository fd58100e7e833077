"""The client of a store: obstore's, with the looks at its objects and the threads that read.

`client` makes one per store, options and application, and `Resources.stores` keeps it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from math import inf
from time import monotonic
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from ...caches.recent import Recent
from ...nodes import Changed
from ...resources import Resources, default, nbytes_of
from ..common.extras import require
from ..common.ranged import Range
from .addresses import Address, shown
from .faults import raised_as
from .looks import Looks, Seen

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT = 32
"""Requests of one store that are in flight at once, at most, for the readers of one process."""
RETRIES = 3
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class Terms(NamedTuple):
    """How a store is read: for how many seconds a look is trusted, and a request may take.

    `copy` is how many bytes are copied of what cannot be read by ranges, at most. `options` are
    obstore's, as pairs; they may hold secrets.
    """

    look: float = 5.0
    timeout: float = 30.0
    copy: int = 256 * 1024 * 1024
    options: tuple[tuple[str, str], ...] = ()


class Listed(NamedTuple):
    """What a prefix holds: the names of the prefixes in it, and its objects by name."""

    prefixes: list[str]
    objects: dict[str, Seen]


class Client:
    """Reads one store. Thread-safe; all methods block, and raise what `faults.raised_as` raises."""

    def __init__(self, open_store: Callable[[str], Any], url: str, terms: Terms, abandoned: Any = ()) -> None:
        self._open = open_store
        self.store = open_store(url)
        """obstore's store, with whole keys."""
        self.name = shown(url)
        self.terms = terms
        self.obstore = require("obstore", "remote")
        self.looks = Looks(self._head, terms.look, abandoned)
        self.copies: Recent[tuple[str, str], Any] = Recent(terms.copy, nbytes_of, abandoned=abandoned)
        """Copies of objects, by key and revision (copies.py)."""
        self._threads = ThreadPoolExecutor(IN_FLIGHT, "remote")

    def close(self) -> None:
        """Let the threads end, and delete the copies."""
        for copy in self.copies.values():
            copy.drop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def each(self, do: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What `do` returns for each item; one item needs no thread."""
        if len(items) == 1:
            return [do(items[0])]
        return list(self._threads.map(do, items))

    def read(self, key: str, seen: Seen, span: Range) -> bytes:
        """A range of one version of an object. Raises Changed if it has another one now."""
        start, stop = span
        if start >= stop:
            return b""
        name = key.rpartition("/")[2]
        options = {"range": (start, stop)} | ({"if_match": seen.condition} if seen.condition else {})
        try:
            with raised_as(name):
                found = self.obstore.get(self.store, key, options=options)
                body = bytes(found.bytes())
        except (Changed, FileNotFoundError):
            self.looks.distrust(key)
            raise
        if Seen.of(found.meta).revision != seen.revision or len(body) != stop - start:
            self.looks.distrust(key)
            raise Changed(f"{name!r} changed while it was being read; ask again")
        return body

    def copy(self, key: str, seen: Seen, write: Callable[[bytes], object]) -> None:
        """Write all bytes of one version of an object. Raises Changed if it has another one now."""
        name, options = key.rpartition("/")[2], {"if_match": seen.condition} if seen.condition else None
        with raised_as(name):
            found = self.obstore.get(self.store, key, options=options)
            if Seen.of(found.meta).revision != seen.revision:
                self.looks.distrust(key)
                raise Changed(f"{name!r} changed while it was being read; ask again")
            for part in found.stream():
                write(part)

    def list(self, prefix: str) -> Listed:
        """What a prefix holds, on all pages of the listing; this is a look at all objects in it."""
        began = monotonic()
        with raised_as(prefix or self.name):
            found = self.obstore.list_with_delimiter(self.store, prefix or None)
        objects = {}
        for meta in found["objects"]:
            if meta["path"] == prefix:
                continue  # the mark of an empty folder, as consoles make it
            objects[meta["path"].rpartition("/")[2]] = seen = Seen.of(meta)
            if seen.e_tag is not None and seen.e_tag.endswith('"'):  # as in the header; Azure lists it otherwise
                self.looks.note(meta["path"], seen, began)
        return Listed([path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]], objects)

    def at(self, where: Address) -> Any:
        """Obstore's store whose keys are below a prefix of this one."""
        parts = urlsplit(where.store)
        return self._open(urlunsplit(parts._replace(path=f"/{quote(where.key)}")))

    def look_soon(self, key: str) -> None:
        """Let another thread look at an object, unless one does so already."""
        cell = self.looks.cell(key)
        if cell.is_asked:
            return
        cell.is_asked = True

        def look() -> None:
            try:
                self.looks.of(key)
            except Exception:  # noqa: BLE001 - who asks and waits is told
                return
            finally:
                cell.is_asked = False

        self.do_soon(look)

    def do_soon(self, do: Callable[[], object]) -> None:
        """Call a function in one of the threads, unless the client is closed."""
        with suppress(RuntimeError):
            self._threads.submit(do)

    def existing(self, keys: Sequence[str]) -> dict[str, Seen]:
        """Those of some objects that are there."""

        def seen(key: str) -> Seen | None:
            try:
                return self.looks.of(key)
            except FileNotFoundError:
                return None

        return {key: found for key, found in zip(keys, self.each(seen, keys), strict=True) if found is not None}

    def _head(self, key: str) -> Seen:
        with raised_as(key.rpartition("/")[2] or self.name):
            return Seen.of(self.obstore.head(self.store, key))


def client(address: Address, terms: Terms, resources: Resources | None) -> Client:
    """The client of the store of an address. Raises Damaged if obstore refuses its options."""
    shared = resources or default()
    made: Client = shared.stores.get((address.store, terms), partial(_made, address.store, terms, shared))
    return made


def _made(url: str, terms: Terms, shared: Resources) -> Client:
    return Client(partial(_opened, terms), url, terms, shared.abandoned)


def _opened(terms: Terms, url: str) -> Any:
    """Obstore's store at a URL. Raises Damaged if obstore refuses its options."""
    store = require("obstore.store", "remote")
    options = dict(terms.options)
    endpoint = options.get("endpoint") or next((os.environ[name] for name in ENDPOINTS if name in os.environ), "")
    with raised_as(shown(url)):
        return store.from_url(
            url,
            **({"config": options} if options else {}),
            client_options=_client_options(url, endpoint, terms),
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=terms.timeout),
                "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
            },
        )


def _client_options(url: str, endpoint: str, terms: Terms) -> Mapping[str, Any]:
    """Options of HTTP. An endpoint or address that is written with http:// may be read without TLS."""
    plain = {"allow_http": True} if url.startswith("http://") or endpoint.startswith("http://") else {}
    return plain | {"timeout": timedelta(seconds=terms.timeout), "connect_timeout": timedelta(seconds=min(5.0, terms.timeout))}


FROZEN = inf
"""Seconds for which the only look is trusted, of data that never change."""
