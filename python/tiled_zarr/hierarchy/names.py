"""Node names on the wire: the source's name, or an alias if Zarr or a client forbids it.

An alias writes each UTF-8 byte of a forbidden character as `~` and two hex digits (`~` itself is
`~7e`). Names and aliases correspond one to one. We do not use percent encoding, since HTTP servers
decode it.
https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html#node-names
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

RESERVED = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})
ESCAPE = re.compile(r"~([0-9a-f]{2})")
FORBIDDEN = re.compile(r"[/\\~%?#\x00-\x1f\x7f\ud800-\udfff]")
"""Characters that an alias replaces.

Besides `/` and `~`: zarr-python turns a backslash in a path into a slash. fsspec leaves `%`, `?`
and `#` unescaped in URLs, and a chunk requested under such a name would read as zeros. URLs cannot
contain control characters and lone surrogates."""
FORBIDDEN_V2 = re.compile(rf"{FORBIDDEN.pattern}|[\[\]*]")
"""In Zarr v2 also brackets and stars: zarr-python 2.18 finds names with `glob`, as patterns."""
BEGINNINGS = "._z"
"""Beginnings of names that may have an alias without a forbidden character in them."""
MOST_KEPT = 4096
"""Names whose spelling is cached, at most."""
LONGEST = 1024
"""Bytes of UTF-8 in a name, at most.

A file name has at most 255. An HDF5 link may have 65,535; an alias with three characters for each
byte would be longer than a URL can be."""


def refusal(name: object) -> str | None:
    """The reason why something cannot name a node in a key, or None if it can.

    A lone surrogate is allowed if it represents a byte that is not UTF-8, as in the names of files:
    the alias writes that byte.

    >>> refusal("image"), refusal(b"image")
    (None, 'its name is no text')
    """
    if not isinstance(name, str):
        return "its name is no text"
    if len(name) <= LONGEST and name.isascii():
        return None
    if len(name) > LONGEST:
        return f"its name has {len(name):,} characters; {LONGEST:,} bytes fit into a URL"
    try:
        nbytes = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return "its name holds half of a surrogate pair, which is no text"
    return f"its name has {nbytes:,} bytes of UTF-8; {LONGEST:,} fit into a URL" if nbytes > LONGEST else None


@lru_cache(MOST_KEPT)
def wire(name: str, forbidden: re.Pattern[str] = FORBIDDEN) -> str:
    """The name of a node in keys: itself, or an alias without the `forbidden` characters.

    >>> wire("image"), wire("a/b"), wire("__x"), wire(".."), wire("zarr.json"), wire("")
    ('image', 'a~2fb', '~5f~5fx', '~2e~2e', 'zarr~2ejson', '~')
    >>> wire("a[1]"), wire("a[1]", FORBIDDEN_V2)
    ('a[1]', 'a~5b1~5d')
    """
    if name == "":
        return "~"
    if name in RESERVED or not name.strip("."):
        return _escape(name, re.compile(r"[.]"))
    if name.startswith("__"):
        return "~5f~5f" + _escape(name[2:], forbidden)
    return _escape(name, forbidden)


def wires(found: Sequence[str], forbidden: re.Pattern[str] = FORBIDDEN) -> list[str]:
    """The names of many nodes in keys, as `wire` spells each.

    One search in all of them takes a tenth of the time: few names have forbidden characters.

    >>> wires(["image", "__x", ""]), wires(["a/b", "c"])
    (['image', '~5f~5fx', '~'], ['a~2fb', 'c'])
    """
    if forbidden.search("".join(found)):
        return [wire(name, forbidden) for name in found]
    return [wire(name, forbidden) if name[:1] in BEGINNINGS else name for name in found]


@lru_cache(MOST_KEPT)
def unwire(part: str, forbidden: re.Pattern[str] = FORBIDDEN) -> str | None:
    """The source's name for one part of a key, or None if `wire` writes no name so.

    >>> unwire("a~2fb"), unwire("a~2Fb"), unwire("~61")
    ('a/b', None, None)
    """
    if "~" not in part:
        return part if wire(part, forbidden) == part else None
    try:
        name = ESCAPE.sub(lambda match: chr(int(match[1], 16)), _latin(part)).encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeError:
        return None
    name = "" if part == "~" else name
    return name if wire(name, forbidden) == part else None


def path_in_v3(path: str) -> str:
    """The path of a node in Zarr v3, from its path in v2.

    >>> path_in_v3("a~5b1~5d/b~2fc")
    'a[1]/b~2fc'
    """
    parts = ((part, unwire(part, FORBIDDEN_V2)) for part in path.split("/"))
    return "/".join(part if name is None else wire(name) for part, name in parts) if path else ""


def _escape(name: str, forbidden: re.Pattern[str]) -> str:
    return forbidden.sub(lambda match: "".join(f"~{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape")), name)


def _latin(part: str) -> str:
    """The UTF-8 bytes of a part, one character each, so that escapes can be among them."""
    return part.encode("utf-8").decode("latin-1")
