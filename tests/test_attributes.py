from __future__ import annotations

import datetime
import enum
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.tojson import Unsayable, to_json


class Colour(enum.Enum):
    RED = "red"


VALUES = [
    (float("nan"), None),
    (float("inf"), None),
    (np.float32("nan"), None),
    (True, True),
    (np.bool_(False), False),
    (np.int64(2**62), 2**62),
    (10**30, 10**30),
    (Decimal("1.5"), 1.5),
    (1 + 2j, [1.0, 2.0]),
    (np.complex64(1j), [0.0, 1.0]),
    (b"text", "text"),
    (b"\xff\xfe", "//4="),
    (np.bytes_(b"x"), "x"),
    (np.str_("y"), "y"),
    ("lone \udcff", r"lone \xff"),
    (np.longdouble("0.1"), 0.1),
    (datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC), "2020-01-02T03:00:00+00:00"),
    (datetime.date(2020, 1, 2), "2020-01-02"),
    (datetime.timedelta(minutes=1), 60.0),
    (np.datetime64("2020-01-02T03:04", "ns"), "2020-01-02T03:04:00.000000000"),
    (np.datetime64("NaT"), None),
    (np.timedelta64(5, "s"), "5 seconds"),
    (np.array([["2020-01-01", "NaT"]], dtype="M8[D]"), [["2020-01-01", None]]),
    (np.array([1.0, np.nan]), [1.0, None]),
    (np.array((1, b"a"), dtype=[("n", "i4"), ("s", "S2")]), {"n": 1, "s": "a"}),
    (np.void(b"\x00\x01"), "\x00\x01"),
    (np.ma.masked_array([1, 2]), [1, 2]),
    ({1: "a", "b": {2.5: None}}, {"1": "a", "b": {"2.5": None}}),
    ({b"k": 1}, {"k": 1}),
    ({"a", "b"}, ["a", "b"]),
    ((1, [2]), [1, [2]]),
    (range(3), [0, 1, 2]),
    (Path("a/b"), "a/b"),
    (Colour.RED, "red"),
    (None, None),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=[repr(value)[:40] for value, _ in VALUES])
def test_json(value: object, expected: object) -> None:
    assert to_json(value) == expected
    assert type(to_json(value)) is type(expected)
    json.dumps(to_json(value), allow_nan=False).encode()


def test_an_object_without_json_becomes_its_text() -> None:
    assert to_json(object()) == "<object object>"


def test_a_cycle_ends() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(Unsayable, match="it contains itself"):
        to_json(cycle)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers() | st.dates() | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers() | st.binary(), inner, max_size=3),
)


@given(anything)
def test_whatever_comes_out_is_json(value: object) -> None:
    text = json.dumps(to_json(value), allow_nan=False)
    assert json.loads(text) == to_json(value)
