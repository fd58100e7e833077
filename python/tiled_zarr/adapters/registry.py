"""Turns objects and files into nodes, with adapters from the entry points `tiled_zarr.adapters`.

The name of an entry point is the qualified name of a type (`pandas.core.frame.DataFrame`) or a file
suffix (`.h5`, `.ome.tif`). It loads a function that takes the object or the path and returns a
node. If the function has a second parameter `resources`, it gets the application's (resources.py).
An adapter that nobody needs is never imported, nor are the packages that it uses.

Some sources have no type or suffix of their own: folders, mappings, Tiled's adapters, which are
anything with a structure family, and whatever follows a protocol for arrays. `BY_NATURE` names what
adapts these. So this module finds all adapters by name, and imports none.
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

from .. import extras
from ..attributes import merged
from ..nodes import Array, Damaged, Group, Node, Unavailable
from ..resources import Resources

ENTRY_POINTS = "tiled_zarr.adapters"
OURS = "tiled-zarr"
BY_NATURE = MappingProxyType(
    {
        "folder": "tiled_zarr.adapters.directory:open_directory",
        "mapping": "tiled_zarr.adapters.memory.mapping:adapt_mapping",
        "array": "tiled_zarr.adapters.memory.arraylike:adapt_arraylike",
        "store": "tiled_zarr.adapters.zarr.objects:adapt_store",
        "tiled": "tiled_zarr.adapters.memory.tiled:adapt_tiled",
        "tiled.followed": "tiled_zarr.adapters.memory.tiled:followed",
    }
)
"""What adapts sources that are known by what they can do; `tiled.followed` updates the node of a
Tiled adapter, which may change in place. Another distribution may have entry points of these names.
"""
ARRAYS = ("__array__", "__array_interface__", "__dlpack__", "__cuda_array_interface__")
"""The protocols by which an object says that it is an array."""
RESOURCES = "resources"
MOST_KNOWN = 1024
"""Adapters and types that are cached, at most."""


class Adapter(Protocol):
    """Turns an object, or the file at a path, into a node, with the application's resources."""

    def __call__(self, source: Any, resources: Resources | None = None, /) -> Node:
        """The node of `source`. Without resources, uses those of the process."""


def adapt(source: object, metadata: Mapping[str, Any] | None = None, resources: Resources | None = None) -> Node:
    """The node of `source`, with `metadata` added to its attributes.

    Looks for the entry point of the type, then of its base classes. Objects without one are Tiled
    adapters if they have a structure family, mappings, or arrays by protocol. Raises Unavailable for
    any other object.
    """
    return _with(_adapt(source, resources), metadata)


def followed(source: object, node: Node) -> Node:
    """The current node of the object that `node` was made from.

    It is another node if the object has changed in place, as Tiled's adapters may.
    """
    kind: Any = type(source)
    if not hasattr(source, "structure_family") or _entry_of(kind) is not None:
        return node
    follow: Callable[[object, Node], Node] = _table()["tiled.followed"].load()
    return follow(source, node)


def open_store(store: object, resources: Resources | None, *, life: float) -> Node:
    """The node of a store of zarr-python; what it says of its values is trusted for `life` seconds."""
    opened: Callable[..., Node] = _table()["store"].load()
    return opened(store, resources, life=life)


def open_file(path: Path, metadata: Mapping[str, Any] | None = None, resources: Resources | None = None) -> Node:
    """The node of the file or folder at `path`, with `metadata` added to its attributes.

    Raises OSError if it cannot be read, and Unavailable if no adapter has its suffix.
    """
    opener = file_adapter(path)
    if opener is not None:
        return _with(watched(opener(path, resources), path), metadata)
    if path.is_dir():
        return _with(_load(_table()["folder"])(path, resources), metadata)
    raise Unavailable(f"no adapter for the suffix of {path.name!r}; known are {', '.join(sorted(suffixes()))}")


def watched(node: Node, path: Path) -> Node:
    """A node that was made from the file or store at `path`, which says so unless it names files itself."""
    return node if node.watched else replace(node, watched=(str(path.absolute()),))


def file_adapter(path: Path) -> Adapter | None:
    """The adapter for the longest known suffix of a name, in any case, or None."""
    parts = path.name.lower().split(".")
    for i in range(1, len(parts)):
        entry = _table().get("." + ".".join(parts[i:]))
        if entry is not None:
            return _load(entry)
    return None


def suffixes() -> frozenset[str]:
    """The file suffixes that have an adapter, in lower case, with their dots."""
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
    if not isinstance(source, type) and any(hasattr(source, protocol) for protocol in ARRAYS):
        return _load(_table()["array"])(source, resources)
    kind = type(source)
    raise Unavailable(
        f"no adapter for {kind.__module__}.{kind.__qualname__}; "
        f"turn it into a numpy array, a mapping or a node, or register an adapter under the entry points {ENTRY_POINTS!r}"
    )


def _with(node: Node, metadata: Mapping[str, Any] | None) -> Node:
    return replace(node, attributes=merged(node.attributes, metadata)) if metadata else node


@lru_cache(MOST_KNOWN)
def _entry_of(kind: type) -> EntryPoint | None:
    """The entry point of a type, else of its nearest base class that has one, else None."""
    names = (f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__)
    return next((entry for name in names if (entry := _table().get(name)) is not None), None)


@lru_cache(MOST_KNOWN)
def _load(entry: EntryPoint) -> Adapter:
    """Load an entry point. Raises Damaged if a package that the adapter needs is not installed."""
    try:
        loaded = _called_with_resources(entry.load())
    except ModuleNotFoundError as error:
        said = f"the adapter for {entry.name!r} needs the package {error.name!r}, which is not installed{extras.cure(error.name)}"
        raise Damaged(said) from error
    return loaded


@lru_cache(MOST_KNOWN)
def _called_with_resources(adapter: Callable[..., Node]) -> Adapter:
    """The adapter, wrapped to accept resources if it takes the object alone."""
    try:
        names = list(signature(adapter).parameters)
    except (TypeError, ValueError):  # some functions in C have no signature
        names = []
    if RESOURCES in names[1:2]:
        return adapter
    return lambda source, _=None, /: adapter(source)


@cache
def _table() -> Mapping[str, EntryPoint]:
    """The entry points by name; the adapter of another distribution replaces ours."""
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.dist is None or entry.dist.name != OURS)
    ours = {name: EntryPoint(name=name, value=value, group=ENTRY_POINTS) for name, value in BY_NATURE.items()}
    return MappingProxyType({**ours, **{entry.name: entry for entry in found}})
