import datetime as dt
from decimal import Decimal
from unittest.mock import Mock, PropertyMock

import numpy as np
import pyarrow as pa
import pytest

from tiled_zarr.adapters.common.columns import Facts, plan, schema_names, unique
from tiled_zarr.adapters.tables.arrow import adapt_table
from tiled_zarr.nodes import Unavailable
from tiled_zarr.testing import Contract

NAN = float("nan")
DAY = dt.date(2026, 11, 23)
# Column -> items of numpy, the dtype, and what the attributes name of it.
COLUMNS = {
    "int64": (pa.array([1, -2, 2**62]), [1, -2, 2**62], "<i8", {}),
    "uint8": (pa.array([1, 2, 255], pa.uint8()), [1, 2, 255], "u1", {}),
    "int64_nulls": (pa.array([1, None, 3]), [1, NAN, 3], "<f8", {"source_type": "int64", "null": "nan"}),
    "uint8_nulls": (pa.array([1, None, 3], pa.uint8()), [1, NAN, 3], "<f8", {"source_type": "uint8", "null": "nan"}),
    "bool": (pa.array([True, False, True]), [True, False, True], "?", {}),
    "bool_nulls": (pa.array([True, None, False]), [1, 255, 0], "u1", {"source_type": "bool", "null": 255}),
    "half": (pa.array([1.5, None, -0.0], pa.float16()), [1.5, NAN, -0.0], "<f2", {}),
    "single": (pa.array([1.5, None, np.inf], pa.float32()), [1.5, NAN, np.inf], "<f4", {}),
    "double": (pa.array([1.5, NAN, 2.0]), [1.5, NAN, 2.0], "<f8", {}),
    "decimal": (pa.array([Decimal("1.25"), None, Decimal(3)]), [1.25, NAN, 3], "<f8", {"source_type": "decimal128(3, 2)", "null": "nan"}),
    "nothing": (pa.nulls(3), [NAN] * 3, "<f8", {"source_type": "null", "null": "nan"}),
    "time": (pa.array([0, None, 5], pa.timestamp("us")), [0, "NaT", 5], "<M8[us]", {}),
    "time_of_a_zone": (
        pa.array([0, None, 5], pa.timestamp("ns", "Europe/Berlin")),
        [0, "NaT", 5],
        "<M8[ns]",
        {"source_type": "timestamp[ns, tz=Europe/Berlin]", "time_zone": "Europe/Berlin", "stored_in": "UTC"},
    ),
    "date": (pa.array([DAY, None, DAY]), [DAY, "NaT", DAY], "<M8[D]", {}),
    "date64": (pa.array([DAY, None, DAY], pa.date64()), [DAY, "NaT", DAY], "<M8[D]", {"source_type": "date64[ms]", "null": "NaT"}),
    "time_of_day": (pa.array([1, None, 3], pa.time32("s")), [1, "NaT", 3], "<m8[s]", {"source_type": "time32[s]", "null": "NaT"}),
    "nanoseconds_of_day": (pa.array([1, 2, 3], pa.time64("ns")), [1, 2, 3], "<m8[ns]", {"source_type": "time64[ns]"}),
    "duration": (pa.array([1, None, -3], pa.duration("ms")), [1, "NaT", -3], "<m8[ms]", {}),
    "text": (pa.array(["", "ä", "longer"]), ["", "ä", "longer"], "O", {}),
    "text_nulls": (pa.array(["a", None, "b"], pa.large_string()), ["a", "", "b"], "O", {"null": ""}),
    "text_view": (pa.array(["a", None, "b"], pa.string_view()), ["a", "", "b"], "O", {"null": ""}),
    "bytes": (pa.array([b"a", b"bcd", b""]), [b"a", b"bcd", b""], "S3", {"source_type": "binary"}),
    "no_bytes": (pa.array([b"", None, b""]), [b"", b"", b""], "S1", {"source_type": "binary", "null": ""}),
    "bytes_view": (pa.array([b"a", b"bcd", b""], pa.binary_view()), [b"a", b"bcd", b""], "S3", {"source_type": "binary_view"}),
    "fixed_bytes": (pa.array([b"ab", b"c\0", b"\0d"], pa.binary(2)), [b"ab", b"c", b"\0d"], "S2", {"source_type": "fixed_size_binary[2]"}),
    "extension": (pa.array([b"x" * 16] * 3, pa.uuid()), [b"x" * 16] * 3, "S16", {"source_type": "extension<arrow.uuid>"}),
    "category": (
        pa.array(["a", "b", "a"]).dictionary_encode(),
        ["a", "b", "a"],
        "O",
        {"source_type": "dictionary<values=string, indices=int32, ordered=0>"},
    ),
    "category_of_numbers": (
        pa.array([5, None, 5]).dictionary_encode(),
        [5, NAN, 5],
        "<f8",
        {"source_type": "dictionary<values=int64, indices=int32, ordered=0>", "null": "nan"},
    ),
}
NESTED = {
    "list": pa.array([[1], [], [2, 3]]),
    "struct": pa.array([{"a": 1}] * 3),
    "map": pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
}


