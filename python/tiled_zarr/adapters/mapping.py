"""Dictionaries and other mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..nodes import Group
from ._adapted import Adapted


def adapt_mapping(source: Mapping[Any, Any]) -> Group:
    """A group of whatever the values turn into; names may come and go, and values may be replaced, while it is served."""
    children = Adapted(source)
    return Group(children=children, unavailable=children.nameless, blocking=not isinstance(source, dict))
