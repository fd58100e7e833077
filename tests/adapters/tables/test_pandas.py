import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tiled_zarr.adapters.tables.pandas import adapt_frame, adapt_series
from tiled_zarr.nodes import Unavailable
from tiled_zarr.testing import Contract

NAN = float("nan")
ROWS = np.arange(3)
DAYS = [dt.date(2026, 11, 23), dt.date(2026, 11, 24), dt.date(2026, 11, 25)]
ZONE = pd.to_datetime(["2026-01-01", "2026-07-01", None]).tz_localize("Europe/Berlin").as_unit("ns")
# Column -> items of numpy and the dtype.
COLUMNS = {
    "int": (np.array([1, 2, 3], "i2"), [1, 2, 3], "<i2"),
    "unsigned": (np.array([1, 2, 3], "u1"), [1, 2, 3], "u1"),
    "float": (np.array([1.5, NAN, 3]), [1.5, NAN, 3], "<f8"),
    "bool": (np.array([True, False, True]), [True, False, True], "?"),
    "complex": (np.array([1j, 2, 3]), [1j, 2, 3], "<c16"),
    "time": (np.array(["2026-01-01", "NaT", "2026-01-03"], "<M8[ns]"), ["2026-01-01", "NaT", "2026-01-03"], "<M8[ns]"),
    "duration": (np.array([1, "NaT", 3], "<m8[s]"), [1, "NaT", 3], "<m8[s]"),
    "nullable_int": (pd.array([1, None, 3], "Int16"), [1, NAN, 3], "<f8"),
    "nullable_int_without_nulls": (pd.array([1, 2, 3], "Int16"), [1, 2, 3], "<i2"),
    "nullable_bool": (pd.array([True, None, False], "boolean"), [1, 255, 0], "u1"),
    "nullable_float": (pd.array([1.5, None, 3], "Float32"), [1.5, NAN, 3], "<f4"),
    "text": (pd.array(["a", None, "ä"], "string"), ["a", "", "ä"], "O"),
    "text_objects": (np.array(["a", None, "ä"], object), ["a", "", "ä"], "O"),
    "bytes": (np.array([b"a", b"bcd", b""], object), [b"a", b"bcd", b""], "S3"),
    "categories": (pd.Categorical(["x", "y", "x"]), ["x", "y", "x"], "O"),
    "number_categories": (pd.Categorical([5, None, 5]), [5, NAN, 5], "<f8"),
    "zone": (ZONE, ["2025-12-31T23", "2026-06-30T22", "NaT"], "<M8[ns]"),
    "dates": (np.array(DAYS, object), DAYS, "<M8[D]"),
    "decimals": (np.array([Decimal("1.25"), None, Decimal(3)], object), [1.25, NAN, 3], "<f8"),
    "bool_objects": (np.array([True, None, False], object), [1, 255, 0], "u1"),
    "sparse": (pd.arrays.SparseArray([0, 7, 0]), [0, 7, 0], "<i8"),
    "arrow": (pd.array([1, 2, 3], "int32[pyarrow]"), [1, 2, 3], "<i4"),
}
TRUTH = {name: np.array(items, dtype) for name, (_, items, dtype) in COLUMNS.items()}
FRAME = pd.DataFrame({name: values for name, (values, *_) in COLUMNS.items()})
LEVELS = pd.MultiIndex.from_arrays([["a", "a", "b"], [1, 2, 1]], names=["letter", None])

FEW = ["text", "float", "int", "zone"]


def frame(index):
    return pd.DataFrame({"x": ROWS}, index=index)


def truths(names, rows):
    return {name: TRUTH[name][rows] for name in names}


CASES = {
    "every_type": lambda _: (adapt_frame(FRAME), {"index": ROWS, **TRUTH}),
    "no_rows": lambda _: (adapt_frame(FRAME[FEW][:0]), {"index": ROWS[:0], **truths(FEW, slice(0))}),
    "no_columns": lambda _: (adapt_frame(pd.DataFrame(index=ROWS)), {"index": ROWS}),
    "strided": lambda _: (adapt_frame(FRAME[FEW][::-2]), {"index": ROWS[::-2], **truths(FEW, slice(None, None, -2))}),
    "named_index": lambda _: (adapt_frame(frame(pd.Index([5, 6, 7], name="key"))), {"key": np.array([5, 6, 7]), "x": ROWS}),
    "text_index": lambda _: (adapt_frame(frame(list("abc"))), {"index": np.array(list("abc"), object), "x": ROWS}),
    "time_index": lambda _: (
        adapt_frame(frame(pd.DatetimeIndex(["2026-01-01", "2026-01-02", "2026-01-03"]).as_unit("ns"))),
        {"index": np.array(["2026-01-01", "2026-01-02", "2026-01-03"], "<M8[ns]"), "x": ROWS},
    ),
    "levels": lambda _: (
        adapt_frame(frame(LEVELS)),
        {"letter": np.array(["a", "a", "b"], object), "index": np.array([1, 2, 1]), "x": ROWS},
    ),
    "clash": lambda _: (
        adapt_frame(pd.DataFrame({"index": ROWS * 2, "index_1": ROWS * 3})),
        {"index_2": ROWS, "index": ROWS * 2, "index_1": ROWS * 3},
    ),
    "clash_of_a_name": lambda _: (adapt_frame(frame(pd.Index([5, 6, 7], name="x"))), {"x_1": np.array([5, 6, 7]), "x": ROWS}),
    "doubled_columns": lambda _: (
        adapt_frame(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])),
        {"index": np.arange(2), "a": np.array([1, 3]), "a_1": np.array([2, 4])},
    ),
    "labels": lambda _: (
        adapt_frame(pd.DataFrame([[1, 2, 3]], columns=pd.Index([0, ("a", "b"), None], dtype=object, tupleize_cols=False))),
        {"index": np.arange(1), "0": np.array([1]), "a.b": np.array([2]), "None": np.array([3])},
    ),
    "series": lambda _: (adapt_series(pd.Series([1.5, 2.5], name="height")), {"index": np.arange(2), "height": np.array([1.5, 2.5])}),
    "nameless_series": lambda _: (adapt_series(pd.Series([1.5, 2.5])), {"index": np.arange(2), "values": np.array([1.5, 2.5])}),
}


class TestFrames(Contract, cases=CASES): ...


def test_numpy_columns_are_views():
    assert np.shares_memory(adapt_frame(FRAME).children["float"].read((slice(0, 3),)), FRAME["float"].to_numpy())


def test_looking_up_blocks_where_columns_are_converted():
    assert not adapt_frame(FRAME[["int", "time"]]).blocking
    assert adapt_frame(FRAME[["int", "text"]]).blocking


def test_attributes_of_the_frame():
    source = pd.DataFrame({"x": [1]})
    source.attrs = {"who": "me", 3: 4}
    assert adapt_frame(source).attributes == {"who": "me", "3": 4}


@pytest.mark.parametrize(
    "values",
    [np.array([1, "a", 2.5], object), np.array([[1], [2], {}], object), pd.interval_range(0, 3), pd.Categorical([1, "a", 1])],
    ids=["mixed", "nested", "intervals", "mixed_categories"],
)
def test_a_column_of_anything_else_is_unavailable_alone(values):
    table = adapt_frame(pd.DataFrame({"bad": values, "good": ROWS}))
    with pytest.raises(Unavailable, match="a column of"):
        table.children["bad"]
    assert table.children["good"].shape == (3,)
