"""Arrays, groups and stores of zarr-python, wherever they are stored."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import zarr
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore, StorePath

from ...nodes import Array, Damaged, Group, Node
from ...resources import Resources, default
from ..common.children import Children, opened
from ..common.snapshot import is_for_users
from ..common.stores import ATTRIBUTES, DOCUMENTS
from . import arrays
from .keyed import KeyedChunks
from .layout import V2, V3, layout_of
from .open import open_zarr
from .values import BoundedStore, Values

OF_FORMAT = MappingProxyType({2: (V2, ".zgroup"), 3: (V3,)})
"""The documents of which a node of each format has one."""


def adapt_array(source: zarr.Array[Any], resources: Resources | None = None) -> Node:
    """The array as it was when it was opened; in a folder, as it is in that folder now.

    It has no revision outside a folder, since a store cannot say when a value changes.
    """
    return _of_folder(source, resources) or _array(source, Values(source.store), resources)


def adapt_group(source: zarr.Group, resources: Resources | None = None) -> Node:
    """The group; its members are looked up again as they change, at latest after LIFE seconds.

    If it was opened with consolidated metadata, it has the members that these name.
    """
    return _of_folder(source, resources) or _group(source, Values(source.store), resources)


def adapt_store(source: Store, resources: Resources | None = None) -> Node:
    """The array or group at the root of a store."""
    try:
        found = zarr.open(store=source, mode=_mode(source))
    except Exception as error:
        raise _refusal("the store", error) from error
    return adapt_array(found, resources) if isinstance(found, zarr.Array) else adapt_group(found, resources)


def _of_folder(source: zarr.Array[Any] | zarr.Group, resources: Resources | None) -> Node | None:
    """The node of the folder in which the source is stored, which has revisions, else None."""
    store = source.store
    return open_zarr(Path(store.root) / source.path, resources) if type(store) is LocalStore else None


def _array(source: zarr.Array[Any], values: Values, resources: Resources | None) -> Array:
    document = _document(source.metadata)
    arrays.check_codecs(document)
    item, shape = arrays.item_of(source), arrays.chunk_shape(source)
    found = layout_of(posixpath.join(source.path, V3 if source.metadata.zarr_format == 3 else V2), document, item[0])
    chunks = None if found is None or shape is None else KeyedChunks.of(found, values, shape, item[0], resources)
    return arrays.node(source, BoundedStore(values.store), chunks, item)


def _document(metadata: Any) -> Any:
    """The document of an array, as zarr-python would write it."""
    written = metadata.to_buffer_dict(default_buffer_prototype())
    return json.loads(written[V3 if metadata.zarr_format == 3 else V2].to_bytes())


def _group(source: zarr.Group, values: Values, resources: Resources | None) -> Group:
    known = source.metadata.consolidated_metadata
    members: Mapping[str, Node]
    if known is None:
        members = Members(source, values, resources)
    else:
        members = Children(sorted(known.metadata), lambda name: _node(source[name], values, resources), resources)
    return Group(children=members, attributes=source.attrs.asdict(), blocking=True)


def _node(source: zarr.Array[Any] | zarr.Group, values: Values, resources: Resources | None) -> Node:
    return _array(source, values, resources) if isinstance(source, zarr.Array) else _group(source, values, resources)


class Kept(NamedTuple):
    """A member's node, its documents as they were read, and when they were."""

    node: Node
    documents: list[bytes | None]
    moment: int | None


class Members(Mapping[str, Node]):
    """The members of a group, as their documents in the store are now.

    A document is read again after LIFE seconds, and a node made anew if it has changed.
    """

    def __init__(self, source: zarr.Group, values: Values, resources: Resources | None) -> None:
        self._path = source.path
        self._format = source.metadata.zarr_format
        self._values = values
        self._resources = resources
        self._kept: dict[str, Kept] = (resources or default()).nodes.share()

    def __getitem__(self, name: str) -> Node:
        kept, moment = self._kept.get(name), self._values.moment()
        if kept is not None and moment is not None and kept.moment == moment:
            return kept.node
        if not _is_name(name):
            raise KeyError(name)
        documents = self._values.several([*self._keys(name), self._key(name, ATTRIBUTES)])
        if all(document is None for document in documents[:-1]):
            raise KeyError(name)
        node = kept.node if kept is not None and kept.documents == documents else opened(partial(self._open, documents), name)
        self._kept[name] = Kept(node, documents, moment)
        return node

    def __contains__(self, name: object) -> bool:
        return _is_name(name) and bool(self._values.existing(self._keys(str(name))))

    def __iter__(self) -> Iterator[str]:
        names = [name for name in self._values.names(self._path) if _is_name(name) and name not in (*DOCUMENTS, ATTRIBUTES, ".zmetadata")]
        there = self._values.existing(key for name in names for key in self._keys(name))
        return iter(sorted(name for name in names if not there.isdisjoint(self._keys(name))))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _keys(self, name: str) -> list[str]:
        return [self._key(name, document) for document in OF_FORMAT[self._format]]

    def _key(self, name: str, document: str) -> str:
        return posixpath.join(self._path, name, document)

    def _open(self, documents: list[bytes | None], name: str) -> Node:
        path = posixpath.join(self._path, name)
        try:
            found = zarr.open(
                StorePath(self._values.store, path), mode=_mode(self._values.store), zarr_format=self._format, use_consolidated=False
            )
            return _node(found, self._values, self._resources)
        except Exception as error:
            for document in filter(None, documents):
                with suppress(ValueError, RecursionError):
                    arrays.check_codecs(json.loads(document))
            raise _refusal(repr(name), error) from error


def _mode(store: Store) -> Literal["r", "r+"]:
    """The mode in which a store opens as it is: not every one can make a read-only copy of itself."""
    return "r" if store.read_only else "r+"


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name not in {"", ".", ".."} and "/" not in name


def _refusal(name: str, error: Exception) -> Exception:
    """The error for a node that zarr-python cannot open."""
    if is_for_users(error):
        return error
    return Damaged(f"the metadata of {name} cannot be read as Zarr: {arrays.DAMAGED}")
