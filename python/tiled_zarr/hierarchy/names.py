"""Node names on the wire: as the source has them, or an alias where Zarr forbids them.

An alias writes each forbidden character as `~` and two hex digits a UTF-8 byte (`~` itself is `~7e`). It is one to one, and not percent
encoding, which HTTP servers decode.
https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html#node-names
"""

from __future__ import annotations

import re
from functools import lru_cache

RESERVED = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})
ESCAPE = re.compile(r"~([0-9a-f]{2})")
FORBIDDEN = re.compile(r"[/\\~%?#\x00-\x1f\x7f\ud800-\udfff]")
"""Beside `/` and `~`: zarr-python turns a backslash in a path into a slash; fsspec leaves `%`, `?` and `#` unescaped in URLs, and a chunk
asked for under such a name would read as zeros; control characters and lone surrogates have no place in a URL."""
FORBIDDEN_V2 = re.compile(rf"{FORBIDDEN.pattern}|[\[\]*]")
"""In Zarr v2 also brackets and stars: zarr-python 2.18 looks for names with `glob`, to which they mean something else."""
MOST_KEPT = 4096
"""Names whose spelling is remembered."""
LONGEST = 1024
"""Bytes of UTF-8. A file name has at most 255; an HDF5 link may have 65,535, written with three bytes each longer than a URL can be."""


def refusal(name: object) -> str | None:
    """Why something cannot name a node in a key, or None.

    A lone surrogate can where it stands for a byte that is no UTF-8, as in names of files: its alias writes that byte.

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
    """The name of a node in keys of a format that forbids some characters.

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


@lru_cache(MOST_KEPT)
def unwire(part: str, forbidden: re.Pattern[str] = FORBIDDEN) -> str | None:
    """The source's name for one part of a key, or None where no name is written so.

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
    """The path in Zarr v3 of a node by its path in v2.

    >>> path_in_v3("a~5b1~5d/b~2fc")
    'a[1]/b~2fc'
    """
    parts = ((part, unwire(part, FORBIDDEN_V2)) for part in path.split("/"))
    return "/".join(part if name is None else wire(name) for part, name in parts) if path else ""


def _escape(name: str, forbidden: re.Pattern[str]) -> str:
    return forbidden.sub(lambda match: "".join(f"~{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape")), name)


def _latin(part: str) -> str:
    """UTF-8 bytes of the part, one character each, so that escapes can stand between them."""
    return part.encode("utf-8").decode("latin-1")
