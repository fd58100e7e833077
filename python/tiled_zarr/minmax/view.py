"""The tree as min/max levels: groups stay groups, lines become groups of levels, all else is absent.

A line is a 1-d array of numbers, booleans or times, also a column of a table or a field of records.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .. import records
from ..attributes import OURS, Late, merged, now
from ..nodes import Array, Dense, Group, Node, Options, Unavailable
from ..views.mirror import Mirror
from .kernels import KINDS
from .levels import CHUNK, Line, Stores

SIDES = "minmax"
"""The name of the second axis of a level: 0 is the smallest, 1 the largest."""


def view(root: Node, stores: Stores) -> Group:
    """The tree below `root` as min/max levels; an array as `root` gives an empty group.

    A child is opened at its first request.
    """
    return _mirror(root if isinstance(root, Group) else Group({}), "", stores, None)


def _mirror(group: Group, path: str, stores: Stores, budget: int | None) -> Group:
    """The group at `path` with its children as lines."""
    return Group(
        children=Mirror(group.children, partial(_shown, path, stores, group.options.tile_budget or budget)),
        attributes=group.attributes,
        revision=group.revision,
        blocking=group.blocking,
        options=group.options,
        consolidated=False,
        kind="source" if group.kind in {"table", "image"} else group.kind,
        kin=group.kin,
        outline=group.outline,
    )


def _shown(path: str, stores: Stores, budget: int | None, name: str, source: Node) -> Node:
    """A child as this view shows it. Raises KeyError if it is neither a group nor a line."""
    below = f"{path}/{name}"
    if isinstance(source, Group):
        return _mirror(source, below, stores, budget)
    if len(source.shape) != 1 or source.is_sparse:
        raise KeyError(name)
    if source.dtype.names:
        return _mirror(_fields(name, source), below, stores, budget)
    if source.dtype.kind not in KINDS:
        raise KeyError(name)
    return _levels(Line(below, source, stores, source.options.tile_budget or budget or stores.budget))


def _fields(name: str, source: Array) -> Group:
    """The group of the fields of records. Raises KeyError if none can be shown."""
    try:
        return records.as_group(source)
    except Unavailable as why:
        raise KeyError(name) from why


def _levels(line: Line) -> Group:
    """The group of the levels of a line."""
    levels = range(1, len(line.factors) + 1)
    return Group(
        children={str(level): _level(line, level) for level in levels},
        attributes=Late(partial(_attributes, line)),
        revision=lambda: None if line.sampled() else line.node.revision(),
        options=Options(frozen=line.node.options.frozen),
        kind="image",
        kin=line,
    )


def _attributes(line: Line) -> Mapping[str, Any]:
    """The attributes of the source, with the levels under our key."""
    levels = [{"path": str(level), "factor": factor} for level, factor in enumerate(line.factors, 1)]
    said = {"length": line.samples.length, "levels": levels, "sampled": [str(level) for level in line.sampled()]}
    return merged(now(line.node.attributes), {OURS: {SIDES: said}})


def _level(line: Line, level: int) -> Array:
    """The node of a level, whose chunks are the tiles of the line."""
    (dimension,) = line.node.dimension_names or (None,)
    return Array(
        shape=line.shape(level),
        dtype=line.samples.dtype,
        source=Dense(partial(line.read, level)),
        chunks=(CHUNK, 2),
        dimension_names=(f"{dimension or 'bin'}_{line.factors[level - 1]}", SIDES),
        mark=None if line.samples.dtype.kind == "f" else line.samples.mark,
        revision=partial(line.revision, level),
        options=Options(codec=line.node.options.codec, verbatim=True, frozen=line.node.options.frozen),
    )
