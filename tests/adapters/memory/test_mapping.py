import itertools
from collections import ChainMap, UserDict, defaultdict
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from tiled_zarr.adapters import adapt
from tiled_zarr.nodes import Array, Damaged, Group, Unavailable
from tiled_zarr.testing import Contract

ARRAY = np.arange(6.0).reshape(2, 3)
SOURCE = {"array": ARRAY, "group": {"number": 3, "text": "ä", "empty": {}}, "node": Group(children={})}
TRUTH = {"array": ARRAY, "group": {"number": np.array(3), "text": np.array("ä"), "empty": {}}, "node": {}}
CASES = {
    "dict": lambda _: (adapt(SOURCE), TRUTH),
    "empty": lambda _: (adapt({}), {}),
    "read_only": lambda _: (adapt(MappingProxyType(SOURCE)), TRUTH),
    "chained": lambda _: (adapt(ChainMap({"a": ARRAY}, {"b": {"c": ARRAY}})), {"b": {"c": ARRAY}, "a": ARRAY}),
    "default": lambda _: (adapt(defaultdict(dict, a=ARRAY)), {"a": ARRAY}),
}


class TestMapping(Contract, cases=CASES): ...


def test_a_child_is_the_same_node_each_time():
    group = adapt({"a": ARRAY, "b": {}})
    assert group.children["a"] is group.children["a"]
    assert group.children["b"] is group.children["b"]


def test_listing_opens_nothing():
    group = adapt({"bad": object()})
    assert list(group.children) == ["bad"]
    assert "bad" in group.children


def test_a_bad_child_leaves_its_siblings_alone():
    group = adapt({"bad": object(), "good": ARRAY})
    with pytest.raises(Unavailable, match=r"no adapter for builtins\.object"):
        group.children["bad"]
    assert isinstance(group.children["good"], Array)


def test_a_key_that_is_no_text_is_named():
    group = adapt({"a": ARRAY, 3: ARRAY, ("x", 1): ARRAY})
    assert list(group.children) == ["a"]
    assert set(group.unavailable()) == {"3", "('x', 1)"}


class Endless(Mapping):
    """A mapping that has an array under every number, and names that never end."""

    def __getitem__(self, name):
        if not name.isdecimal():
            raise KeyError(name)
        return ARRAY

    def __iter__(self):
        return itertools.chain([7], map(str, itertools.count()))

    def __len__(self):
        return 2**60


def test_a_mapping_without_an_end_is_looked_at_for_a_while():
    group = adapt(Endless())
    assert dict(group.unavailable()) == {"7": "its name is no text"}
    assert isinstance(group.children["5"], Array)
    with pytest.raises(KeyError):
        group.children["c"]


def test_names_come_and_go():
    source = {"a": ARRAY}
    group = adapt(source)
    revision = group.revision()
    assert group.revision() == revision is not None
    source["b"] = ARRAY
    del source["a"]
    assert group.revision() != revision
    assert list(group.children) == ["b"]
    with pytest.raises(KeyError):
        group.children["a"]


def test_a_value_that_is_replaced_changes_the_revision():
    source = {"a": ARRAY}
    group = adapt(source)
    revision = group.revision()
    source["a"] = ARRAY.copy()
    assert group.revision() != revision


def test_nobody_can_tell_when_another_mapping_changes():
    assert adapt(MappingProxyType({"a": ARRAY})).revision() is None


@pytest.mark.parametrize("path", [["a"], ["a", "b"], ["a", "b", "c"]], ids=len)
def test_what_was_replaced_has_no_revision(path):
    def tree(fill):
        value = np.full(3, fill)
        for name in reversed(path[1:]):
            value = {name: value}
        return value

    def find(group):
        for name in path:
            group = group.children[name]
        return group

    source = {"a": tree(1)}
    group = adapt(source)
    assert find(group).revision() is not None
    source["a"] = tree(2)
    assert find(group).revision() is None
    np.testing.assert_array_equal(find(group).read((slice(0, 3),)), [2, 2, 2])


def test_what_is_below_a_replaced_group_is_all_there():
    source = {"a": {"b": ARRAY}}
    group = adapt(source)
    assert list(group.children["a"].children) == ["b"]
    source["a"] = {"c": ARRAY, "d": ARRAY}
    children = group.children["a"].children
    assert (list(children), len(children), "c" in children, "b" in children) == (["c", "d"], 2, True, False)


@pytest.mark.parametrize(
    ("source", "blocks"),
    [({"a": ARRAY}, False), (MappingProxyType({"a": ARRAY}), True), ({"a": SimpleNamespace(structure_family="table")}, True)],
    ids=["dict", "other_mapping", "tiled_inside"],
)
def test_looking_up_blocks_where_it_may_read(source, blocks):
    assert adapt(source).blocking == blocks


def test_what_a_source_lists_and_then_denies_is_damaged():
    """h5py does so with broken links; the chunks of what hung there before would read as zeros."""

    class Links(UserDict):
        def __getitem__(self, name):
            if name == "broken":
                raise KeyError("unable to open object")
            return super().__getitem__(name)

    group = adapt(Links(good=np.arange(3), broken=np.arange(3)))
    with pytest.raises(Damaged, match="it is listed, but cannot be opened: 'unable to open object'"):
        group.children["broken"]
    with pytest.raises(KeyError):
        group.children["none"]
