"""Which names the server answers to on loopback, against DNS rebinding.

A page of evil.example may look its own name up again, get 127.0.0.1, and then read this server from
the browser of whoever looks at the page, as if both were one site. The browser still sends the name
in the Host header. So if a request arrives at a loopback address, its Host must be a name that we
know. https://en.wikipedia.org/wiki/DNS_rebinding
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from ..protocol import keys, replies
from ..protocol.replies import Reply
from .auth import Shown, as_it_is

ALWAYS = ("localhost", "127.0.0.1", "[::1]")
MOST_KEPT = 1024
"""Hosts and addresses that we remember what they are; the one used longest ago goes first."""


class Hosts:
    """ASGI middleware: 421 if a request arrives at a loopback address with an unknown Host.

    Known are `localhost`, loopback addresses, this machine's own name, and `allowed`; with `*` in
    `allowed`, all. A request without a Host does not come from a browser. `shown` makes of a refusal
    what the client gets.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str], shown: Shown = as_it_is) -> None:
        self.app = app
        self.shown = shown
        self.names = frozenset(map(str.lower, (*ALWAYS, socket.gethostname(), *allowed)))
        self.is_known = lru_cache(MOST_KEPT)(self.knows)
        self.is_loopback = lru_cache(MOST_KEPT)(is_loopback)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        for name, value in scope["headers"]:
            if name == b"host" and not self.is_known(value) and self.is_local(scope):
                refusal = self.shown(misdirected(value), scope)
                keys.hide(scope)
                return refusal.send(scope["method"], send)
        return self.app(scope, receive, send)

    def is_local(self, scope: Scope) -> bool:
        """Whether a request has arrived at a loopback address."""
        server = scope.get("server")
        return server is not None and self.is_loopback(server[0])

    def knows(self, host: bytes) -> bool:
        """Whether a Host header, with any port, is one of the known names."""
        name = name_of(host)
        return name in self.names or "*" in self.names or is_loopback(name.strip("[]"))


def name_of(host: bytes) -> str:
    """The name in a Host header, in lower case, without its port.

    >>> name_of(b"LocalHost.:8000"), name_of(b"[::1]:80")
    ('localhost', '[::1]')
    """
    text = host.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].removesuffix(".")


def is_loopback(address: str) -> bool:
    """Whether this is a loopback address; names and paths of sockets are none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def misdirected(host: bytes) -> Reply:
    """The reply that says what to set."""
    name = name_of(host)
    return replies.text(
        421,
        f"this server does not know itself as {name!r}: if a proxy sends this name, or you do, set "
        f"TILED_ZARR_ALLOWED_HOSTS={name} or the option --allowed-hosts {name}",
    )
