"""Walks the keys of a tree in the order in which S3 lists them: by their UTF-8 bytes.

A listing comes in pages, and each goes on behind the last key of the one before. So the walk has to
come to that key without making those before it. It goes down a tree of *branches*: folders, and
within the keys of an array the numbers of each axis. A branch is skipped if no key that begins with
its text is wanted. The children of each are in the order of their texts, and a folder's text ends
in a slash, so that `a-b/x` comes before `a/x`, as in the order of bytes. Numbers come in the order
of their digits (0, 1, 10, 11, 2). The numbers before the first wanted one are never made, and the
walk ends behind the last key that begins with the prefix. So a page takes as long as its own keys,
whichever page of a million chunks it is.

Python compares text by code points, which is the order of UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

DIGITS = frozenset("0123456789")
BEHIND_DIGITS = ":"
"""What comes right behind the digits in the order of texts."""


class Branch(NamedTuple):
    """A text behind that of the branch above; `below` has what follows it, None if it is a key.

    `below` gets what follows the text in the key at which the walk begins, or "".
    """

    text: str
    below: Callable[[str], Iterable[Branch]] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The keys that begin with `prefix` and come behind `after`.

    If `is_folded`, keys with a slash behind the prefix are folded to the part up to that slash.
    """

    prefix: str = ""
    after: str = ""
    is_folded: bool = False

    def walk(self, branches: Iterable[Branch], path: str = "") -> Iterator[str]:
        """The wanted keys below a path, in order; what is folded ends in a slash."""
        for text, below in branches:
            full = path + text
            if full > self.prefix and not full.startswith(self.prefix):
                return
            if below is None:
                if full.startswith(self.prefix) and full > self.after:
                    yield full
            elif self.has_some(full):
                if self.is_folded and text.endswith("/") and len(full) > len(self.prefix):
                    if not self.after.startswith(full):
                        yield full
                else:
                    yield from self.walk(below(self.first_below(full)), full)

    def first_below(self, path: str) -> str:
        """What follows a path in the first key that can be wanted; "" if all below it can."""
        first = max(self.prefix, self.after)
        return first.removeprefix(path) if first.startswith(path) else ""

    def has_some(self, start: str) -> bool:
        """False if no key that begins with `start` can be wanted."""
        is_along = start.startswith(self.prefix) or self.prefix.startswith(start)
        return is_along and (start > self.after or self.after.startswith(start))


def numbers(counts: tuple[int, ...], separator: str, first: str = "") -> Iterator[Branch]:
    """The indices below `counts` as branches; there is one axis at least.

    `first` is the text at which they begin: the numbers before it are left out.
    """
    count, *rest = counts
    begin = first_of(first, count)
    for number in () if begin is None else in_text_order(count, begin):
        if rest:
            yield Branch(f"{number}{separator}", lambda behind: numbers(tuple(rest), separator, behind))
        else:
            yield Branch(str(number))


def first_of(text: str, count: int) -> int | None:
    """The number below `count` from which on those in the order of texts can come behind a text.

    None if all come before it.

    >>> first_of("12/3", 20), first_of("12/3", 9), first_of("", 9), first_of("1x", 20), first_of("x", 9)
    (12, 1, 0, 2, None)
    """
    number, size = 0, 0
    while size < len(text) and (digit := text[size]) in DIGITS and not (size and not number) and number * 10 + int(digit) < count:
        number, size = number * 10 + int(digit), size + 1
    if text[size:] < BEHIND_DIGITS:
        return number
    return following(number, count) if size else None


def in_text_order(count: int, first: int = 0) -> Iterator[int]:
    """The numbers below `count`, at least one, in the order of their texts, from `first` on.

    After a number comes the same with a 0 behind it. If that is too large, comes the next one of as
    many digits, after its last digits have been dropped as long as they are 9 or the next is too
    large.

    >>> list(in_text_order(12)), list(in_text_order(12, 11))
    ([0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9], [11, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    number: int | None = first
    while number is not None:
        yield number
        number = number * 10 if number and number * 10 < count else following(number, count)


def following(number: int, count: int) -> int | None:
    """The number below `count` behind all that begin with the digits of a number; None behind the last."""
    while number % 10 == 9 or number + 1 >= count:
        number //= 10
        if not number:
            return None
    return number + 1
