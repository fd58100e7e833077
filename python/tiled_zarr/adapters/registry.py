"""Objects and files -> nodes, through the entry points `tiled_zarr.adapters`.

An entry point's name is a type's qualified name (`pandas.core.frame.DataFrame`) or a file suffix
(`.h5`, `.ome.tif`); what it loads takes the object or the path and returns a node. If it has a second
parameter `resources`, it is given what the application shares (resources.py). Three names stand
for what is known by what it can do: `folder`, `mapping`, and `tiled` for anything with a structure
family. Adapters that nobody asks for are never imported, nor are the packages behind them; and since
this room finds all of them by name, it imports none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from ..attributes import merged
from ..nodes import Array, Damaged, Group, Node, Unavailable
from ..resources import Resources

ENTRY_POINTS = "tiled_zarr.adapters"
OURS = "tiled-zarr"
FOLLOWED = "tiled.followed"
"""The entry point that keeps the node of a Tiled adapter up with its object, which may change in place."""

RESOURCES = "resources"
MOST_KNOWN = 1024
"""Adapters and types whose entry points are remembered."""


class Adapter(Protocol):
    """What turns an object, or the file at a path, into a node, with the resources of the application."""

    def __call__(self, source: Any, resources: Resources | None = None, /) -> Node:
        """The node. Without resources, those of the process are used."""


def adapt(source: object, metadata: Mapping[str, Any] | None = None, resources: Resources | None = None) -> Node:
    """The node that shows `source`; `metadata` is added to its attributes. Raises Unavailable for what has no place in Zarr.

    A type is known by its own entry point or by that of a base class; then Tiled adapters and mappings are known by what they can do.
    """
    return _with(_adapt(source, resources), metadata)


def followed(source: object, node: Node) -> Node:
    """The node of an object of which `node` was made: another one where the object has changed in place, as adapters of Tiled's may."""
    kind: Any = type(source)
    if not hasattr(source, "structure_family") or _entry_of(kind) is not None:
        return node
    follow: Callable[[object, Node], Node] = _table()[FOLLOWED].load()
    return follow(source, node)


def open_file(path: Path, metadata: Mapping[str, Any] | None = None, resources: Resources | None = None) -> Node:
    """The node that shows the file or folder at `path`; `metadata` is added to its attributes.

    Raises OSError where it cannot be read, Unavailable where no adapter knows its suffix.
    """
    opener = file_adapter(path)
    if opener is not None:
        return _with(opener(path, resources), metadata)
    if path.is_dir():
        return _with(_load(_table()["folder"])(path, resources), metadata)
    raise Unavailable(f"no adapter for the suffix of {path.name!r}; known are {', '.join(sorted(suffixes()))}")


def file_adapter(path: Path) -> Adapter | None:
    """The opener of the longest known suffix of a name, whatever its case, or None."""
    parts = path.name.lower().split(".")
    for i in range(1, len(parts)):
        entry = _table().get("." + ".".join(parts[i:]))
        if entry is not None:
            return _load(entry)
    return None


def suffixes() -> frozenset[str]:
    """The file suffixes that have an adapter, in lower case, each with its dot."""
    return frozenset(name for name in _table() if name.startswith("."))


def _adapt(source: object, resources: Resources | None) -> Node:
    if isinstance(source, Array | Group):
        return source
    entry = _entry_of(type(source))  # type: ignore[arg-type] # mypy asks whether instances of nodes have a hash
    if entry is not None:
        return _load(entry)(source, resources)
    if hasattr(source, "structure_family"):
        return _load(_table()["tiled"])(source, resources)
    if isinstance(source, Mapping):
        return _load(_table()["mapping"])(source, resources)
    kind = type(source)
    raise Unavailable(
        f"no adapter for {kind.__module__}.{kind.__qualname__}; "
        f"turn it into a numpy array, a mapping or a node, or register an adapter under the entry points {ENTRY_POINTS!r}"
    )


def _with(node: Node, metadata: Mapping[str, Any] | None) -> Node:
    return replace(node, attributes=merged(node.attributes, metadata)) if metadata else node


@lru_cache(MOST_KNOWN)
def _entry_of(kind: type) -> EntryPoint | None:
    """The entry point of a type or, failing that, of its nearest base class."""
    names = (f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__)
    return next((entry for name in names if (entry := _table().get(name)) is not None), None)


@lru_cache(MOST_KNOWN)
def _load(entry: EntryPoint) -> Adapter:
    """What an entry point names. Raises Damaged where the package that it needs is not installed."""
    try:
        loaded = _called_with_resources(entry.load())
    except ModuleNotFoundError as error:
        raise Damaged(f"the adapter for {entry.name!r} needs the package {error.name!r}, which is not installed") from error
    return loaded


@lru_cache(MOST_KNOWN)
def _called_with_resources(adapter: Callable[..., Node]) -> Adapter:
    """The adapter, which may take the object alone, as one that takes resources too."""
    try:
        names = list(signature(adapter).parameters)
    except (TypeError, ValueError):  # some functions in C do not tell theirs
        names = []
    if RESOURCES in names[1:2]:
        return adapter
    return lambda source, _=None, /: adapter(source)


@cache
def _table() -> Mapping[str, EntryPoint]:
    """The entry points by name; another distribution's adapter replaces our own."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.dist is None or entry.dist.name != OURS)
    return MappingProxyType({entry.name: entry for entry in found})
