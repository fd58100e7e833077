"""Chooses dimension names with which xarray opens each group, and a whole tree of groups.

The idea: keep the names that a source gives to its axes. If two uses of a name clash, rename one
of them by appending the size of its axis, `y_512`. Two such names never clash: if they are equal,
so are the sizes.

What xarray demands of one group:
- Each dimension name has one size.
- No 0-d array has the name of a dimension.
- An array should not name two of its axes alike: xarray only warns, but tensorstore refuses it.

What it demands of a tree (DataTree) besides, since a group inherits from those above:
- No name has another size in a group above.
- No name has another index in a group above. An index is a 1-d array named like its axis.
- No group has the name of an index in a group above it.

Who gives way:
- The arrays of a source (a file) keep their own names if xarray can open their group so.
- A loose array is a source by itself. Its names give way to those of its siblings and to those of
  everything below its group.

An axis without a name gets a phony name. It depends on the shape alone, so no other array has to be
looked at: `dim_50`, and `dim_50_1` for a second axis of the same size. A source's own name may
look phony with another size, as the names that xarray makes by numbering the axes do (`dim_0`).
Such a name misleads.

Invariant of the result (except `verbatim`): the names of an array are all different, and within a
group each of the source's own names is on axes of one size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import TypeAlias

Shape: TypeAlias = tuple[int, ...]
Own: TypeAlias = tuple[str | None, ...] | None
Named: TypeAlias = tuple[str, ...]
Arrays: TypeAlias = Mapping[str, tuple[Shape, Own]]
"""The arrays of a group by name, each with its shape and its source's own dimension names."""
Kept: TypeAlias = dict[str, int | None]
"""The own names in a group, each with the size of the axes that keep it; None if none does."""

MOST_KEPT = 4096
"""Shapes whose phony names are cached, at most."""
PHONY = re.compile(r"dim_(0|[1-9][0-9]*)(_[1-9][0-9]*)?")


@dataclass(slots=True)
class Uses:
    """How a set of groups uses names; the arrays above must not contradict it.

    `sizes` are the sizes of the axes with each name. `barred` are the names that no array above may
    use as an index: those with an index here, since groups inherit indexes from above, and those
    of the groups themselves, since xarray takes no group with the name of a variable above it.
    """

    sizes: dict[str, set[int]] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)

    def add(self, array: str, shape: Shape, names: Named) -> None:
        """Add the axes of one array."""
        for name, size in zip(names, shape, strict=True):
            self.sizes.setdefault(name, set()).add(size)
        if names == (array,):
            self.barred.add(array)

    def join(self, other: Uses) -> None:
        """Add the uses in other groups."""
        for name, sizes in other.sizes.items():
            self.sizes.setdefault(name, set()).update(sizes)
        self.barred |= other.barred


@lru_cache(MOST_KEPT)
def phony(shape: Shape) -> Named:
    """The phony names of an array of this shape.

    >>> phony((50, 30, 50))
    ('dim_50', 'dim_30', 'dim_50_1')
    """
    seen: Counter[int] = Counter()
    names = []
    for size in shape:
        names.append(f"dim_{size}_{seen[size]}" if seen[size] else f"dim_{size}")
        seen[size] += 1
    return tuple(names)


def unnamed(array: str, shape: Shape) -> Named:
    """The names of an array whose source names no axis.

    These are the phony names, unless the array has the name of its only axis: it would be an index.

    >>> unnamed("a", (50,)), unnamed("dim_50", (50,))
    (('dim_50',), ('dim__50',))
    """
    names = phony(shape)
    return (f"dim__{shape[0]}",) if names == (array,) else names


def verbatim(array: str, shape: Shape, own: Own) -> Named:
    """An array's own names unchanged, and phony names for the other axes."""
    return tuple(name or other for name, other in zip(own or (None,) * len(shape), unnamed(array, shape), strict=True))


def in_source(arrays: Arrays, above: Collection[str] = ()) -> dict[str, Named]:
    """The names for the arrays in a group of a source; own names stay if xarray can open the group.

    If a name has several sizes, only axes as long as its index keep it; without an index none does.
    `above` are the phony names of loose arrays above, which own names must not contradict.

    >>> in_source({"y": ((4,), ("y",)), "a": ((4, 4), ("y", "y")), "b": ((3, 2), ("y", "x"))})
    {'y': ('y',), 'a': ('y', 'y_4'), 'b': ('y_3', 'x')}
    """
    sizes = _sizes(arrays)
    taken = _phonies_beside(arrays, sizes).union(above)
    kept = {name: _size_in_source(name, seen, arrays, taken) for name, seen in sizes.items()}
    return {array: _named(array, arrays, kept, Uses()) for array in arrays}


