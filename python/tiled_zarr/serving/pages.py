"""What a notebook shows for a server: the tree, and its pages in a frame."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import islice

from ..hierarchy.openings import reason
from ..nodes import Array, Group, Node

MOST_NAMES = 20
"""Children of a group that are shown."""
DEEPEST = 2
"""Levels of the tree that are shown."""
HEIGHT = 480
"""Of the frame, in pixels."""


def page(root: Group, address: str) -> str:
    """The tree below `root` as a list, then the page at `address`, on which one can walk on."""
    source = escape(address, quote=True)
    frame = f'<iframe src="{source}" width="100%" height="{HEIGHT}" style="border:1px solid #ccc" allowfullscreen></iframe>'
    return f'<div><a href="{source}" target="_blank" rel="noopener">tiled-zarr</a>{listed(root, DEEPEST)}{frame}</div>'


def listed(group: Group, depth: int) -> str:
    """The children of a group as a list, each with what it is; nothing below `depth` levels."""
    if not depth:
        return ""
    names = [*islice(group.children, MOST_NAMES + 1)]
    items = [*rows(group, names[:MOST_NAMES], depth), *(["<li>...</li>"] if len(names) > MOST_NAMES else [])]
    return f"<ul>{''.join(items)}</ul>"


def rows(group: Group, names: list[str], depth: int) -> Iterator[str]:
    """Yield a row for each name; a child that cannot be opened has the reason in it."""
    for name in names:
        try:
            node = group.children[name]
            inner = listed(node, depth - 1) if isinstance(node, Group) else ""
            said = described(node)
        except Exception as error:  # noqa: BLE001 - one bad child does not hide the others
            said, inner = reason(error), ""
        yield f"<li><b>{escape(name)}</b> {escape(said)}{inner}</li>"


def described(node: Node) -> str:
    """What a node is, in a few words."""
    return f"{node.dtype} {' x '.join(map(str, node.shape))}".strip() if isinstance(node, Array) else node.kind
