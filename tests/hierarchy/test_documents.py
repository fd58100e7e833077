"""Documents are rendered once while what they say stands, and anew as soon as it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from strategies import array_node
from tiled_zarr import Group, Unavailable
from tiled_zarr.adapters import adapt
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.documents import FEW
from tiled_zarr.hierarchy.keyspace import Document, KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import live

CONSOLIDATED = [(v2, ".zmetadata"), (v3, "zarr.json")]


def rendered(keys: KeySpace, key: str) -> Any:
    found = keys.resolve(key)
    assert isinstance(found, Document)
    return found.rendered()


def at_hand(keys: KeySpace, key: str) -> Any:
    """The same in the event loop; None if that would have to wait."""
    found = keys.resolve(key)
    assert isinstance(found, Document)
    return found.at_hand()


def paths(format: ModuleType, body: bytes) -> set[str]:  # noqa: A002 - the spec's word
    """The nodes below the root that a consolidated document names."""
    document = json.loads(body)
    if format is v3:
        return set(document["consolidated_metadata"]["metadata"])
    return {key.rpartition("/")[0] for key in document["metadata"]} - {""}


@pytest.mark.parametrize(("format", "name"), CONSOLIDATED)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tree: tree["g"].update(b=np.zeros(2)), {"g", "g/a", "g/b", "x"}),
        (lambda tree: tree["g"].pop("a"), {"g", "x"}),
        (lambda tree: tree.update(h={}), {"g", "g/a", "h", "x"}),
        (lambda tree: tree.update(g=np.zeros(2)), {"g", "x"}),
    ],
    ids=["added", "removed", "group added", "group replaced"],
)
def test_a_change_anywhere_below_is_seen(format: ModuleType, name: str, change: Callable[[Any], Any], expected: set[str]) -> None:  # noqa: A002
    tree: dict[str, Any] = {"g": {"a": np.zeros(3)}, "x": np.zeros(1)}
    keys = KeySpace(adapt(tree), format)
    first = rendered(keys, name)
    assert rendered(keys, name) is first
    assert paths(format, first.body) == {"g", "g/a", "x"}
    change(tree)
    assert paths(format, rendered(keys, name).body) == expected


@pytest.mark.parametrize(("format", "name"), CONSOLIDATED)
def test_a_value_that_is_replaced_is_described_anew(format: ModuleType, name: str) -> None:  # noqa: A002
    tree = {"a": np.zeros(3)}
    keys = KeySpace(adapt(tree), format)
    before = rendered(keys, name).body
    tree["a"] = np.zeros(4)
    assert rendered(keys, name).body != before
    tree["a"] = np.zeros(5)
    assert b"[5]" in rendered(keys, name).body


def test_an_array_replaced_by_one_with_the_same_revision() -> None:
    children = {"a": array_node(np.zeros(3))}
    keys = KeySpace(Group(children=children, revision=lambda: "r"), v3)
    before = rendered(keys, "a/zarr.json")
    assert rendered(keys, "a/zarr.json") is before
    children["a"] = array_node(np.zeros(4))
    assert json.loads(rendered(keys, "a/zarr.json").body)["shape"] == [4]


def test_what_nobody_can_tell_to_stand_is_not_kept() -> None:
    array = replace(array_node(np.zeros(3)), revision=live)
    keys = KeySpace(Group(children={"a": array}, revision=lambda: "r"), v3)
    assert rendered(keys, "a/zarr.json") is not rendered(keys, "a/zarr.json")
    assert rendered(keys, "zarr.json") is not rendered(keys, "zarr.json")
    keys = KeySpace(Group(children={}), v3)
    assert rendered(keys, "zarr.json") is not rendered(keys, "zarr.json")


def test_a_child_that_turns_bad_or_good_is_named_or_no_longer() -> None:
    class Children(dict[str, Any]):
        fails = False

        def __getitem__(self, name: str) -> Any:
            if self.fails:
                raise Unavailable("out of order")
            return super().__getitem__(name)

    children = Children(a=array_node(np.zeros(3)))
    keys = KeySpace(Group(children=children, revision=lambda: "r"), v2)
    assert b"out of order" not in rendered(keys, ".zattrs").body
    children.fails = True
    assert keys.resolve("a/.zarray") is None
    assert b"out of order" in rendered(keys, ".zattrs").body
    children.fails = False
    assert keys.resolve("a/.zarray") is not None
    assert b"out of order" not in rendered(keys, ".zattrs").body


def test_names_agreed_with_siblings_follow_them() -> None:
    tree = {name: array_node(np.zeros(size), dimension_names=("x",)) for name, size in (("a", 3), ("b", 3))}
    revision = ["r1"]
    keys = KeySpace(Group(children=tree, revision=lambda: revision[0]), v3)
    assert json.loads(rendered(keys, "a/zarr.json").body)["dimension_names"] == ["x"]
    tree["b"], revision[0] = array_node(np.zeros(4), dimension_names=("x",)), "r2"
    assert json.loads(rendered(keys, "a/zarr.json").body)["dimension_names"] == ["x_3"]


def test_only_quick_looks_are_taken_in_the_event_loop() -> None:
    few = KeySpace(adapt({"a": {}}), v3)
    assert at_hand(few, "zarr.json") is None
    kept = rendered(few, "zarr.json")
    assert at_hand(few, "zarr.json") is kept
    many = KeySpace(adapt({str(number): {} for number in range(FEW)}), v3)
    rendered(many, "zarr.json")
    assert at_hand(many, "zarr.json") is None
    on_disk = KeySpace(Group(children={}, blocking=True, revision=lambda: "r"), v3)
    rendered(on_disk, "zarr.json")
    assert at_hand(on_disk, "zarr.json") is None


def test_a_document_larger_than_all_that_is_kept_is_served_all_the_same() -> None:
    keys = KeySpace(adapt({"a": {}}), v3, Config(max_bytes=1))
    assert rendered(keys, "zarr.json").body == rendered(keys, "zarr.json").body
