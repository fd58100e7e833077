"""What a node looks like now, as the event that tells it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ...hierarchy.documents import Rendered
from ...hierarchy.keyspace import Document, KeySpace, Seen
from ...hierarchy.places import Place
from ...nodes import Array, Changed, Node
from .wire import event

MOST_BYTES = 64 * 1024
"""Bytes of a document whose attributes go into an event; a client reads those of larger ones."""


class State(NamedTuple):
    """A node at one time: `tag` changes whenever the node does, `spelled` is its event.

    `watched` are the local files and folders that it is made from, as far as it names them.
    """

    tag: str
    spelled: bytes
    watched: tuple[str, ...] = ()


def look(keys: KeySpace, path: str, before: State | None) -> State | None:
    """The state of the node at a path in Zarr v3; `before` itself if nothing has changed.

    None if there is no such node. Blocks; raises Changed, and what opening the node raises.
    """
    found = keys.resolve(f"{path}/zarr.json".lstrip("/"))
    if not isinstance(found, Document):
        return None
    seen, rendered = found.seen(), found.rendered()
    if found.seen() != seen:
        raise Changed
    tag = "-".join(filter(None, (rendered.digest, seen.token)))
    if before is not None and before.tag == tag:
        return before
    return State(tag, event("node", described(found.place.node, seen, rendered), tag), watched_at(found.place))


def watched_at(place: Place) -> tuple[str, ...]:
    """The files and folders of a node, or of the nearest node above it that names some."""
    here: Place | None = place
    while here is not None:
        if here.node.watched:
            return here.node.watched
        here = here.above
    return ()


def described(node: Node, seen: Seen, rendered: Rendered) -> dict[str, Any]:
    """What an event says: kind, shape, revision and attributes, each None if unknown or too large."""
    body = rendered.body or b""
    attributes = json.loads(body).get("attributes", {}) if 0 < len(body) <= MOST_BYTES else None
    kind = "array" if isinstance(node, Array) else node.kind
    return {"kind": kind, "shape": shape(node), "revision": seen.token, "attributes": attributes}


def shape(node: Node) -> list[int] | None:
    """The shape of an array, of the columns of a table, of the finest level of an image."""
    if isinstance(node, Array):
        return [*node.shape]
    if node.kind not in {"table", "image"}:
        return None
    first = next(iter(node.children.values()), None)
    return [*first.shape] if isinstance(first, Array) else None
