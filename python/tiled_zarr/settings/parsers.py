"""Parses text or YAML values into settings. Each parser raises ValueError with what it expects."""

from __future__ import annotations

import json
import re
from codecs import lookup
from collections.abc import Callable
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import codecs
from .memory import LEAST

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
UNITS = MappingProxyType({"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30})
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", re.IGNORECASE | re.ASCII)
DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
PLACE = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]+/[^?#]*")
ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+", re.IGNORECASE | re.ASCII)
SHELVES = MappingProxyType(
    {"folder": "folder", "redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
)
"""Schemes of addresses of a shared cache, and how redis-py spells them."""
LAST_PORT = 65535
SCHEDULER = re.compile(r"(?:tcp|tls|ws|wss)://[^\s/:]+:[0-9]+/?|(?:tcp|tls|ws|wss)://\[[0-9a-f:.]+\]:[0-9]+/?", re.IGNORECASE | re.ASCII)
KEY = re.compile(r"[!-~]+")
HOST = re.compile(r"\*|[a-z0-9_.-]+|\[[0-9a-f:.]+\]", re.IGNORECASE | re.ASCII)


def boolean(value: Any) -> bool:
    """A truth value.

    >>> boolean("yes"), boolean("0"), boolean(True)
    (True, False, True)
    """
    text = str(value).lower()
    if isinstance(value, bool | str) and text in TRUE | FALSE:
        return text in TRUE
    raise ValueError(f"expected true or false, got {value!r}")


def text(value: Any) -> str:
    """Text that is not empty."""
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError(f"expected text, got {value!r}")


def key(value: Any) -> str:
    """An API key: something that fits in a header."""
    if isinstance(value, str) and KEY.fullmatch(value):
        return value
    raise ValueError("expected a key of printable ASCII characters without spaces (in YAML, between quotes)")


def count(value: Any) -> int:
    """A whole number, 0 or more."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    raise ValueError(f"expected a whole number, 0 or more, got {value!r}")


def positive(value: Any) -> int:
    """A whole number, 1 or more."""
    number = count(value)
    if number == 0:
        raise ValueError("expected a whole number, 1 or more, got 0")
    return number


def seconds(value: Any) -> float:
    """A number of seconds, more than 0.

    >>> seconds("1.5"), seconds(60)
    (1.5, 60.0)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf:
        return float(value)
    if isinstance(value, str) and DECIMAL.fullmatch(value) and float(value) > 0:
        return float(value)
    raise ValueError(f"expected a number of seconds, more than 0, got {value!r}")


def size(value: Any) -> int:
    """A number of bytes, with or without a unit.

    >>> size("256 MiB"), size("1.5kB"), size(10)
    (268435456, 1500, 10)
    """
    if not isinstance(value, str):
        return count(value)
    match = SIZE.fullmatch(value.strip())
    unit = match[2].lower() or "b" if match else ""
    if match is None or unit not in UNITS:
        raise ValueError(f"expected a size like 256MB or 1GiB, got {value!r}")
    return int(float(match[1]) * UNITS[unit])


def rate(value: Any) -> int:
    """A number of bytes a second, more than 0."""
    return positive(size(value))


def memory(value: Any) -> int:
    """A number of bytes for all pools, at least LEAST.

    >>> memory("2GiB")
    2147483648
    """
    nbytes = size(value)
    if nbytes < LEAST:
        raise ValueError(f"expected at least {LEAST >> 20}MiB, got {value!r}")
    return nbytes


def path(value: Any) -> Path:
    """The path of a file or folder, `~` expanded; it need not exist."""
    return Path(text(value)).expanduser()


def cache(value: Any) -> str:
    """The address of a cache that processes share: a folder, or a Redis or Valkey server.

    >>> cache("folder:///var/cache/chunks"), cache("valkey://cache.example.org:6379/0")
    ('folder:///var/cache/chunks', 'redis://cache.example.org:6379/0')
    """
    found = text(value)
    scheme, separator, rest = found.partition("://")
    if not separator:
        return f"folder://{path(found).absolute()}"
    known = SHELVES.get(scheme)
    if known is None or not rest.strip("/"):
        raise ValueError("expected folder:///PATH, or redis://HOST:PORT/NUMBER (also rediss, valkey, valkeys, unix)")
    return f"{known}://{path(rest).absolute() if known == 'folder' else rest}"


def shape(value: Any) -> tuple[int, ...]:
    """A chunk shape in elements.

    >>> shape("512,512"), shape([1, 64])
    ((512, 512), (1, 64))
    """
    try:
        sizes = tuple(positive(part) for part in (items(value)))
    except ValueError:
        sizes = ()
    if not sizes:
        raise ValueError(f"expected a chunk shape like 512,512, got {value!r}")
    return sizes


def codec(value: Any) -> str:
    """The spelling of a codec, checked by `codecs.parse`."""
    codecs.parse(text(value))
    return text(value)


def character(value: Any) -> str:
    """One character, not an end of line or a double quote; a blank stands for runs of blanks."""
    if isinstance(value, str) and len(value) == 1 and value not in '\r\n"':
        return value
    raise ValueError(f"expected one character, got {value!r}")


def decimal(value: Any) -> str:
    """The decimal separator of numbers: `.` or `,`."""
    if value in (".", ","):
        return text(value)
    raise ValueError(f"expected . or , between quotes, got {value!r}")


def encoding(value: Any) -> str:
    """Python's name of a text encoding.

    >>> encoding("Latin-1"), encoding("utf-16")
    ('iso8859-1', 'utf-16')
    """
    try:
        found = lookup(text(value))
    except LookupError:
        found = None
    if found is None or not found._is_text_encoding:
        raise ValueError(f"expected an encoding that Python knows, like utf-8 or cp1252, got {value!r}")
    return found.name


def origins(value: Any) -> tuple[str, ...]:
    """Exact origins, or `*`; as a list, or as text with commas or spaces between them.

    >>> origins("http://localhost:3000, https://example.org"), origins('["*"]')
    (('http://localhost:3000', 'https://example.org'), ('*',))
    """
    found = items(value)
    for origin in found:
        if not isinstance(origin, str) or not ORIGIN.fullmatch(origin):
            raise ValueError(f"expected origins like https://example.org:8080, without a path or final slash, or *, got {origin!r}")
    return found


def places(value: Any) -> tuple[str, ...]:
    """Absolute folders, and prefixes of URLs, which end in a slash; as a list, or as text.

    >>> places("s3://bucket/raw/, /data")
    ('s3://bucket/raw/', '/data')
    """
    found = items(value)
    for place in found:
        if not isinstance(place, str) or not (place.startswith("/") or (PLACE.fullmatch(place) and place.endswith("/"))):
            raise ValueError(f"expected absolute folders, or URLs with a slash at their ends, like s3://bucket/raw/, got {place!r}")
    return found


def among(*names: str) -> Callable[[Any], str]:
    """A parser that takes one of these names."""

    def parse(value: Any) -> str:
        if value in names:
            return text(value)
        raise ValueError(f"expected one of {', '.join(names)}, got {value!r}")

    return parse


def scheduler(value: Any) -> str:
    """Where the tasks of dask run: `threads`, `processes`, or the address of a scheduler."""
    if isinstance(value, str) and (value in {"threads", "processes"} or SCHEDULER.fullmatch(value)):
        return value
    raise ValueError(f"expected threads, processes, or the address of a Dask scheduler like tcp://10.0.0.5:8786, got {value!r}")


def port(value: Any) -> int:
    """The number of a TCP port; 0 means any that is free."""
    number = count(value)
    if number > LAST_PORT:
        raise ValueError(f"expected a port from 0 to {LAST_PORT}, got {number}")
    return number


def hosts(value: Any) -> tuple[str, ...]:
    """Names of hosts as in a Host header, without ports, or `*`; a list, or text.

    >>> hosts("data.example.org, [::1]"), hosts(["*"])
    (('data.example.org', '[::1]'), ('*',))
    """
    found = items(value)
    for host in found:
        if not isinstance(host, str) or not HOST.fullmatch(host):
            raise ValueError(f"expected names of hosts like data.example.org, without http:// and port, or *, got {host!r}")
    return found


def items(value: Any) -> tuple[Any, ...]:
    """The items of a list, of text between commas or spaces, or of text that is a JSON list."""
    if isinstance(value, list | tuple):
        return tuple(value)
    if not isinstance(value, str):
        raise ValueError(f"expected a list, got {value!r}")  # noqa: TRY004 - one kind of error for whatever is wrong with a value
    if value.lstrip().startswith("["):
        return tuple(json.loads(value))
    return tuple(value.replace(",", " ").split())
