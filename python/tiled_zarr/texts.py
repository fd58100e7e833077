"""Text from sources in a form that every document can hold: without lone surrogates.

A reason for a failure is one short line without addresses, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST = 300
"""Characters of a reason at most.

Libraries' messages fit (the longest one we met, from HDF5, has 212), and floods do not.
"""
LONGEST_NAME = 1024
"""Characters of a name in messages at most.

No name that can be part of a key is longer (names.py).
"""
CUT = 16 * LONGEST
"""Characters of a reason that we examine.

They are more than LONGEST, since removing folders and addresses shortens the text.
"""

MOST_SUFFIXES = 12
"""Suffixes of unknown files that one sentence names at most."""

PASSED_ON = (KeyboardInterrupt,)
"""Exceptions that are meant for this process.

Panics of native libraries and a source's own `sys.exit()` are no `Exception` either, but they are
failures of the source.
"""

SURROGATES = re.compile("[\ud800-\udfff]")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+|0x[0-9a-fA-F]{8,}")
FOLDERS = re.compile(r"(?:/[^/\s'\":,]+)+/(?=[^/\s'\":,])")
CONTROL = re.compile(r"[\x00-\x1f\x7f\s]+")
ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""Lone surrogates by which Python represents a byte that is no UTF-8: the byte plus 0xdc00."""


def plain(text: str) -> str:
    r"""The text with lone surrogates escaped: as `\xff` if it represents a byte, else as `\ud800`.

    >>> plain("caf\udce9 \ud800"), plain("é")
    ('caf\\xe9 \\ud800', 'é')
    """
    exact = text if type(text) is str else str.__str__(text)
    return exact if exact.isascii() else SURROGATES.sub(_escape, exact)


def name(value: object) -> str:
    """A name for messages: its text or its representation, of at most LONGEST_NAME characters.

    Nothing that `value` does can make this raise.
    """
    text = plain(value) if isinstance(value, str) else without_addresses(_representation(value))
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def line(text: str) -> str:
    r"""A reason on one line of at most LONGEST characters, without addresses of this process.

    >>> line("no <Dataset at 0x7f31c2d0>\n\nin it")
    'no <Dataset> in it'
    """
    flat = CONTROL.sub(" ", without_addresses(plain(text[:CUT]))).strip()
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"


def of_error(why: BaseException) -> str:
    """The type and the text of an error on one line, without the server's folders.

    Nothing that the error does can make this raise.

    >>> of_error(OSError("cannot open '/data/secret/a.h5'"))
    "OSError: cannot open 'a.h5'"
    """
    said = FOLDERS.sub("", said_by(why)[:CUT])
    return line(f"{type(why).__name__}: {said}" if said else type(why).__name__)


def of_system(why: OSError) -> str:
    """What the system reports about a file, with what to do, and without the file's folder.

    >>> of_system(PermissionError(13, "Permission denied", "/data/secret/a.h5"))
    "the server has no right to read 'a.h5'; let the user that runs it read the file (chmod u+r)"
    >>> of_system(FileNotFoundError(2, "No such file or directory", "/data/a.h5")), of_system(OSError(5, "Input/output error"))
    ("'a.h5' has gone; put it back, or list its folder again", 'the system says: input/output error; check the disk or network it is on')
    """
    given = why.filename if isinstance(why.filename, str | bytes) else ""
    file = given.decode(errors="surrogateescape") if isinstance(given, bytes) else given
    shown = repr(plain(file.rstrip("/").rpartition("/")[2])) if file else "it"
    if isinstance(why, PermissionError):
        return line(f"the server has no right to read {shown}; let the user that runs it read the file (chmod u+r)")
    if isinstance(why, FileNotFoundError | NotADirectoryError):
        return line(f"{shown} has gone; put it back, or list its folder again")
    said = f"{why.strerror or type(why).__name__}"
    where = f" of {shown}" if file else ""
    return line(f"the system says{where}: {said[:1].lower()}{said[1:]}; check the disk or network it is on")


def unknown_files(suffixes: Mapping[str, int]) -> str:
    """How many files have no adapter, and their suffixes, the most frequent first.

    >>> unknown_files({"lif": 1, "czi": 11}), unknown_files({"": 1})
    ('12 files of unknown kind: czi, lif', '1 file of unknown kind: without suffix')
    """
    count, ordered = sum(suffixes.values()), sorted(suffixes, key=lambda suffix: -suffixes[suffix])
    shown = [plain(suffix) or "without suffix" for suffix in ordered[:MOST_SUFFIXES]]
    more = [f"{len(ordered) - len(shown):,} more"] if len(ordered) > len(shown) else []
    return f"{count:,} file{'s' if count != 1 else ''} of unknown kind: {', '.join([*shown, *more])}"


def said_by(value: object) -> str:
    """`str(value)`, or "" if that raises."""
    try:
        return str(value)
    except PASSED_ON:
        raise
    except BaseException:  # noqa: BLE001 - a source's own object; callers still have its type
        return ""


def without_addresses(text: str) -> str:
    """The text without memory addresses.

    They differ between workers, and help attackers.
    """
    return ADDRESS.sub("", text) if "0x" in text else text


def _representation(value: object) -> str:
    try:
        return plain(repr(value))
    except PASSED_ON:
        raise
    except BaseException:  # noqa: BLE001 - as above
        return f"a {type(value).__name__}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if code in ESCAPED_BYTES else f"\\u{code:04x}"
