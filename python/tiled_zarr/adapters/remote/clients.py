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
from importlib import import_module
from math import inf
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from ...caches.recent import Recent
from ...nodes import Changed, Damaged
from ...resources import IN_FLIGHT, Fetching, Resources, default, nbytes_of
from ..common.extras import require
from ..common.faults import NoRanges, Refused, raised_as
from ..common.ranged import Range
from .addresses import Address, shown
from .looks import Looks, Seen

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 3
PART, PARTS = 8 * 1024 * 1024, 8
"""Bytes of a part of an object that is copied, and parts that are in memory at once."""
OPTIONS = MappingProxyType({"endpoint": "endpoint", "region": "region", "account": "account_name", "anonymous": "skip_signature"})
"""Obstore's names of the options of a store, by ours."""
VARIABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "skip_signature": ("AWS_SKIP_SIGNATURE",),
    }
)
"""Variables of the environment that say what options of a store say, the first that is set."""


class Terms(NamedTuple):
    """How a store is read; `options` are obstore's, as pairs."""

    look: float
    timeout: float
    copy: int
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, fetching: Fetching, store: Mapping[str, Any], *, frozen: bool = False) -> Terms:
        """Those of an application, with the options of a store as settings spell them.

        What is `frozen` is looked at once.
        """
        given = {name: store[spelled] for spelled, name in OPTIONS.items() if spelled in store}
        options = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
        return cls(inf if frozen else fetching.look, fetching.timeout, fetching.copy, tuple(sorted(options.items())))


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
        self._agrees: bool | None = None
        self._threads = ThreadPoolExecutor(IN_FLIGHT, "remote")
        self._ahead = ThreadPoolExecutor(IN_FLIGHT, "remote-ahead")
        """Those of `do_soon`: what they do may wait for the others, so it must not fill them."""

    def close(self) -> None:
        """Let the threads end, and delete the copies."""
        for copy in self.copies.values():
            copy.drop()
        for threads in (self._ahead, self._threads):
            threads.shutdown(wait=False, cancel_futures=True)

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
        """Write all bytes of one version of an object. Raises Changed if it has another one now.

        Asks for parts of PART bytes, some at once: the time that a request may take is for one.
        """
        spans = [(start, min(start + PART, seen.size)) for start in range(0, seen.size, PART)]
        try:
            for first in range(0, len(spans), PARTS):
                for part in self.each(partial(self.read, key, seen), spans[first : first + PARTS]):
                    write(part)
        except NoRanges:
            self._copy_whole(key, seen, write)

    def _copy_whole(self, key: str, seen: Seen, write: Callable[[bytes], object]) -> None:
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
            if self._lists_tags(meta["path"], seen):
                self.looks.note(meta["path"], seen, began)
        return Listed([path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"]], objects)

    def at(self, where: Address) -> Any:
        """Obstore's store whose keys are below a prefix of this one."""
        parts = urlsplit(where.store)
        return self._open(urlunsplit(parts._replace(path=f"/{quote(where.key)}")))

    def _lists_tags(self, key: str, seen: Seen) -> bool:
        """True if listings tell the same ETags as the objects themselves; Azure's do not.

        The first object that is listed is looked at, to know it of all.
        """
        if self._agrees is None:
            try:
                self._agrees = self._head(key).revision == seen.revision
            except OSError:  # it has gone, say, or may not be read: ask of another
                return False
        return self._agrees

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
        """Call a function in another thread, unless the client is closed."""
        with suppress(RuntimeError):
            self._ahead.submit(do)

    def existing(self, keys: Sequence[str]) -> dict[str, Seen]:
        """Those of some objects that are there.

        One that the store refuses counts as absent if another is there, else Refused is raised.
        """

        def seen(key: str) -> Seen | FileNotFoundError | Refused:
            try:
                return self.looks.of(key)
            except (FileNotFoundError, Refused) as error:
                return error

        answers = self.each(seen, keys)
        found = {key: answer for key, answer in zip(keys, answers, strict=True) if isinstance(answer, Seen)}
        refused = next((answer for answer in answers if isinstance(answer, Refused)), None)
        if refused is not None and not found:
            raise refused
        return found

    def _head(self, key: str) -> Seen:
        name = key.rpartition("/")[2] or self.name
        try:
            with raised_as(name):
                return Seen.of(self.obstore.head(self.store, key))
        except Damaged:
            if not self.name.startswith("http"):
                raise
        with raised_as(name):  # a signed URL may allow GET alone
            found = self.obstore.get(self.store, key, options={"range": (0, 1)})
            found.bytes()
            return Seen.of(found.meta)


def client(address: Address, terms: Terms, resources: Resources | None) -> Client:
    """The client of the store of an address. Raises Damaged if obstore refuses its options."""
    shared = resources or default()
    made: Client = shared.stores.get((address.store, terms), partial(_made, address.store, terms, shared))
    return made


def said(terms: Terms) -> dict[str, str]:
    """The options of VARIABLES, as the tree says them, else the environment."""
    given = dict(terms.options)
    found = {
        name: given.get(name) or next((os.environ[one] for one in names if one in os.environ), "") for name, names in VARIABLES.items()
    }
    return {name: value for name, value in found.items() if value}


def _made(url: str, terms: Terms, shared: Resources) -> Client:
    return Client(partial(_opened, terms), url, terms, shared.abandoned)


def _opened(terms: Terms, url: str) -> Any:
    """Obstore's store at a URL. Raises Damaged if obstore refuses its options."""
    store = require("obstore.store", "remote")
    options = dict(terms.options)
    endpoint = said(terms).get("endpoint", "")
    if url.startswith("s3") and endpoint and not endpoint.startswith(("http://", "https://")):
        raise Damaged(f"the endpoint of {shown(url)} is no address; write it as https://HOST or http://HOST:PORT")
    try:
        return store.from_url(
            url,
            **({"config": options} if options else {}),
            **_credentials(url, options),
            client_options=_client_options(url, endpoint, terms),
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=terms.timeout),
                "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
            },
        )
    except Exception as error:
        if not isinstance(error, require("obstore", "remote").exceptions.BaseError):
            raise
    raise Damaged(f"{shown(url)} cannot be opened with these options: check those of its store, and the variables of the environment")


def _credentials(url: str, options: Mapping[str, str]) -> Mapping[str, Any]:
    """What reads the profile that AWS_PROFILE names, which obstore leaves to boto3; else nothing."""
    is_signed = url.startswith("s3") and options.get("skip_signature") != "true"
    if not is_signed or "AWS_PROFILE" not in os.environ or "AWS_ACCESS_KEY_ID" in os.environ:
        return {}
    try:
        return {"credential_provider": import_module("obstore.auth.boto3").Boto3CredentialProvider()}
    except ModuleNotFoundError as error:
        raise Damaged(f"AWS_PROFILE takes the package {error.name!r}: pip install boto3, or set AWS_ACCESS_KEY_ID") from error
    except Exception as error:
        raise Damaged(f"the profile in AWS_PROFILE gives no credentials: {type(error).__name__}") from error


def _client_options(url: str, endpoint: str, terms: Terms) -> Mapping[str, Any]:
    """Options of HTTP. An endpoint or address that is written with http:// may be read without TLS."""
    plain = {"allow_http": True} if url.startswith("http://") or endpoint.startswith("http://") else {}
    return plain | {"timeout": timedelta(seconds=terms.timeout), "connect_timeout": timedelta(seconds=min(5.0, terms.timeout))}
