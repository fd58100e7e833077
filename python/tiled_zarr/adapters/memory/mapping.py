"""Dictionaries and other mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...nodes import Group
from ...resources import Resources
from .adapted import Adapted


def adapt_mapping(source: Mapping[Any, Any], resources: Resources | None = None) -> Group:
    """A group of whatever the values turn into; names may come and go, and values may be replaced, while it is served."""
    children = Adapted(source, resources)
    return Group(
        children=children,
        unavailable=children.nameless,
        revision=children.revision,
        blocking=not _is_at_hand(source),
        kind="folder",
    )


def _is_at_hand(source: Mapping[Any, Any]) -> bool:
    """Whether values are there and become nodes without reading: those of other mappings may be made on look-up, Tiled reads tables."""
    return isinstance(source, dict) and not any(hasattr(value, "structure_family") for value in source.values())
