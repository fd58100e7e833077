"""Single byte ranges: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests"""  # noqa: D400 - an address

from __future__ import annotations

import re

SINGLE = re.compile(rb"[ \t]*bytes[ \t]*=[ \t]*([0-9]{0,18})[ \t]*-[ \t]*([0-9]{0,18})[ \t]*", re.IGNORECASE)


class Unsatisfiable(Exception):
    """A well-formed range that selects no byte of the body."""


def parse(header: bytes, length: int) -> tuple[int, int] | None:
    """The half-open range that a Range header asks for; None means the whole body.

    The body has `length` bytes. We ignore headers that are malformed or name several ranges, as the
    RFC allows. Raises Unsatisfiable if the range begins after the end of the body, or has no bytes.

    >>> parse(b"bytes=2-4", 10), parse(b"bytes=7-", 10), parse(b"bytes=-3", 10), parse(b"bytes=0-1,3-4", 10)
    ((2, 5), (7, 10), (7, 10), None)
    """
    match = SINGLE.fullmatch(header)
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return _suffix(int(last), length) if last else None
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= length:
        raise Unsatisfiable
    return start, min(int(last) + 1, length) if last else length


def _suffix(nbytes: int, length: int) -> tuple[int, int]:
    if nbytes == 0 or length == 0:
        raise Unsatisfiable
    return max(0, length - nbytes), length
