"""The places of nodes by the paths in URLs of pages."""

from __future__ import annotations

from ...hierarchy.keyspace import Document, KeySpace
from ...hierarchy.places import Place


def placed(keys: KeySpace, path: str) -> Place | None:
    """The place of the node at a path, spelled as in its URL; None if there is no such node.

    We look for its attributes document, which every node has. Blocks; raises what opening raises.
    """
    found = keys.resolve(f"{path}/.zattrs".lstrip("/"))
    return found.place if isinstance(found, Document) else None
