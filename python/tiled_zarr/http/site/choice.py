"""Which children of a group its page lists, and in which order."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from starlette.types import Scope

from ...hierarchy import names as wired
from ...nodes import Group, Node
from ..protocol import requests
from . import listing

SORTS = MappingProxyType({"name": "name", "-name": "name, last first", "kind": "kind", "source": "order of the source"})
"""The values of `sort` in a query, and what they are called on a page."""
FILTER, SORT = "filter", "sort"
NUMBER = re.compile(r"[0-9]+")
MOST_DIGITS = 20
"""Digits of a number in a name that count for its order; longer ones are sorted as text."""
WILD = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a request chooses: a filter for names, and one of SORTS; empty if it chooses nothing."""

    filter: str = ""
    sort: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The fields of a query that chooses the same."""
        return {name: value for name, value in ((FILTER, self.filter), (SORT, self.sort)) if value}

    def ordered(self, names: list[str], nodes: Mapping[str, Node]) -> list[str]:
        """The names of children in the order of the choice. `nodes` are the children that are open.

        Without a choice it is that of the source, unless the source has only sorted the names: then
        numbers in them count as numbers, as people expect it. Children that were not opened have no
        kind, and are sorted by name.
        """
        match self.sort:
            case "source":
                return names
            case "":
                return sorted(names, key=natural) if is_sorted(names) else names
            case "kind":
                return sorted(names, key=lambda name: (kind(nodes.get(name)), natural(name)))
            case _:
                return sorted(names, key=natural, reverse=self.sort.startswith("-"))

    def passing(self, names: list[str]) -> list[str]:
        """The names that pass the filter, as they are in paths or as the source has them."""
        matches = matcher(self.filter)
        return [name for name in names if matches(name) or ("~" in name and matches(in_source(name)))] if self.filter else names


def of(scope: Scope) -> Choice | None:
    """The choice of a request; None if it asks for an order that there is not."""
    sort = requests.query_value(scope, SORT) or ""
    if sort and sort not in SORTS:
        return None
    return Choice((requests.query_value(scope, FILTER) or "").strip(), sort)


def matcher(given: str) -> Callable[[str], object]:
    """Tells if a name has a text in it, or matches a pattern of `*` and `?`, whatever the case.

    Brackets are themselves, since names like `scan[1].tif` are common; fnmatch takes them for sets.

    >>> matcher("IMG")("my_img_1"), bool(matcher("*_1?.t*")("img_10.tif")), matcher("x*")("ax")
    (True, True, None)
    >>> bool(matcher("*[1].tif")("scan[1].tif")), matcher("*[1].tif")("scan1.tif")
    (True, None)
    """
    wanted = given.casefold()
    if WILD.isdisjoint(wanted):
        return lambda name: wanted in name.casefold()
    match = re.compile(fnmatch.translate(wanted.replace("[", "[[]"))).match
    return lambda name: match(name.casefold())


def in_source(name: str) -> str:
    """The source's name of a child, from its name in a path.

    >>> in_source("scan~5b1~5d.tif"), in_source("~")
    ('scan[1].tif', '')
    """
    return wired.unwire(name, wired.FORBIDDEN_V2) or ""


def natural(name: str) -> tuple[str, str]:
    """A key for sorting names in which `scan2` comes before `scan10`, whatever the case.

    >>> sorted(("a10", "A9", "a09"), key=natural)
    ['A9', 'a09', 'a10']
    """
    return NUMBER.sub(_padded, name.casefold()), name


def _padded(match: re.Match[str]) -> str:
    return match[0].zfill(MOST_DIGITS)


def is_sorted(names: list[str]) -> bool:
    """True if the names are in the order of their characters."""
    return all(map(str.__lt__, names, islice(names, 1, None)))


def kind(node: Node | None) -> str:
    """The kind by which a node is sorted: groups, tables and arrays apart."""
    if isinstance(node, Group) and node.kind == "table":
        return "table"
    return listing.kind(node) or ""
