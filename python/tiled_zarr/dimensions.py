"""Dimension names for every array of a group, so that xarray can open it: the source's own where they agree, else phony ones.

A phony name depends on the shape alone: `dim_50`, and `dim_50_1` for a second axis of the same size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

Own = tuple[str | None, ...] | None
MOST_KEPT = 4096
"""Shapes whose names are remembered."""
PHONY = re.compile(r"dim_(\d+)(_\d+)?")


@lru_cache(MOST_KEPT)
def phony(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The names of an array whose axes have none.

    >>> phony((50, 30, 50))
    ('dim_50', 'dim_30', 'dim_50_1')
    """
    seen: Counter[int] = Counter()
    names = []
    for size in shape:
        names.append(f"dim_{size}_{seen[size]}" if seen[size] else f"dim_{size}")
        seen[size] += 1
    return tuple(names)


def agreed(arrays: Mapping[str, tuple[tuple[int, ...], Own]]) -> dict[str, tuple[str, ...]]:
    """Names for sibling arrays, given as name -> (shape, own names); an own name holds unless it cannot for one of them.

    It cannot where it stands for two sizes in the group, twice in one array, on an array of several axes that has that name itself
    (xarray refuses each), or where it reads like the phony name of another size.

    >>> agreed({"a": ((4, 2), ("y", "x")), "b": ((3, 2), ("y", "x"))})
    {'a': ('dim_4', 'x'), 'b': ('dim_3', 'x')}
    """
    sizes: dict[str, set[int]] = {}
    refused: set[str] = set()
    for name, (shape, own) in arrays.items():
        for axis, (size, dimension) in enumerate(zip(shape, own or (), strict=bool(own))):
            if not dimension:
                continue
            sizes.setdefault(dimension, set()).add(size)
            is_repeated = own is not None and dimension in own[:axis]
            is_coordinate_of_many_axes = dimension == name and len(shape) > 1
            if is_repeated or is_coordinate_of_many_axes or PHONY.fullmatch(dimension):
                refused.add(dimension)
    refused.update(dimension for dimension, seen in sizes.items() if len(seen) > 1)
    return {name: _named(shape, own, refused) for name, (shape, own) in arrays.items()}


def _named(shape: tuple[int, ...], own: Own, refused: set[str]) -> tuple[str, ...]:
    if own is None:
        return phony(shape)
    return tuple(
        fallback if not dimension or dimension in refused else dimension for dimension, fallback in zip(own, phony(shape), strict=True)
    )
