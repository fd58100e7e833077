from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr import dimensions

GROUPS = {
    "no names": ({"a": ((5, 5, 3), None)}, {"a": ("dim_5", "dim_5_1", "dim_3")}),
    "some names": ({"a": ((5, 4), ("y", None))}, {"a": ("y", "dim_4")}),
    "shared": ({"a": ((5,), ("y",)), "b": ((5, 2), ("y", "x"))}, {"a": ("y",), "b": ("y", "x")}),
    "two sizes": ({"a": ((5,), ("y",)), "b": ((6, 2), ("y", "x"))}, {"a": ("dim_5",), "b": ("dim_6", "x")}),
    "twice in one array": ({"a": ((5, 5), ("y", "y"))}, {"a": ("dim_5", "dim_5_1")}),
    "an array named as one of its several axes": ({"y": ((5, 4), ("y", "x"))}, {"y": ("dim_5", "x")}),
    "a coordinate": ({"y": ((5,), ("y",))}, {"y": ("y",)}),
    "a phony name of another size": ({"a": ((5,), ("dim_6",)), "b": ((6,), None)}, {"a": ("dim_5",), "b": ("dim_6",)}),
    "0-d": ({"a": ((), None)}, {"a": ()}),
}


@pytest.mark.parametrize(("arrays", "expected"), GROUPS.values(), ids=GROUPS)
def test_agreed(arrays: dict, expected: dict) -> None:
    assert dimensions.agreed(arrays) == expected


own = st.sampled_from(["x", "y", "z", "dim_2", None])
arrays = st.lists(st.integers(0, 3), max_size=3).flatmap(
    lambda shape: st.tuples(st.just(tuple(shape)), st.none() | st.tuples(*[own for _ in shape]))
)


@given(st.dictionaries(st.sampled_from(["x", "y", "a", "b"]), arrays))
def test_a_name_has_one_size_in_a_group(group: dict) -> None:
    agreed = dimensions.agreed(group)
    sizes: dict[str, int] = {}
    for name, (shape, _) in group.items():
        assert len(set(agreed[name])) == len(shape)
        for dimension, size in zip(agreed[name], shape, strict=True):
            assert sizes.setdefault(dimension, size) == size
