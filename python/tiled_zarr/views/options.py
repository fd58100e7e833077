"""The view that gives options (codec, chunk shape, tile budget) to some of the paths of a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from .. import records
from ..nodes import NO_OPTIONS, Group, Node, Options
from .mirror import Mirror

Below = Mapping[str, Mapping[str, Options]]
"""Options by path, for each child that has some at or below it."""


def with_options(node: Node, chosen: Mapping[str, Options]) -> Node:
    """The node with options for paths at and below it; the path "" is the node itself."""
    below: dict[str, dict[str, Options]] = {}
    for path, options in chosen.items():
        if path:
            name, _, rest = path.partition("/")
            below.setdefault(name, {})[rest] = options
    whole = replace(node, options=chosen.get("", NO_OPTIONS).over(node.options))
    shown = records.Shown().of(whole) if below else whole
    if not below or not isinstance(shown, Group):
        return shown
    return replace(shown, children=Mirror(shown.children, partial(_child, below), keeps_all=True))


def _child(below: Below, name: str, node: Node) -> Node:
    return with_options(node, below[name]) if name in below else node