def loose(arrays: Arrays, below: Uses) -> dict[str, Named]:
    """The names for the loose arrays of a group, which give way to each other and to those `below`.

    >>> loose({"a": ((4, 2), ("y", "x")), "b": ((3, 2), ("y", "x"))}, Uses(sizes={"x": {2}}))
    {'a': ('y_4', 'x'), 'b': ('y_3', 'x')}
    """
    kept = {name: _loose_size(name, seen, arrays, below) for name, seen in _sizes(arrays).items()}
    return {array: _named(array, arrays, kept, below) for array in arrays}


def alone(array: str, shape: Shape, own: Own) -> Named:
    """The names for a loose array whose siblings and groups below are unknown: none of its own.

    >>> alone("a", (4, 2), ("y", None))
    ('y_4', 'dim_2')
    """
    return _named(array, {array: (shape, own)}, {}, Uses())


def misleading(arrays: Arrays) -> set[str]:
    """The own names that look like the phony name of another size.

    Names that xarray makes from the number of an axis do (`dim_0`).
    """
    return {name for name, sizes in _sizes(arrays).items() if any(_misleads(name, size) for size in sizes)}


def nameless(arrays: Arrays) -> set[str]:
    """The phony names of the axes that the source does not name."""
    phonies = ((own, unnamed(array, shape)) for array, (shape, own) in arrays.items())
    return {name for own, names in phonies for axis, name in enumerate(names) if not (own and own[axis])}


def _sizes(arrays: Arrays) -> dict[str, set[int]]:
    """The own names of arrays, each with the sizes of its axes."""
    sizes: dict[str, set[int]] = {}
    for shape, own in arrays.values():
        for size, name in zip(shape, own or (), strict=bool(own)):
            if name:
                sizes.setdefault(name, set()).add(size)
    return sizes


def _phonies_beside(arrays: Arrays, sizes: Mapping[str, set[int]]) -> set[str]:
    """The phony names of siblings if an own name looks like one, else none."""
    return nameless(arrays) if any(PHONY.fullmatch(name) for name in sizes) else set()


def _size_in_source(name: str, seen: set[int], arrays: Arrays, taken: set[str]) -> int | None:
    """The size of the axes that keep a name in a group of a source, or None."""
    if _is_scalar(name, arrays):
        return None
    if name in taken and (match := PHONY.fullmatch(name)):
        return int(match[1])
    if _is_index(name, arrays):
        return arrays[name][0][0]
    return next(iter(seen)) if len(seen) == 1 else None


def _loose_size(name: str, seen: set[int], arrays: Arrays, below: Uses) -> int | None:
    """The size of the axes that keep a name among loose arrays, or None."""
    if _is_scalar(name, arrays) or len(seen) > 1:
        return None
    (size,) = seen
    is_another_below = below.sizes.get(name, seen) != seen or (name in below.barred and _is_index(name, arrays))
    return None if is_another_below or _misleads(name, size) else size


def _is_scalar(name: str, arrays: Arrays) -> bool:
    return name in arrays and not arrays[name][0]


def _is_index(name: str, arrays: Arrays) -> bool:
    return name in arrays and arrays[name][1] == (name,)


def _misleads(name: str, size: int) -> bool:
    """True if a name looks like the phony name of another size."""
    match = PHONY.fullmatch(name)
    return match is not None and int(match[1]) != size


def _named(array: str, arrays: Arrays, kept: Kept, below: Uses) -> Named:
    """The names for one array of a group, all different.

    An own name stays on an axis of the size that `kept` gives it; other axes get another name.
    """
    shape, own = arrays[array]
    phonies = unnamed(array, shape)
    if not own:
        return phonies
    if len(set(own)) == len(own) and all(name and kept.get(name) == size for name, size in zip(own, shape, strict=True)):
        return own  # type: ignore[return-value] # none is None
    named = {axis: name for axis, name in enumerate(phonies) if not own[axis]}
    for axis, (name, size) in enumerate(zip(own, shape, strict=True)):
        if not name:
            continue
        taken = named.values()
        if kept.get(name) == size and name not in taken:
            named[axis] = name
            continue
        others = (other for other in _others(name, size, phonies[axis]) if other not in taken and other not in own)
        named[axis] = next(other for other in others if _is_free(other, size, arrays, kept, below))
    return tuple(named[axis] for axis in range(len(shape)))


def _is_free(name: str, size: int, arrays: Arrays, kept: Kept, below: Uses) -> bool:
    """True if an axis of this size may get a name that the source did not give it."""
    return name not in arrays and name not in kept and below.sizes.get(name, {size}) == {size} and not _misleads(name, size)


def _others(name: str, size: int, phony: str) -> Iterator[str]:
    """The replacements for a name, best first: `y_512`, `y__512`, and so on.

    For a name that misleads, the phony name comes before them.
    """
    if _misleads(name, size):
        yield phony
    for length in count(1):
        yield f"{name}{'_' * length}{size}"
