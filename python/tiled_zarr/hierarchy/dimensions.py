"""Dimension names for the arrays of one group, so that xarray opens it, and a tree of such groups.

xarray opens a group if each name has one size in it and no array without axes is called like it. It opens a tree of groups if besides no
name has another size in a group above, nor another index (a one-axis array called like its axis), and no group is called like an index
further up. Of two names alike in one array it only warns, but tensorstore refuses the array.

The names of a source stand wherever its group can be opened. A loose array is a source by itself: its names also give way to those of
its siblings and of all that lies below. A name that gives way ends in the size of its axis, `y_512`, so two of them never clash. A phony
name, for an axis without any, depends on the shape alone: `dim_50`, and `dim_50_1` for a second axis of the same size.
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
"""The arrays of a group by name, each with its shape and the names that its source gives to its axes."""
Standing: TypeAlias = dict[str, int | None]
"""The names that arrays of a group have of their own, each with the size of axis that may keep it, None if none may."""

MOST_KEPT = 4096
"""Shapes whose phony names are remembered."""
PHONY = re.compile(r"dim_(0|[1-9][0-9]*)(_[1-9][0-9]*)?")


@dataclass(slots=True)
class Uses:
    """What names mean in some groups: the `sizes` of the axes that have them, and which are `barred` to an index in a group above.

    Those are the names that have an index here, and those of groups here: xarray inherits indexes, and no group is called like a variable.
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
        """Add those of other groups."""
        for name, sizes in other.sizes.items():
            self.sizes.setdefault(name, set()).update(sizes)
        self.barred |= other.barred


@lru_cache(MOST_KEPT)
def phony(shape: Shape) -> Named:
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


def unnamed(array: str, shape: Shape) -> Named:
    """The phony names of an array, other ones if it would be an index by being called like its only axis.

    >>> unnamed("a", (50,)), unnamed("dim_50", (50,))
    (('dim_50',), ('dim__50',))
    """
    names = phony(shape)
    return (f"dim__{shape[0]}",) if names == (array,) else names


def verbatim(array: str, shape: Shape, own: Own) -> Named:
    """An array's own names as they are, phony ones for axes without."""
    return tuple(name or other for name, other in zip(own or (None,) * len(shape), unnamed(array, shape), strict=True))


def in_source(arrays: Arrays, above: Collection[str] = ()) -> dict[str, Named]:
    """Names for the arrays of a group of a source, whose own stand unless xarray could not open the group.

    If a name has several sizes, its index keeps it, else none does. `above` are phony names of loose arrays above.

    >>> in_source({"y": ((4,), ("y",)), "a": ((4, 4), ("y", "y")), "b": ((3, 2), ("y", "x"))})
    {'y': ('y',), 'a': ('y', 'y_4'), 'b': ('y_3', 'x')}
    """
    sizes = _sizes(arrays)
    taken = _phonies_beside(arrays, sizes).union(above)
    standing = {name: _size_in_source(name, seen, arrays, taken) for name, seen in sizes.items()}
    return {array: _named(array, arrays, standing, Uses()) for array in arrays}


def loose(arrays: Arrays, below: Uses) -> dict[str, Named]:
    """Names for the loose arrays of a group, which give way to each other and to those `below`.

    >>> loose({"a": ((4, 2), ("y", "x")), "b": ((3, 2), ("y", "x"))}, Uses(sizes={"x": {2}}))
    {'a': ('y_4', 'x'), 'b': ('y_3', 'x')}
    """
    standing = {name: _loose_size(name, seen, arrays, below) for name, seen in _sizes(arrays).items()}
    return {array: _named(array, arrays, standing, below) for array in arrays}


def alone(array: str, shape: Shape, own: Own) -> Named:
    """Names for a loose array of which nobody knows what it stands beside and above: none of its own stands.

    >>> alone("a", (4, 2), ("y", None))
    ('y_4', 'dim_2')
    """
    return _named(array, {array: (shape, own)}, {}, Uses())


def misleading(arrays: Arrays) -> set[str]:
    """Own names that read like the phony name of another size, as those that xarray makes by an axis' number do (`dim_0`)."""
    return {name for name, sizes in _sizes(arrays).items() if any(_misleads(name, size) for size in sizes)}


def nameless(arrays: Arrays) -> set[str]:
    """The phony names of axes without a name of their own."""
    phonies = ((own, unnamed(array, shape)) for array, (shape, own) in arrays.items())
    return {name for own, names in phonies for axis, name in enumerate(names) if not (own and own[axis])}


def _sizes(arrays: Arrays) -> dict[str, set[int]]:
    """The own names of arrays, each with the sizes that it has."""
    sizes: dict[str, set[int]] = {}
    for shape, own in arrays.values():
        for size, name in zip(shape, own or (), strict=bool(own)):
            if name:
                sizes.setdefault(name, set()).add(size)
    return sizes


def _phonies_beside(arrays: Arrays, sizes: Mapping[str, set[int]]) -> set[str]:
    """The phony names of siblings, as far as an own name could be taken for one."""
    return nameless(arrays) if any(PHONY.fullmatch(name) for name in sizes) else set()


def _size_in_source(name: str, seen: set[int], arrays: Arrays, taken: set[str]) -> int | None:
    """The size of the axes that may keep a name in a group of a source."""
    if _is_scalar(name, arrays):
        return None
    if name in taken and (match := PHONY.fullmatch(name)):
        return int(match[1])
    if _is_index(name, arrays):
        return arrays[name][0][0]
    return next(iter(seen)) if len(seen) == 1 else None


def _loose_size(name: str, seen: set[int], arrays: Arrays, below: Uses) -> int | None:
    """The size of the axes that may keep a name among loose arrays."""
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
    """Whether a name reads like the phony name of another size."""
    match = PHONY.fullmatch(name)
    return match is not None and int(match[1]) != size


def _named(array: str, arrays: Arrays, standing: Standing, below: Uses) -> Named:
    """Names for one array of a group: no two alike, those of its own that stand for a size on axes of that size alone."""
    shape, own = arrays[array]
    phonies = unnamed(array, shape)
    if not own:
        return phonies
    if len(set(own)) == len(own) and all(name and standing.get(name) == size for name, size in zip(own, shape, strict=True)):
        return own  # type: ignore[return-value] # none is None
    named = {axis: name for axis, name in enumerate(phonies) if not own[axis]}
    for axis, (name, size) in enumerate(zip(own, shape, strict=True)):
        if not name:
            continue
        taken = named.values()
        if standing.get(name) == size and name not in taken:
            named[axis] = name
            continue
        others = (other for other in _others(name, size, phonies[axis]) if other not in taken and other not in own)
        named[axis] = next(other for other in others if _is_free(other, size, arrays, standing, below))
    return tuple(named[axis] for axis in range(len(shape)))


def _is_free(name: str, size: int, arrays: Arrays, standing: Standing, below: Uses) -> bool:
    """Whether an axis of a size may be given a name that is not its own."""
    return name not in arrays and name not in standing and below.sizes.get(name, {size}) == {size} and not _misleads(name, size)


def _others(name: str, size: int, phony: str) -> Iterator[str]:
    """What a name may give way to, the best first: the phony name in place of one that misleads, else `y_512`, `y__512`, ..."""
    if _misleads(name, size):
        yield phony
    for length in count(1):
        yield f"{name}{'_' * length}{size}"
