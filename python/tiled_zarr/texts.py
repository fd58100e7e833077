"""Text from sources as every document can hold it: no lone surrogates, and where it is a reason, one short line without addresses."""

from __future__ import annotations

import re

LONGEST = 300
"""Characters of a reason: what libraries say of a failure fits (HDF5's longest we met has 212), a flood does not."""
LONGEST_NAME = 1024
"""Characters of a name that is told to users; no name that can stand in a key is longer (names.py)."""
CUT = 16 * LONGEST
"""Characters of a reason that are looked at: folders and addresses before the cut would leave room for more."""

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
