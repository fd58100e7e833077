"""Text from sources as every document can hold it: no lone surrogates, and where it is a reason, one short line without addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST = 300
"""Characters of a reason: what libraries say of a failure fits (HDF5's longest we met has 212), a flood does not."""
LONGEST_NAME = 1024
"""Characters of a name that is told to users; no name that can stand in a key is longer (names.py)."""
CUT = 16 * LONGEST
"""Characters of a reason that are looked at: folders and addresses before the cut would leave room for more."""

MOST_SUFFIXES = 12
"""Suffixes of files of unknown kind that are named in one sentence."""

PASSED_ON = (KeyboardInterrupt,)
"""What is meant for this process. Panics of native libraries and a source's own `sys.exit()` are no `Exception`, but a source's."""

SURROGATES = re.compile("[\ud800-\udfff]")
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+|0x[0-9a-fA-F]{8,}")
FOLDERS = re.compile(r"(?:/[^/\s'\":,]+)+/(?=[^/\s'\":,])")
CONTROL = re.compile(r"[\x00-\x1f\x7f\s]+")
ESCAPED_BYTES = range(0xDC80, 0xDD00)
"""What Python decodes a byte to that is no UTF-8: the byte and 0xdc00."""


def plain(text: str) -> str:
    r"""The text with lone surrogates written out: as `\xff` those that stand for a byte that is no UTF-8, else as `\ud800`.

    >>> plain("caf\udce9 \ud800"), plain("é")
    ('caf\\xe9 \\ud800', 'é')
    """
    exact = text if type(text) is str else str.__str__(text)
    return exact if exact.isascii() else SURROGATES.sub(_escape, exact)


def name(value: object) -> str:
    """What a name is called in reasons and tables of names: its text, else its representation; at most LONGEST_NAME characters.

    Nothing that `value` does can make it raise.
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
    """The kind and the text of an error on one line, without the server's folders. Nothing that the error does can make it raise.

    >>> of_error(OSError("cannot open '/data/secret/a.h5'"))
    "OSError: cannot open 'a.h5'"
    """
    said = FOLDERS.sub("", said_by(why)[:CUT])
    return line(f"{type(why).__name__}: {said}" if said else type(why).__name__)


def of_system(why: OSError) -> str:
    """What the system says of a file, with what to do about it, and without its folder.

    >>> of_system(PermissionError(13, "Permission denied", "/data/secret/a.h5"))
    "there is no right to read 'a.h5'; let the user that runs the server read it (chmod u+r)"
    >>> of_system(FileNotFoundError(2, "No such file or directory", "/data/a.h5")), of_system(OSError(5, "Input/output error"))
    ("'a.h5' has gone; put it back, or list its folder again", 'the system says: input/output error; look at the disk or network it is on')
    """
    given = why.filename if isinstance(why.filename, str | bytes) else ""
    file = given.decode(errors="surrogateescape") if isinstance(given, bytes) else given
    shown = repr(plain(file.rstrip("/").rpartition("/")[2])) if file else "it"
    if isinstance(why, PermissionError):
        return line(f"there is no right to read {shown}; let the user that runs the server read it (chmod u+r)")
    if isinstance(why, FileNotFoundError | NotADirectoryError):
        return line(f"{shown} has gone; put it back, or list its folder again")
    said = f"{why.strerror or type(why).__name__}"
    where = f" of {shown}" if file else ""
    return line(f"the system says{where}: {said[:1].lower()}{said[1:]}; look at the disk or network it is on")


def unknown_files(suffixes: Mapping[str, int]) -> str:
    """How many files no adapter knows, and their suffixes, those of most files first.

    >>> unknown_files({"lif": 1, "czi": 11}), unknown_files({"": 1})
    ('12 files of unknown kind: czi, lif', '1 file of unknown kind: without suffix')
    """
    count, ordered = sum(suffixes.values()), sorted(suffixes, key=lambda suffix: -suffixes[suffix])
    shown = [plain(suffix) or "without suffix" for suffix in ordered[:MOST_SUFFIXES]]
    more = [f"{len(ordered) - len(shown):,} more"] if len(ordered) > len(shown) else []
    return f"{count:,} file{'s' if count != 1 else ''} of unknown kind: {', '.join([*shown, *more])}"


def said_by(value: object) -> str:
    """`str(value)`, or nothing where that raises."""
    try:
        return str(value)
    except PASSED_ON:
        raise
    except BaseException:  # noqa: BLE001 - a source's own object; whoever asks has its type to tell of
        return ""


def without_addresses(text: str) -> str:
    """The text without places in this process's memory, which differ between workers and tell attackers where things are."""
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
