"""Compares a tree as Tiled's own client reads it with the same tree as zarr-python reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import zarr
from tiled.client.composite import CompositeClient
from tiled.structures.core import StructureFamily

OURS = ("tiled_zarr", "_ARRAY_DIMENSIONS")
"""Attributes that stand beside a node's own."""


@dataclass(frozen=True)
class Seen:
    """A node and all below it as Tiled's client reads them, each once.

    `values` are those of an array, `children` those of a container, or the columns of a table with
    its index. `formless` names the children that Zarr has no place for.
    """

    metadata: Any
    values: np.ndarray[Any, Any] | None = None
    dims: tuple[str, ...] | None = None
    children: Mapping[str, Seen] = field(default_factory=dict)
    formless: frozenset[str] = frozenset()


def seen(client: Any) -> Seen:
    """Read a node and all below it.

    A composite container has its parts here: a table is a group of columns, and not spread over its
    container.
    """
    said = json(client.metadata)
    match family(client):
        case "container":
            container = client.base if isinstance(client, CompositeClient) else client
            children = {name: container[name] for name in container}
            formless = frozenset(name for name, child in children.items() if is_formless(child))
            return Seen(said, children={name: seen(child) for name, child in children.items() if name not in formless}, formless=formless)
        case "table":
            return Seen(said, children={str(name): Seen({}, column.to_numpy()) for name, column in client.read().reset_index().items()})
        case "sparse":
            return Seen(said, client.read().todense(), client.dims)
        case other:
            assert other == "array"
            return Seen(said, np.asarray(client.read()), client.dims)


def family(client: Any) -> str:
    return str(StructureFamily(client.structure_family).value)


def is_formless(client: Any) -> bool:
    return family(client) in {"awkward", "ragged"} or (family(client) == "array" and client.dtype.hasobject)


def json(value: Any) -> Any:
    """Metadata as JSON has them: null for what is not finite."""
    return orjson.loads(orjson.dumps(plain(value)))


def plain(value: Any) -> Any:
    """Tiled's client shows mappings and lists as views of its own."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if hasattr(value, "__iter__") and not isinstance(value, str | bytes) else value


def differences(theirs: Seen, ours: Any, path: str = "") -> Iterator[str]:
    """What differs at a node and below it, a line for each: names, metadata, type, axes, values."""
    if isinstance(ours, zarr.Array) != (theirs.values is not None) or ours is None:
        yield f"{path}: {ours}"
        return
    if (got := attributes(ours)) != theirs.metadata:
        yield f"{path}: metadata {got} instead of {theirs.metadata}"
    if theirs.values is not None:
        if is_named(theirs.dims) and tuple(theirs.dims) != (names := dimensions(ours)):
            yield f"{path}: dimensions {names} instead of {theirs.dims}"
        yield from of_values(theirs.values, ours, path)
        return
    if (named := set(ours.attrs.get("tiled_zarr", {}).get("unavailable", {}))) != theirs.formless:
        yield f"{path}: unavailable {sorted(named)} instead of {sorted(theirs.formless)}"
    if (names := set(ours.keys())) != set(theirs.children):
        yield f"{path}: children {sorted(names)} instead of {sorted(theirs.children)}"
    for name, child in theirs.children.items():
        yield from differences(child, ours.get(name), f"{path}/{name}")


def is_named(dims: Any) -> bool:
    """True if a source names its axes; xarray numbers those without a name, and ours go by their size."""
    return bool(dims) and list(dims) != [f"dim_{axis}" for axis in range(len(dims))]


def of_values(values: np.ndarray[Any, Any], ours: zarr.Array, path: str) -> Iterator[str]:
    """Types agree but for byte order, which Zarr has one of; text may come in any type for text."""
    read = np.asarray(ours[...])
    if values.dtype.hasobject:
        if list(map(str, values.ravel())) != list(map(str, read.ravel())):
            yield f"{path}: text {read} instead of {values}"
        return
    wire = values.dtype.newbyteorder("=") if values.dtype.names is None else values.dtype
    if (ours.dtype, ours.shape) != (wire, values.shape):
        yield f"{path}: {ours.dtype} {ours.shape} instead of {wire} {values.shape}"
    elif not np.array_equal(read.astype(wire), values, equal_nan=wire.kind in "fcmM"):
        yield f"{path}: values {read} instead of {values}"


def attributes(node: zarr.Group | zarr.Array) -> dict[str, Any]:
    return {name: value for name, value in node.attrs.asdict().items() if name not in OURS}


def dimensions(array: zarr.Array) -> tuple[str, ...]:
    """The names of the axes, which version 2 has as xarray writes them."""
    return tuple(array.attrs["_ARRAY_DIMENSIONS"] if array.metadata.zarr_format == 2 else array.metadata.dimension_names)
