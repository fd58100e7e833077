"""Walking a tree gives the same place as long as the group holds the same node.

If it holds another node, the next walk gives a new place.
"""

from __future__ import annotations

import numpy as np

from strategies import array_node
from tiled_zarr import Group, Node, Table, Unavailable
from tiled_zarr.hangs import Hangs
from tiled_zarr.hierarchy import steps
from tiled_zarr.hierarchy.openings import Openings
from tiled_zarr.hierarchy.places import MOST_KEPT, Place, Places, source_of
from tiled_zarr.hierarchy.steps import Reached, Waiting
from tiled_zarr.nodes import Options

ONE, OTHER = array_node(np.zeros(3)), array_node(np.ones(3))


def show_all(_: Node) -> None:
    pass


def walk(places: Places, key: str) -> tuple[Place, str]:
    return steps.walk(places, Reached(places.root, key))


def test_a_place_is_remembered_while_its_node_stands_there() -> None:
    below: dict[str, Node] = {"a": ONE}
    places = Places(Group(children={"g": Group(children=below)}), Options(), Openings(show_all, show_all, Hangs()))
    place, rest = walk(places, "g/a/c/0")
    assert (place.node, place.path, place.wire_name, rest) == (ONE, "g/a", "a", "c/0")
    assert walk(places, "g/a/c/0")[0] is place
    below["a"] = OTHER
    assert walk(places, "g/a/c/0")[0].node is OTHER
    del below["a"]
    assert walk(places, "g/a/c/0")[1] == "a/c/0"


def test_a_group_that_is_replaced_takes_its_children_with_it() -> None:
    tree: dict[str, Node] = {"g": Group(children={"a": ONE})}
    places = Places(Group(children=tree), Options(), Openings(show_all, show_all, Hangs()))
    walk(places, "g/a")
    tree["g"] = Group(children={"a": ONE}, options=Options(codec="zstd"))
    place, _ = walk(places, "g/a")
    assert place.parent is tree["g"]
    assert place.options.codec == "zstd"


def test_a_node_that_may_not_be_shown_is_looked_at_once_until_it_is_another() -> None:
    seen: list[Node] = []
    below: dict[str, Node] = {"a": ONE}
    places = Places(Group(children=below), Options(), Openings(seen.append, show_all, Hangs()))
    for _ in range(3):
        walk(places, "a")
    assert seen == [ONE]

    def refuse(node: Node) -> None:
        raise Unavailable("no")

    assert walk(Places(Group(children=below), Options(), Openings(refuse, show_all, Hangs())), "a/c")[1] == "a/c"


def test_names_in_the_source_are_found_by_their_alias() -> None:
    places = Places(Group(children={"a/b": ONE}), Options(), Openings(show_all, show_all, Hangs()))
    for _ in range(2):
        place, _rest = walk(places, "a~2fb/c")
        assert (place.name, place.wire_name) == ("a/b", "a~2fb")
    assert list(places.children(places.root, 10)) == ["a~2fb"]


def test_a_group_that_blocks_is_not_walked_into_unasked() -> None:
    places = Places(Group(children={"g": Group(children={"a": ONE}, blocking=True)}), Options(), Openings(show_all, show_all, Hangs()))
    for _ in range(2):
        assert walk(places, "g/a")[0].node is ONE
        step = steps.glance(places, Reached(places.root, "g/a"))
        assert isinstance(step, Waiting)
        assert (step.place.path, step.rest) == ("g", "a")
        assert steps.walk(places, step)[0].node is ONE, "it goes on from there"
        reached = steps.glance(places, Reached(places.root, "g"))
        assert isinstance(reached, Reached)
        assert reached.place.path == "g"


def test_no_more_is_remembered_than_said() -> None:
    places = Places(Group(children={str(i): ONE for i in range(MOST_KEPT + 10)}), Options(), Openings(show_all, show_all, Hangs()))
    for i in range(MOST_KEPT + 10):
        assert walk(places, str(i))[0].name == str(i)
    assert len(places.kept) == 10


def test_the_source_of_a_key() -> None:
    """A source is the first place whose children are no sources of their own.

    A place that is not known yet counts as one.
    """
    documents = frozenset({"zarr.json"})
    file = Group(children={"g": Group(children={"x": ONE}, blocking=True)}, blocking=True)
    sub = Group(children={"file": file, "flat": ONE}, blocking=True, kind="folder")
    views = Group(children={"0": ONE, "1": ONE}, kind="source")
    places = Places(
        Group(children={"sub": sub, "views": views, "table": Table(children={"A": ONE})}), Options(), Openings(show_all, show_all, Hangs())
    )
    before = {"": "/", "zarr.json": "/", "sub/file/zarr.json": "sub", "sub/flat/c/0": "sub", "sub": "sub"}
    assert {key: places.source(key, documents) for key in before} == before
    for key in ("sub/file/g/x", "sub/flat", "views/0", "table/A"):
        walk(places, key)
    after = {
        "": "/",
        "zarr.json": "/",
        "sub": "sub/",
        "sub/zarr.json": "sub/",
        "sub/file": "sub/file",
        "sub/file/zarr.json": "sub/file",
        "sub/file/g/x/c/0": "sub/file",
        "sub/flat/c/0": "sub/flat",
        "sub/new/c/0": "sub/new",
        "views/0/c/0": "views",
        "views/1/c/0": "views",
        "table/A/c/0": "table",
        "nothing/at/all": "nothing",
    }
    assert {key: places.source(key, documents) for key in after} == after
    for key in ("sub/file/g/x/c/0", "sub/flat/c/0", "views/0/c/0", "views/1/c/0", "table/A/c/0"):
        assert source_of(walk(places, key)[0]) == after[key]
