"""Views on views.

They show the same node as long as the source's node is the same, and open nothing unasked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from strategies import array_node
from tiled_zarr import Group, Node
from tiled_zarr.views.mirror import MOST_SHOWN, Mirror
from tiled_zarr.views.options import with_options
from tiled_zarr.views.view import composed, same

ONE, OTHER = array_node(np.arange(3)), array_node(np.arange(4))


class Opened(Mapping[str, Node]):
    """Children that note which of them were opened."""

    def __init__(self, **children: Node) -> None:
        self.children = children
        self.opened: list[str] = []

    def __getitem__(self, name: str) -> Node:
        self.opened.append(name)
        return self.children[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.children)

    def __len__(self) -> int:
        return len(self.children)


def titled(title: str) -> object:
    def view(root: Group) -> Group:
        return replace(root, attributes={"titles": [*root.attributes.get("titles", []), title]})

    return view


def without_a(root: Group) -> Group:
    def show(name: str, node: Node) -> Node:
        if name == "a":
            raise KeyError(name)
        return node

    return replace(root, children=Mirror(root.children, show))


def test_the_first_view_is_nearest_to_the_source() -> None:
    root = composed(titled("first"), titled("second"))(Group(children={}))
    assert root.attributes["titles"] == ["first", "second"]


def test_no_views_show_the_tree_itself() -> None:
    root = Group(children={"a": ONE})
    assert composed()(root) is root
    assert same(root) is root


def test_a_view_opens_nothing_until_it_is_asked() -> None:
    children = Opened(a=ONE, b=OTHER)
    root = composed(without_a, lambda root: with_options(root, {"b": replace(root.options, codec="zstd:1")}))(Group(children=children))
    assert list(root.children) == ["a", "b"]
    assert children.opened == []
    assert root.children["b"].options.codec == "zstd:1"
    assert set(children.opened) == {"b"}


def test_what_a_view_leaves_out_is_no_child() -> None:
    root = without_a(Group(children={"a": ONE, "b": OTHER}))
    with pytest.raises(KeyError):
        root.children["a"]
    assert ("a" in root.children, "b" in root.children) == (False, True)


def test_the_same_node_is_shown_as_the_same_node() -> None:
    children = {"a": ONE}
    mirror = Mirror(children, lambda _, node: replace(node))
    first = mirror["a"]
    assert mirror["a"] is first
    children["a"] = OTHER
    assert mirror["a"] is not first
    assert mirror["a"].shape == (4,)


def test_names_bound_what_there_is() -> None:
    mirror = Mirror({"a": ONE, "b": OTHER}, lambda _, node: node, names=["b"])
    assert (list(mirror), len(mirror), "a" in mirror) == (["b"], 1, False)
    with pytest.raises(KeyError):
        mirror["a"]


def test_a_view_of_many_children_remembers_a_bounded_number() -> None:
    count = MOST_SHOWN + 5
    mirror = Mirror({str(i): ONE for i in range(count)}, lambda _, node: replace(node))
    for name in mirror:
        assert mirror[name].shape == (3,)
    assert len(mirror._shown) == 5
