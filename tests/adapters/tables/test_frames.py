"""Frames of polars and datasets of Arrow.

polars need not be installed: stand-ins have its names, and those of its methods that we call.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tiled_zarr.adapters.registry import adapt
from tiled_zarr.nodes import Changed, Unavailable
from tiled_zarr.testing import Contract, whole

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
COLUMNS = {"n": [1, 2, 3, 4, 5], "x": [0.5, None, 1.5, 2.0, 3.0], "text": ["", "ä", None, "b", "c"], "gaps": [1, None, 3, 4, 5]}
TABLE = pa.table(COLUMNS)
TRUTH = {
    "n": np.array([1, 2, 3, 4, 5], "i8"),
    "x": np.array([0.5, np.nan, 1.5, 2, 3]),
    "text": np.array(["", "ä", "", "b", "c"], object),
    "gaps": np.array([1, np.nan, 3, 4, 5]),
}


class DataFrame:
    def __init__(self, table, kinds=()):
        self.table, self.schema = table, {**dict.fromkeys(table.column_names, "Int64"), **dict(kinds)}

    def drop(self, names):
        return DataFrame(self.table.drop_columns([name for name in names if name in self.table.column_names]))

    def to_arrow(self):
        return self.table

    def lazy(self):
        return LazyFrame(self)

    def get_column(self, name):
        return Series(name, self)


class LazyFrame:
    def __init__(self, frame):
        self.collect = lambda: frame


class Series:
    def __init__(self, name, frame):
        self.name, self.frame = name, frame

    def alias(self, name):
        return Series(name, DataFrame(self.frame.table.rename_columns([name])))

    def to_frame(self):
        return DataFrame(self.frame.table.select([self.name]))


NAMES = {DataFrame: "polars.dataframe.frame", LazyFrame: "polars.lazyframe.frame", Series: "polars.series.series"}
for kind, module in NAMES.items():
    kind.__module__ = module


def frame():
    if find_spec("polars") is None:
        return DataFrame(TABLE)
    import polars

    return polars.DataFrame(COLUMNS)


def files(folder):
    """Two files of three row groups each, and another order of columns in the second."""
    pq.write_table(TABLE.slice(0, 3), folder / "a.parquet", row_group_size=1)
    pq.write_table(TABLE.slice(3).select(["text", "gaps", "n", "x"]), folder / "b.parquet", row_group_size=1)
    return ds.dataset(folder)


OBJECTS = {
    "polars": lambda _: (frame(), TRUTH),
    "polars_lazy": lambda _: (frame().lazy(), TRUTH),
    "polars_series": lambda _: (frame().get_column("x"), {"x": TRUTH["x"]}),
    "dataset": lambda folder: (files(folder), TRUTH),
    "dataset_in_memory": lambda _: (ds.dataset(TABLE), TRUTH),
    "dataset_of_tables": lambda _: (ds.dataset([TABLE.slice(0, 2), TABLE.slice(2)]), TRUTH),
    "dataset_of_bytes": lambda _: (ds.dataset(pa.table({"b": [b"a", b"bcd"]})), {"b": np.array([b"a", b"bcd"], "S3")}),
    "empty_dataset": lambda _: (ds.dataset(TABLE.slice(0, 0).select(["n"])), {"n": np.array([], "i8")}),
}


def case(make):
    def adapted(folder):
        source, truth = make(folder)
        return adapt(source), truth

    return adapted


class TestFrames(Contract, cases={name: case(make) for name, make in OBJECTS.items()}): ...


def test_objects_of_polars_are_left_out():
    if find_spec("polars") is None:
        source = DataFrame(TABLE, {"o": "Object"})
    else:
        import polars

        source = frame().with_columns(polars.Series("o", [object()] * 5, dtype=polars.Object))
    node = adapt(source)
    assert list(node.children) == list(TRUTH)
    assert node.unavailable() == {"o": "a column of Python objects; convert it to numbers or text"}


def test_nested_columns_are_left_out():
    node = adapt(ds.dataset(pa.table({"nested": [[1]], "b": [3]})))
    assert list(node.children) == ["b"]
    assert list(node.unavailable()) == ["nested"]


def test_columns_of_one_name():
    with pytest.raises(Unavailable, match="rename them"):
        adapt(ds.dataset(pa.table([pa.array([1]), pa.array([2])], ["a", "a"])))


def test_only_some_fragments_are_read(tmp_path):
    source = files(tmp_path)
    column = adapt(source).children["x"]
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is damaged")
    np.testing.assert_array_equal(column.read((slice(3, 5),)), [2, 3])
    with pytest.raises((OSError, pa.ArrowInvalid)):
        column.read((slice(0, 5),))


def test_a_file_that_was_rewritten_is_no_table_of_both(tmp_path):
    column = adapt(files(tmp_path)).children["n"]
    pq.write_table(TABLE, tmp_path / "a.parquet")
    with pytest.raises((Changed, OSError, pa.ArrowInvalid)):
        whole(column)
