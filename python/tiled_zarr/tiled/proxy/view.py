"""What one caller sees of a Tiled server: each request carries the caller's own credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import httpx

from ...caches.flight import Flights
from ...nodes import Damaged, Unauthenticated
from ...resources import Resources
from .remote import Params, Path, Remote, is_addressable
from .told import Told, told

FIELDS = tuple(("fields", field) for field in ("metadata", "structure_family", "structure", "specs"))
TERSE = (("omit_links", "true"), ("max_depth", "0"))
"""No links, and no children inside the document of a container."""
WITH_SOURCES = ("include_data_sources", "true")
NAMES_ONLY = (("fields", ""),)
MOST_ON_PAGE = 300
"""Children on one page of a listing: as many as Tiled gives."""
REFUSALS = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
FAILURES = frozenset({httpx.codes.NOT_FOUND, httpx.codes.TOO_MANY_REQUESTS})
"""Client errors that do not say whether the caller may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """For how many seconds a look at a node is good, and its values are kept.

    `keep` is that of `Told.revision`.
    """

    look: float = 5.0
    keep: float | None = None


class View:
    """A Tiled server as one caller sees it.

    `headers` hold the credentials. `tag` stands for the caller in revisions, and tells nothing of
    the credentials; it is empty if the credentials are the proxy's own. Thread-safe.
    """

    def __init__(self, remote: Remote, headers: Mapping[str, str], trust: Trust, resources: Resources, tag: str = "") -> None:
        self.remote = remote
        self.headers = headers
        self.trust = trust
        self.resources = resources
        self.tag = tag
        self.flights: Flights[Any, Any] = Flights(resources.abandoned)
        """The looks under way: threads that want the same one wait for it."""

    def look(self, path: Path, *, with_sources: bool = True) -> Told | None:
        """What Tiled tells of a node now; None if the caller sees none there. Blocks."""
        if not all(map(is_addressable, path)):
            return None
        params: Params = (*FIELDS, *TERSE, *((WITH_SOURCES,) if with_sources else ()))
        response = self.remote.get("metadata", path, params, self.headers)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return told(_document(self._checked(response))["data"])

    def may_read(self, path: Path, seen: Told) -> bool:
        """Whether the caller may read the values of a node. Blocks.

        Tiled checks this before it looks at the parameters: we ask for a block or a partition that
        does not exist, which reads nothing. Raises what a failure of Tiled's means.
        """
        if seen.family == "table":
            response = self.remote.get("table/partition", path, (("partition", str(seen.structure.get("npartitions", 1))),), self.headers)
        else:
            block = ",".join("0" * (len(seen.structure["shape"]) + 1))
            response = self.remote.get("array/block", path, (("block", block),), self.headers)
        if response.is_server_error or response.status_code in FAILURES:
            raise self._fault(response)
        return response.status_code not in REFUSALS

    def count(self, path: Path) -> int:
        """The number of children of a container. Blocks."""
        response = self.remote.get("search", path, (("fields", "count"), ("page[limit]", "0")), self.headers)
        return int(_document(self._checked(response))["meta"]["count"])

    def children(self, path: Path, *, with_nodes: bool = True) -> Iterator[tuple[str, Told | None]]:
        """The children of a container, page by page, in Tiled's order. Blocks.

        Without nodes, or if Tiled fails to tell of all children on a page, these are names and None.
        """
        start: Params = (("page[limit]", str(MOST_ON_PAGE)),)
        while start:
            response = self.remote.get("search", path, (*(FIELDS if with_nodes else NAMES_ONLY), *TERSE, *start), self.headers)
            if with_nodes and not response.is_success and response.status_code not in REFUSALS:
                response = self.remote.get("search", path, (*NAMES_ONLY, *TERSE, *start), self.headers)
            page = _document(self._checked(response))
            for resource in page["data"]:
                is_whole = (resource.get("attributes") or {}).get("structure_family") is not None
                yield str(resource["id"]), told(resource) if is_whole else None
            start = _next(page)

    def data(self, route: str, path: Path, params: Params, accept: str) -> bytes:
        """The bytes of values. Blocks; raises what the response means."""
        return self._checked(self.remote.get(route, path, params, self.headers, accept)).content

    def wants_document(self) -> bool:
        """True if this thread opens a node for a document or a listing that can do without it."""
        asked = self.resources.hangs.asked(get_ident())
        return asked is not None and asked.is_listed

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.status_code != httpx.codes.OK:
            raise self._fault(response)
        return response

    def _fault(self, response: httpx.Response) -> Exception:
        """What a refusal means to who asked us: a key of the proxy's own is not for them to change."""
        fault = self.remote.fault(response)
        is_ours = isinstance(fault, Unauthenticated) and not self.tag
        return Damaged(f"the key of this proxy is not valid: {fault}") if is_ours else fault


def _document(response: httpx.Response) -> Any:
    """The JSON document in a response. Raises Damaged if it is none of Tiled's."""
    try:
        document = response.json()
    except ValueError as error:
        raise Damaged(f"{response.url.path} is no JSON document") from error
    if not isinstance(document, dict) or "data" not in document:
        raise Damaged(f"{response.url.path} is no document of Tiled's")
    return document


def _next(document: Mapping[str, Any]) -> Params:
    """The parameters of the page after this one; none if it is the last.

    A proxy in front of Tiled may give links another host, so we use only the query.
    """
    link = (document.get("links") or {}).get("next")
    return tuple((name, value) for name, value in httpx.URL(link).params.multi_items() if name.startswith("page[")) if link else ()
