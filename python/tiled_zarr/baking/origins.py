"""The origin of an array in a store: which array of which version of a source it was made from.

A file is served at one path and baked from another, so the path in a tree tells nothing. The
revision names the file and its version, and the path inside the source names the array.
"""

from __future__ import annotations

import json
from typing import TypeAlias

from ..hierarchy.places import Place
from ..nodes import Group
from ..revisions import joined, launch_nonce

Names: TypeAlias = tuple[str, ...]
"""The names of nodes in their sources, from the top down."""


def origin(inside: Names, revision: str | None) -> str | None:
    """The origin of an array by its path inside its source, and its revision.

    None if the source has no revision. That of data in memory names the process, so it counts as
    none: all arrays there have the same.
    """
    if revision is None or launch_nonce() in revision:
        return None
    return joined(["array", json.dumps(inside), revision])


def inside(place: Place) -> Names:
    """The path of a place inside its source; empty for an array that is a source itself."""
    names, found = [], 0
    while place.above is not None:
        names.append(place.name)
        place = place.above
        found = len(names) if place.group is not None and is_source(place.group) else found
    return tuple(reversed(names[:found]))


def is_source(group: Group) -> bool:
    """True if the children of a group belong to one source; False for folders and mounted trees."""
    return group.kind != "folder" and not (group.kind == "group" and group.revision is launch_nonce)
