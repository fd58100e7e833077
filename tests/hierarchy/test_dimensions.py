"""Names for the arrays of one group, in a source and loose; xarray says which groups open."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.hierarchy import dimensions
from tiled_zarr.hierarchy.dimensions import Uses

BOTH = {
    "no names": ({"a": ((5, 5, 3), None)}, {"a": ("dim_5", "dim_5_1", "dim_3")}),
    "some names": ({"a": ((5, 4), ("y", None))}, {"a": ("y", "dim_4")}),
    "an empty name": ({"a": ((5,), ("",))}, {"a": ("dim_5",)}),
    "shared": ({"a": ((5,), ("y",)), "b": ((5, 2), ("y", "x"))}, {"a": ("y",), "b": ("y", "x")}),
    "two sizes": ({"a": ((5,), ("y",)), "b": ((6, 2), ("y", "x"))}, {"a": ("y_5",), "b": ("y_6", "x")}),
    "an index": ({"y": ((5,), ("y",))}, {"y": ("y",)}),
    "twice in one array": ({"a": ((5, 5), ("y", "y"))}, {"a": ("y", "y_5")}),
    "thrice": ({"a": ((5, 5, 5), ("y", "y", "y"))}, {"a": ("y", "y_5", "y__5")}),
    "twice in one array, two sizes": ({"a": ((5, 4), ("y", "y"))}, {"a": ("y_5", "y_4")}),
    "an array of several axes named as one of them": ({"y": ((5, 4), ("y", "x"))}, {"y": ("y", "x")}),
    "a scalar named as an axis": ({"y": ((), ()), "a": ((5,), ("y",))}, {"y": (), "a": ("y_5",)}),
    "the new name is taken": ({"a": ((5, 5), ("y", "y_5")), "b": ((4,), ("y",))}, {"a": ("y__5", "y_5"), "b": ("y_4",)}),
    "the new name would make an index": ({"y_5": ((5,), ("y",)), "b": ((4,), ("y",))}, {"y_5": ("y__5",), "b": ("y_4",)}),
    "a phony name of another size": ({"a": ((5,), ("dim_6",)), "b": ((6,), None)}, {"a": ("dim_5",), "b": ("dim_6",)}),
    "a phony name of its own size": ({"a": ((6,), ("dim_6",)), "b": ((6,), None)}, {"a": ("dim_6",), "b": ("dim_6",)}),
    "an array called like its phony name": ({"dim_5": ((5,), None)}, {"dim_5": ("dim__5",)}),
    "0-d": ({"a": ((), None)}, {"a": ()}),
}
IN_SOURCE = {
    **BOTH,
    "an index keeps the name": (
        {"y": ((5,), ("y",)), "a": ((5, 2), ("y", "x")), "b": ((6,), ("y",))},
        {"y": ("y",), "a": ("y", "x"), "b": ("y_6",)},
    ),
    "xarray's own phony names": ({"a": ((5, 4), ("dim_0", "dim_1"))}, {"a": ("dim_0", "dim_1")}),
}
LOOSE = {
    **BOTH,
    "an index gives way like the others": ({"y": ((5,), ("y",)), "b": ((6,), ("y",))}, {"y": ("y_5",), "b": ("y_6",)}),
    "xarray's own phony names": ({"a": ((5, 4), ("dim_0", "dim_1"))}, {"a": ("dim_5", "dim_4")}),
}
Y = Uses(sizes={"y": {5}}, barred={"y"})
ABOVE = {
    "the same size below": ({"a": ((5,), ("y",))}, Y, {"a": ("y",)}),
    "another size below": ({"a": ((6, 2), ("y", "x"))}, Y, {"a": ("y_6", "x")}),
    "two sizes below": ({"a": ((5,), ("y",))}, Uses(sizes={"y": {5, 6}}), {"a": ("y_5",)}),
    "another index below": ({"y": ((5,), ("y",)), "a": ((5,), ("y",))}, Y, {"y": ("y_5",), "a": ("y_5",)}),
    "an index over an axis without": ({"y": ((5,), ("y",))}, Uses(sizes={"y": {5}}), {"y": ("y",)}),
    "the new name has another size below": ({"a": ((6,), ("y",))}, Uses(sizes={"y": {5}, "y_6": {1}}), {"a": ("y__6",)}),
    "the new name has the same size below": ({"a": ((6,), ("y",))}, Uses(sizes={"y": {5}, "y_6": {6}}), {"a": ("y_6",)}),
}


@pytest.mark.parametrize(("arrays", "expected"), IN_SOURCE.values(), ids=IN_SOURCE)
def test_names_in_a_source(arrays: dict, expected: dict) -> None:
    assert dimensions.in_source(arrays) == expected
    assert opens(arrays, expected)


@pytest.mark.parametrize(("arrays", "expected"), LOOSE.values(), ids=LOOSE)
def test_names_of_loose_arrays(arrays: dict, expected: dict) -> None:
    assert dimensions.loose(arrays, Uses()) == expected
    assert opens(arrays, expected)


@pytest.mark.parametrize(("arrays", "below", "expected"), ABOVE.values(), ids=ABOVE)
def test_loose_arrays_give_way_to_what_lies_below(arrays: dict, below: Uses, expected: dict) -> None:
    assert dimensions.loose(arrays, below) == expected


def test_names_like_xarray_s_own_phony_ones_give_way_to_phony_ones_above() -> None:
    arrays = {"a": ((5, 4), ("dim_0", "dim_1"))}
    assert dimensions.in_source(arrays, {"dim_1", "dim_4"}) == {"a": ("dim_0", "dim_4")}


own = st.sampled_from(["x", "y", "z", "dim_2", "y_2", None])
arrays = st.lists(st.integers(0, 3), max_size=3).flatmap(
    lambda shape: st.tuples(st.just(tuple(shape)), st.none() | st.tuples(*[own for _ in shape]))
)
groups = st.dictionaries(st.sampled_from(["x", "y", "a", "b", "y_2"]), arrays)


@given(groups)
def test_xarray_opens_any_group(group: dict) -> None:
    for names in (dimensions.in_source(group), dimensions.loose(group, Uses())):
        assert opens(group, names)
        assert all(len(set(names[array])) == len(shape) for array, (shape, _) in group.items())


@given(groups)
def test_what_xarray_opens_in_a_source_is_not_changed(group: dict) -> None:
    given = {array: dimensions.verbatim(array, shape, own) for array, (shape, own) in group.items()}
    is_distinct = all(len(set(names)) == len(names) for names in given.values())
    assert (dimensions.in_source(group) == given) == (is_distinct and opens(group, given))


def opens(group: dict, names: dict) -> bool:
    """Whether xarray makes a dataset of arrays with these names.

    It warns if one array has the same name twice.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            xarray.Dataset({array: xarray.Variable(names[array], np.zeros(shape)) for array, (shape, _) in group.items()})
        except ValueError:
            return False
    return True
