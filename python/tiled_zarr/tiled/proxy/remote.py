"""Requests to the HTTP API of a Tiled server, and its refusals as faults.

One pool of connections serves all callers. It keeps no cookies, since Tiled sets the key of one
caller as a cookie, which would then go out with the requests of others.
https://blueskyproject.io/tiled/reference/http-api-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from json import JSONDecodeError
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import httpx

from ... import texts
from ...nodes import Busy, Changed, Damaged, Forbidden, TooSlow, Unauthenticated, Unprocessable

Path: TypeAlias = tuple[str, ...]
"""The names of the nodes from Tiled's root down."""
Params: TypeAlias = Sequence[tuple[str, str]]
JSON = "application/json"
ARROW = "application/vnd.apache.arrow.file"
BYTES = "application/octet-stream"

MOST_CONNECTIONS = 16
"""Connections to Tiled, at most: as many as Tiled's own client has."""
CONNECT_SECONDS = 10.0
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""What comes of a connection that the server has just closed since it was idle; we ask once more."""
PASSING = frozenset({429, 502, 503, 504})
"""Status codes of a server that may answer a later request."""
DOTS = frozenset({"", ".", ".."})
"""Names that mean another path in a URL."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def pooled(read_timeout: float, queue_timeout: float) -> httpx.Client:
    """A client with a bounded pool of connections that keeps no cookies. Times are in seconds."""
    limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
    timeout = httpx.Timeout(read_timeout, connect=min(CONNECT_SECONDS, read_timeout), pool=queue_timeout)
    return httpx.Client(limits=limits, timeout=timeout, cookies=no_cookies(), headers={"user-agent": "tiled-zarr"})


def no_cookies() -> CookieJar:
    """A jar that takes no cookies."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


class Remote:
    """A Tiled server: `api` is the address of its API, without a slash at its end. Thread-safe."""

    def __init__(self, api: str, client: httpx.Client) -> None:
        self.api = api
        self.client = client
        parts = urlsplit(api)
        self.name = parts.netloc.rpartition("@")[2]
        """The server's host and port, for messages."""
        self._unpacked = {"accept-encoding": "identity"} if parts.hostname in LOOPBACK else {}

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    def get(self, route: str, path: Path, params: Params, headers: Mapping[str, str], accept: str = JSON) -> httpx.Response:
        """The response of a route for a node, whatever its status. Blocks.

        Raises ConnectionError, TooSlow, Busy or Unauthenticated if there is no response. Each name in the path has to
        be addressable.
        """
        url = "/".join((self.api, *filter(None, [route]), *(quote(name, safe="") for name in path or ("",))))
        packing = {} if accept == JSON else self._unpacked
        ask = partial(self.client.get, url, params=list(params), headers={"accept": accept, **packing, **headers}, follow_redirects=False)
        try:
            try:
                return ask()
            except DROPPED:
                return ask()
        except (httpx.LocalProtocolError, UnicodeError):  # its text shows the header, which holds a key
            raise Unauthenticated("these credentials cannot be sent to Tiled") from None
        except httpx.PoolTimeout as error:
            raise Busy(f"all {MOST_CONNECTIONS} connections to Tiled are in use; ask again later") from error
        except httpx.TimeoutException as error:
            raise TooSlow(f"Tiled at {self.name} did not answer in time") from error
        except httpx.HTTPError as error:
            raise ConnectionError(f"Tiled at {self.name} cannot be reached: {texts.said_by(error)}") from error

    def fault(self, response: httpx.Response) -> Exception:
        """What to raise for a response that is not 200."""
        status, said = response.status_code, detail(response)
        if status == httpx.codes.UNAUTHORIZED:
            return Unauthenticated(f"Tiled asks for a valid key or token: {said}")
        if status == httpx.codes.FORBIDDEN:
            return Forbidden(f"Tiled refuses: {said}")
        if status == httpx.codes.NOT_FOUND:
            return Changed(f"Tiled has it no longer: {said}")
        if status == httpx.codes.UNPROCESSABLE_ENTITY:
            return Unprocessable(f"Tiled cannot serve it: {said}")
        kind = ConnectionError if status in PASSING else Damaged
        return kind(f"Tiled at {self.name} answered {status}: {said}")


def is_addressable(name: str) -> bool:
    """Whether the path of a URL can have a name as one of its parts.

    >>> is_addressable("a b%"), is_addressable(".."), is_addressable("a/b")
    (True, False, False)
    """
    return name not in DOTS and "/" not in name


def detail(response: httpx.Response) -> str:
    """The reason in a response, on one line.

    >>> detail(httpx.Response(404, json={"detail": "No such entry: ['a']"}))
    "No such entry: ['a']"
    """
    try:
        document: Any = response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        document = None
    said = document.get("detail") if isinstance(document, dict) else None
    return texts.line(said if isinstance(said, str) else response.reason_phrase or "without a reason")
