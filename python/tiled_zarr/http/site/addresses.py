"""URLs and relative links for the page that a request asks for."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.types import Scope

from ..protocol import keys, locations, requests
from . import pager
from .choice import Choice

HOME = "tiled_zarr.home"
"""The item of a scope with the path of the page of the tree's root, if `/` is another page."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The places that links on a page start from.

    `root` is the server's own URL without a slash at its end, with `/k/KEY` if the address of the
    page holds a key; `up` is the relative path from the page to it. `key` is the API key that the
    request had in its query, or None.
    """

    root: str
    up: str
    key: str | None
    has_key: bool = False
    """Whether the address of the page holds a key, and so `root` does."""
    home: str = ""
    """The path of the page of the tree's root."""

    def link(self, path: str = "", token: str | None = None) -> str:
        """A relative link for this page, with the API key if the request had it in its query.

        A key in the path of the page is in that of each relative link too. With a token, it leads
        to the revision that the token names.
        """
        return self.bare_link(path, token) + self.query

    def page_link(self, number: int, choice: Choice) -> str:
        """A link to another page of the list on this page, with the API key as `link` has it."""
        fields = urlencode({pager.PARAMETER: number, **choice.fields}, quote_via=quote)
        return f"?{fields}{self.query.replace('?', '&')}"

    def bare_link(self, path: str, token: str | None = None) -> str:
        """A relative link for this page, without the API key of the query."""
        return f"{self.up}{locations.before(token)}{quote(path)}"

    def address(self, path: str = "", token: str | None = None) -> str:
        """An absolute URL for other programs, with the API key in its path if the page has one."""
        return f"{self.root}/{locations.before(token)}{quote(path)}"

    @property
    def query(self) -> str:
        """The API key as a query; empty if the request's query had none."""
        return "" if self.key is None else f"?api_key={quote(self.key, safe='')}"


def of(scope: Scope) -> Addresses:
    """The addresses for the page that a request asks for."""
    path = requests.path_of(scope)
    in_query = requests.query_keys(scope)
    key = in_query[0].decode("utf-8", "replace") if in_query else None
    prefix = scope.get(keys.PREFIX) or (keys.prefix(key) if key else "")
    return Addresses(
        root=f"{scope.get('scheme', 'http')}://{_host(scope)}{quote(scope.get('app_root_path', ''))}{prefix}",
        up="../" * (path.count("/") - 1) or "./",
        key=key,
        has_key=bool(prefix),
        home=scope.get(HOME, ""),
    )


def _host(scope: Scope) -> str:
    """The host and port by which the client addresses this server."""
    named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
    host, port = scope.get("server") or ("localhost", None)
    return named or (host if port is None else f"{host}:{port}")
