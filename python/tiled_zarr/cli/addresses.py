"""The addresses at which a server can be reached, for the text that it prints."""

from __future__ import annotations

import socket
from types import MappingProxyType

ALL = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "[::1]"})  # noqa: S104 - compared, not listened on
"""The hosts that mean every address of this machine, each with its loopback address."""
ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737), to which nothing is sent."""


def in_address(host: str) -> str:
    """A host as it stands in an address.

    >>> in_address("::1"), in_address("localhost")
    ('[::1]', 'localhost')
    """
    return f"[{host}]" if ":" in host else host


def local(host: str) -> str:
    """The host in the address for this machine."""
    return ALL.get(host, in_address(host))


def network(host: str) -> str | None:
    """The host in the address for other machines; None if we listen on one address, or have none."""
    return own() if host in ALL else None


def own() -> str | None:
    """The IPv4 address from which this machine would send to others; None without a network.

    Connecting a UDP socket chooses it, and sends nothing.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(ELSEWHERE)
        except OSError:
            return None
        address = str(asked.getsockname()[0])
    return None if address.startswith("127.") or address in ALL else address