def truth(items, dtype):
    return np.array(items, dtype)


def in_pieces(array):
    return pa.chunked_array([array.slice(0, 1), array.slice(1, 0), array.slice(1)])


WHOLE = pa.table({name: array for name, (array, *_) in COLUMNS.items()})
TRUTH = {name: truth(items, dtype) for name, (_, items, dtype, _) in COLUMNS.items()}
FEW = ["text", "double", "date", "category"]
CASES = {
    "whole": lambda _: (adapt_table(WHOLE), TRUTH),
    "pieces": lambda _: (adapt_table(pa.table({name: in_pieces(array) for name, (array, *_) in COLUMNS.items()})), TRUTH),
    "slice": lambda _: (adapt_table(pa.table({"a": [0, 1, 2, 3]}).slice(1, 2)), {"a": np.array([1, 2])}),
    "record_batch": lambda _: (adapt_table(pa.record_batch({"a": [1.5, 2.5]})), {"a": np.array([1.5, 2.5])}),
    "no_columns": lambda _: (adapt_table(pa.table({})), {}),
    "no_rows": lambda _: (adapt_table(WHOLE.select(FEW).slice(0, 0)), {name: TRUTH[name][:0] for name in FEW}),
    "no_pieces": lambda _: (adapt_table(WHOLE.select(FEW).schema.empty_table()), {name: TRUTH[name][:0] for name in FEW}),
    "nested_left_out": lambda _: (adapt_table(pa.table({**NESTED, "a": [1, 2, 3]})), {"a": np.array([1, 2, 3])}),
}


class TestTables(Contract, cases=CASES): ...


@pytest.mark.parametrize("name", COLUMNS)
def test_attributes_name_what_the_dtype_does_not_tell(name):
    named = COLUMNS[name][3]
    assert adapt_table(WHOLE).children[name].attributes == ({"tiled_zarr": named} if named else {})


def test_nested_columns_are_named_with_the_reason():
    reasons = adapt_table(pa.table(NESTED)).unavailable()
    assert set(reasons) == set(NESTED)
    assert all("Zarr has no such type" in reason for reason in reasons.values())


def test_doubled_names_are_made_unique():
    table = pa.Table.from_arrays([pa.array([i]) for i in range(4)], names=["a", "a", "a_1", "__index_level_0__"])
    node = adapt_table(table)
    assert {name: node.children[name].read((slice(0, 1),)).tolist() for name in node.children} == {
        "a": [0],
        "a_2": [1],
        "a_1": [2],
        "index": [3],
    }


def test_the_authors_metadata_are_attributes():
    table = pa.table({"a": [1]}).replace_schema_metadata({"who": "me", "pandas": "{}", "ARROW:schema": "x"})
    assert adapt_table(table).attributes == {"who": "me"}


def test_columns_without_nulls_are_views():
    column = adapt_table(WHOLE).children["int64"]
    assert np.shares_memory(column.read((slice(0, 3),)), WHOLE["int64"].chunk(0).to_numpy())


def test_bytes_of_unknown_length_are_unavailable():
    with pytest.raises(Unavailable, match="fixed size"):
        plan(pa.binary(), Facts(nulls=False))


def test_the_names_of_a_schema_are_listed_once():
    """pyarrow makes a new list of all names at each look.

    One look per column took 4.3 s with 8,000 columns.
    """
    schema = Mock(names=[])
    type(schema).names = looks = PropertyMock(return_value=[f"c{i}" for i in range(8000)])
    assert schema_names(schema) == looks.return_value
    assert looks.call_count == 1


def test_equal_names_cost_one_spelling_each():
    """Each counts on from where the one before it stopped."""

    class Name(str):
        spelled = 0
        __slots__ = ()

        def __format__(self, spec):
            Name.spelled += 1
            return str.__format__(self, spec)

    assert unique([Name("a")] * 1000) == ["a", *(f"a_{i}" for i in range(1, 1000))]
    assert Name.spelled < 2000
