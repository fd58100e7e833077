"""Arrays, groups and stores of zarr-python, wherever they are stored."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import zarr
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore, ObjectStore, StorePath

from ...nodes import Array, Changed, Damaged, Group, Node, Revision
from ...resources import Resources, default
from ..common.children import Children, opened
from ..common.snapshot import is_for_users
from ..common.stores import ATTRIBUTES, DOCUMENTS
from . import arrays
from .keyed import KeyedChunks
from .layout import V2, V3, layout_of
from .open import open_zarr
from .values import BoundedStore, Values

CONSOLIDATED = ".zmetadata"
OF_FORMAT = MappingProxyType({2: (V2, ".zgroup"), 3: (V3,)})
"""The documents of which a node of each format has one."""


def adapt_array(source: zarr.Array[Any], resources: Resources | None = None) -> Node:
    """The array as it was when it was opened; in a folder, as it is in that folder now.

    Its regions have revisions in a folder and in an object store of obstore. Other stores cannot
    say when a value changes.
    """
    return _of_folder(source, resources) or _array(source, values_of(source.store, resources), resources)


def adapt_group(source: zarr.Group, resources: Resources | None = None) -> Node:
    """The group; its members are looked up again as they change, at latest after LIFE seconds.

    If it was opened with consolidated metadata, it has the members that these name.
    """
    return _of_folder(source, resources) or _group(source, values_of(source.store, resources), resources)


def adapt_store(source: Store, resources: Resources | None = None, *, life: float | None = None) -> Node:
    """The array or group at the root of a store; `life` is that of `values_of`."""
    return _opened(values_of(source, resources, life), "", resources)


class Followed:
    """The array or group at a path of a store, opened again when its documents have changed.

    What an object store says of them is trusted for `life` seconds, as in `values_of`.
    """

    def __init__(self, source: Store, path: str = "", *, life: float | None = None, resources: Resources | None = None) -> None:
        self._values = values_of(source, resources, life)
        self._path = path
        self._resources = resources
        self._keys = [posixpath.join(path, name) for name in (*DOCUMENTS, ATTRIBUTES, CONSOLIDATED)]
        self._kept: tuple[Hashable, Node] | None = None

    def __call__(self) -> Node:
        """The node as it is now. Blocks; raises what opening it raises, Changed if it changes meanwhile."""
        state, kept = self._values.state(self._keys), self._kept
        if kept is not None and state is not None and kept[0] == state:
            return kept[1]
        node = _opened(self._values, self._path, self._resources)
        if self._values.state(self._keys) != state:
            raise Changed("its documents changed while they were read; ask again")
        self._kept = (state, node)
        return node


def _opened(values: Values, path: str, resources: Resources | None) -> Node:
    """The array or group at a path. Raises FileNotFoundError if there is none, Damaged if it is bad."""
    try:
        found = zarr.open(store=StorePath(values.store, path), mode=_mode(values.store))
    except Exception as error:
        raise _refusal("the store", error) from error
    return _of_folder(found, resources) or _node(found, values, resources)


def values_of(store: Store, resources: Resources | None, life: float | None = None) -> Values:
    """The values of a store; those of an object store of obstore have tags.

    Those of a session of icechunk that only reads belong to one snapshot.

    These are trusted for `life` seconds, else for as long as the settings say (`remote_look`).
    """
    if type(store) is not ObjectStore:
        found = Values(store)
        session = getattr(store, "session", None) if type(store).__module__.startswith("icechunk.") else None
        found.snapshot = session.snapshot_id if session is not None and session.read_only else None
        return found
    from .tagged import Tagged  # it needs obstore, which such a store has loaded

    shared = resources or default()
    tagged = Tagged(store, shared.fetching.look if life is None else life, shared.abandoned)
    shared.stores.keep(("zarr", repr(store.store)), tagged)  # the server starts more threads if there is one
    return tagged


def _of_folder(source: zarr.Array[Any] | zarr.Group, resources: Resources | None) -> Node | None:
    """The node of the folder in which the source is stored, which has revisions, else None."""
    store = source.store
    return open_zarr(Path(store.root) / source.path, resources) if type(store) is LocalStore else None


def _array(source: zarr.Array[Any], values: Values, resources: Resources | None) -> Array:
    document = _document(source.metadata)
    arrays.check_codecs(document)
    item, shape = arrays.item_of(source), arrays.chunk_shape(source)
    found = layout_of(posixpath.join(source.path, V3 if source.metadata.zarr_format == 3 else V2), document, item[0])
    store = BoundedStore(values.store)
    if found is None or shape is None:
        return arrays.node(source, store, None, item, revision=Revision(values.revision))
    chunks = KeyedChunks.of(found, values, shape, item[0], resources)
    if type(values) is Values or chunks.opened is None:
        return arrays.node(source, store, chunks, item, revision=Revision(values.revision))
    from .versions import VersionedChunks

    versioned = VersionedChunks.of(found, values, shape, item[0], resources)
    return arrays.node(source, store, versioned, item, revision=versioned.revision())


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
    return Group(children=members, attributes=source.attrs.asdict(), revision=values.revision, blocking=True)


def _node(source: zarr.Array[Any] | zarr.Group, values: Values, resources: Resources | None) -> Node:
    return _array(source, values, resources) if isinstance(source, zarr.Array) else _group(source, values, resources)


class Kept(NamedTuple):
    """A member's node, its documents by keys as they were read, and their state before that."""

    node: Node
    keys: list[str]
    documents: list[bytes | None]
    state: Hashable | None


class Members(Mapping[str, Node]):
    """The members of a group, as their documents in the store are now.

    A document is read again after LIFE seconds, or if its object has another tag, and a node made
    anew if it has changed.
    """

    def __init__(self, source: zarr.Group, values: Values, resources: Resources | None) -> None:
        self._path = source.path
        self._format = source.metadata.zarr_format
        self._values = values
        self._resources = resources
        self._kept: dict[str, Kept] = (resources or default()).nodes.share()

    def __getitem__(self, name: str) -> Node:
        kept = self._kept.get(name)
        if kept is None and not _is_name(name):
            raise KeyError(name)
        keys = kept.keys if kept else [*self._keys(name), *[self._key(name, ATTRIBUTES)] * (self._format == 2)]
        state = self._values.state(keys)
        if kept is not None and state is not None and kept.state == state:
            return kept.node
        documents = self._values.several(keys)
        if all(document is None for document in documents[: len(self._keys(name))]):
            raise KeyError(name)
        node = kept.node if kept is not None and kept.documents == documents else opened(partial(self._open, documents), name)
        self._kept[name] = Kept(node, keys, documents, state)
        return node

    def __contains__(self, name: object) -> bool:
        return _is_name(name) and bool(self._values.existing(self._keys(str(name))))

    def __iter__(self) -> Iterator[str]:
        names = [name for name in self._values.names(self._path) if _is_name(name) and name not in (*DOCUMENTS, ATTRIBUTES, CONSOLIDATED)]
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
