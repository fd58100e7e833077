"""The address of a Tiled server, or of a container in it, as users give it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/v1"
METADATA = "metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a Tiled server has its API, and the path of the node to serve."""

    api: str
    path: tuple[str, ...] = ()


def address_of(url: str) -> Address:
    """The address in a URL: a server's, its API's, or a node's as Tiled's client shows it.

    Raises ValueError if it is none.

    >>> address_of("https://tiled.example/beamline/")
    Address(api='https://tiled.example/beamline/api/v1', path=())
    >>> address_of("http://[::1]:8000/api/v1/metadata/raw/scan%201")
    Address(api='http://[::1]:8000/api/v1', path=('raw', 'scan 1'))
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a Tiled server; write it like https://tiled.example")
    if parts.username is not None or parts.password is not None or "api_key" in parse_qs(parts.query):
        raise ValueError("leave the key out of the address of the Tiled server; give it as tiled_key, or let callers send theirs")
    base, mark, rest = f"{parts.path.rstrip('/')}/".partition(f"{API}/")
    names = [unquote(name) for name in rest.split("/") if name]
    if names and names[0] != METADATA:
        raise ValueError(f"{url!r}: give the address of the server, or of a container below {API}/{METADATA}/")
    root = base if mark else parts.path.rstrip("/")
    return Address(api=f"{parts.scheme}://{parts.netloc}{root.rstrip('/')}{API}", path=tuple(names[1:]))
