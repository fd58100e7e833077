"""Steps down a tree: from the root to the node that the first parts of a key name."""

from __future__ import annotations

from typing import NamedTuple

from ..outlines import one_look
from .places import Place, Places


class Reached(NamedTuple):
    """The deepest place that a key's first parts name, and the rest of the key."""

    place: Place
    rest: str


class Waiting(NamedTuple):
    """A group on the way that touches disk or network to open a child, and the rest of the key."""

    place: Place
    rest: str


def walk(places: Places, start: Reached | Waiting) -> Reached:
    """Walk to the end of the key. Blocks; raises what opening a node raises."""
    with one_look():
        step = glance(places, start)
        while isinstance(step, Waiting):
            part, _, rest = step.rest.partition("/")
            below = places.below(step.place, part)
            if below is None:
                return Reached(*step)
            step = glance(places, Reached(below, rest))
        return step


def glance(places: Places, start: Reached | Waiting) -> Reached | Waiting:
    """Walk up to the first group that blocks. Never blocks; raises what opening a node raises."""
    place, rest = start
    while rest and (group := place.group) is not None:
        if group.blocking:
            return Waiting(place, rest)
        part, _, remainder = rest.partition("/")
        below = places.below(place, part)
        if below is None:
            break
        place, rest = below, remainder
    return Reached(place, rest)
