"""Key spaces over views, made on request: few of them, and all share what lies below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tiled_zarr import Array, Group, Node
from tiled_zarr.encoding.encode import encode
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.resources import Resources
from tiled_zarr.views.keyspaces import KeySpaces, Shown
from tiled_zarr.views.mirror import Mirror

VALUES = np.arange(12, dtype="<i4").reshape(3, 4)


def root() -> Group:
    array = Array(shape=VALUES.shape, dtype=VALUES.dtype, read=lambda region: VALUES[region], revision=lambda: "r", blocking=False)
    return Group(children={"a": Group(children={"x": array}), "b": Group(children={"x": array})})


def below(name: str) -> object:
    def view(tree: Group) -> Group:
        child = tree.children[name]
        assert isinstance(child, Group)
        return child

    return view


def negative(tree: Group) -> Group:
    def show(_: str, node: Node) -> Node:
        if isinstance(node, Group):
            return negative(node)
        return replace(node, read=lambda region: -node.read(region), revision=lambda: f"{node.revision()}|negative")

    return replace(tree, children=Mirror(tree.children, show))


def chunk(spaces: KeySpaces, name: str, shown: Shown, key: str) -> Chunk:
    found = spaces.of(name, shown).resolve(key)
    assert isinstance(found, Chunk)
    return found


def test_a_name_has_one_key_space_while_it_is_kept() -> None:
    spaces = KeySpaces(root(), Config(), Resources.of(), most=2)
    first = spaces.of("a", Shown(v3, below("a")))
    assert spaces.of("a", Shown(v3, below("a"))) is first
    spaces.of("b", Shown(v3, below("b")))
    spaces.of("c", Shown(v2))
    assert spaces.of("a", Shown(v3, below("a"))) is not first, "two were asked for after it"


def test_a_subtree_is_a_view() -> None:
    spaces = KeySpaces(root(), Config(), Resources.of())
    assert spaces.of("a", Shown(v3, below("a"))).resolve("x/zarr.json") is not None
    assert spaces.of("a", Shown(v3, below("a"))).resolve("b/x/zarr.json") is None


def test_a_view_that_changes_bytes_has_identities_of_its_own() -> None:
    spaces = KeySpaces(root(), Config(codec="none"), Resources.of())
    plain, other = (chunk(spaces, name, shown, "a/x/c/0/0") for name, shown in {"": Shown(v3), "-": Shown(v3, negative)}.items())
    assert np.array_equal(np.frombuffer(encode(plain), "<i4").reshape(3, 4), VALUES)
    assert np.array_equal(np.frombuffer(encode(other), "<i4").reshape(3, 4), -VALUES)
    assert plain.identity(str(plain.revision())) != other.identity(str(other.revision()))


def test_a_view_that_changes_none_shares_them() -> None:
    spaces = KeySpaces(root(), Config(), Resources.of())
    again = Shown(v3, lambda tree: replace(tree, children=Mirror(tree.children, lambda _, node: node)))
    plain, other = chunk(spaces, "", Shown(v3), "a/x/c/0/0"), chunk(spaces, "again", again, "a/x/c/0/0")
    assert plain.identity("r") == other.identity("r")
