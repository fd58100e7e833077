"""Cuts a long list into pages: which entries the page shows that a request asks for."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from ..protocol import requests

ENTRIES = 500
"""Entries of a list on one page: 80 kB of HTML if they are not described."""
PARAMETER = "page"


@dataclass(frozen=True, slots=True)
class Pager:
    """Page `number` of a list with `total` entries; the first page is 1."""

    number: int
    total: int

    @property
    def count(self) -> int:
        """The number of pages; an empty list has one."""
        return max(1, -(-self.total // ENTRIES))

    @property
    def shown(self) -> range:
        """The positions of the entries on the page, from 0.

        >>> Pager(3, 1001).shown, Pager(1, 0).shown
        (range(1000, 1001), range(0, 0))
        """
        return range((self.number - 1) * ENTRIES, min(self.number * ENTRIES, self.total))

    @property
    def before(self) -> int | None:
        """The number of the page before, if there is one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        """The number of the next page, if there is one."""
        return self.number + 1 if self.number < self.count else None

    def __str__(self) -> str:
        """Which entries are shown, of how many.

        >>> str(Pager(2, 100_000))
        '501 to 1,000 of 100,000, page 2 of 200'
        """
        first, last = self.shown.start + 1, self.shown.stop
        return f"{first:,} to {last:,} of {self.total:,}, page {self.number:,} of {self.count:,}"


def of(scope: Scope, total: int) -> Pager | None:
    """The page of a list that a request asks for, the first by default; None if there is none."""
    asked = requests.query_value(scope, PARAMETER)
    if asked is None:
        return Pager(1, total)
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and asked[0] != "0"):
        return None
    found = Pager(int(asked), total)
    return found if found.number <= found.count else None
