from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiled_zarr import budgets
from tiled_zarr.adapters.common import columns
from tiled_zarr.adapters.tables import parquet
from tiled_zarr.adapters.tables.parquet import open_parquet
from tiled_zarr.nodes import Changed, Damaged, TooLarge
from tiled_zarr.testing import Contract

ROWS = np.arange(1000)
TABLE = pa.table(
    {
        "number": ROWS,
        "nulls": pa.array([None if i % 7 == 0 else i for i in range(1000)]),
        "text": [f"row {i}" for i in ROWS],
        "bytes": pa.array([b"abc"] * 1000, pa.binary(3)),
        "category": pa.array([f"kind {i % 3}" for i in ROWS]).dictionary_encode(),
        "time": pa.array(ROWS, pa.timestamp("us", "Asia/Tokyo")),
        "flag": pa.array(ROWS % 2 == 0),
    }
)
TRUTH = {
    "number": ROWS,
    "nulls": np.where(ROWS % 7 == 0, np.nan, ROWS),
    "text": np.array([f"row {i}" for i in ROWS], object),
    "bytes": np.array([b"abc"] * 1000),
    "category": np.array([f"kind {i % 3}" for i in ROWS], object),
    "time": ROWS.astype("<M8[us]"),
    "flag": ROWS % 2 == 0,
}


def written(table, truth, **options):
    def case(folder):
        pq.write_table(table, folder / "t.parquet", **options)
        return open_parquet(folder / "t.parquet"), truth

    return case


def from_pandas(folder):
    pd.DataFrame({"x": [1.5, 2.5]}, index=[5, 6]).to_parquet(folder / "t.parquet")
    return open_parquet(folder / "t.parquet"), {"x": np.array([1.5, 2.5]), "index": np.array([5, 6])}


def doubled(folder):
    table = pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4])], names=["a", "a"])
    return written(table, {"a": np.array([1, 2]), "a_1": np.array([3, 4])})(folder)


CASES = {
    "one_row_group": written(TABLE, TRUTH),
    "row_groups": written(TABLE, TRUTH, row_group_size=77),
    "without_statistics": written(TABLE.select(["text", "time"]), {name: TRUTH[name] for name in ("text", "time")}, write_statistics=False),
    "no_rows": written(TABLE.slice(0, 0), {**{name: array[:0] for name, array in TRUTH.items()}, "nulls": ROWS[:0]}),
    "no_columns": written(pa.table({}), {}),
    "nested_beside": written(pa.table({"n": [{"number": 1}] * 3, "number": [1, 2, 3]}), {"number": np.array([1, 2, 3])}),
    "dotted_names": written(pa.table({"a.b": [1, 2], "a": [3, 4]}), {"a.b": np.array([1, 2]), "a": np.array([3, 4])}),
    "from_pandas": from_pandas,
    "doubled_names": doubled,
}


class TestParquet(Contract, cases=CASES): ...


def groups_read(monkeypatch):
    seen = []
    read = pq.ParquetFile.read_row_groups

    def spy(self, groups, columns, **options):
        seen.append((list(groups), columns))
        return read(self, groups, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    return seen


@pytest.mark.parametrize(
    ("rows", "groups"),
    [(slice(0, 1), [0]), (slice(99, 101), [0, 1]), (slice(100, 200), [1]), (slice(250, 1000), [2, 3, 4, 5, 6, 7, 8, 9])],
    ids=["first_row", "across", "exactly_one", "to_the_end"],
)
def test_only_what_is_needed_is_read(monkeypatch, tmp_path, rows, groups):
    table, _ = written(TABLE, TRUTH, row_group_size=100)(tmp_path)
    seen = groups_read(monkeypatch)
    table.children["text"].read((rows,))
    assert seen == [(groups, ["text"])]


def test_opening_reads_the_footer_alone(monkeypatch, tmp_path):
    seen = groups_read(monkeypatch)
    table, _ = written(TABLE, TRUTH)(tmp_path)
    assert {name: table.children[name].shape for name in table.children} == dict.fromkeys(TRUTH, (1000,))
    assert seen == []


def test_row_groups_are_the_chunks(tmp_path):
    table, _ = written(TABLE, TRUTH, row_group_size=300)(tmp_path)
    assert table.children["number"].chunks == (300,)


def test_integers_are_floats_where_nothing_says_that_there_are_no_nulls(tmp_path):
    schema = pa.schema([pa.field("may", pa.int64()), pa.field("never", pa.int64(), nullable=False)])
    table, _ = written(pa.table({"may": [1, 2], "never": [1, 2]}, schema=schema), {}, write_statistics=False)(tmp_path)
    assert (table.children["may"].dtype, table.children["never"].dtype) == (np.dtype("<f8"), np.dtype("<i8"))


def test_attributes_are_the_authors_metadata(tmp_path):
    schema = pa.schema([pa.field("x", pa.int64(), metadata={"unit": "m"})], metadata={"who": "me"})
    table, _ = written(pa.table({"x": [1]}, schema=schema), {})(tmp_path)
    assert (table.attributes, table.children["x"].attributes) == ({"who": "me"}, {"unit": "m"})


def test_attrs_of_pandas_are_attributes(tmp_path):
    frame = pd.DataFrame({"x": [1]})
    frame.attrs = {"who": "me", "size": [1, 2]}
    frame.to_parquet(tmp_path / "t.parquet")
    assert open_parquet(tmp_path / "t.parquet").attributes == frame.attrs


@pytest.mark.parametrize("text", ["{not json", "[1, 2]", "[" * 100_000, "NaN"], ids=["broken", "list", "deep", "number"])
def test_attrs_that_are_no_object_are_text(tmp_path, text):
    table, _ = written(pa.table({"x": [1]}).replace_schema_metadata({"PANDAS_ATTRS": text}), {})(tmp_path)
    assert table.attributes == {"PANDAS_ATTRS": text}
    assert table.children["x"].read((slice(0, 1),)).tolist() == [1]


def test_what_cannot_be_shown_is_named(tmp_path):
    table, _ = written(pa.table({"list": [[1]], "bytes": [b"abc"], "x": [1]}), {})(tmp_path)
    assert set(table.unavailable()) == {"list", "bytes"}


def test_a_rewritten_file_is_not_read_by_its_old_footer(tmp_path):
    table, _ = written(TABLE, TRUTH)(tmp_path)
    column, before = table.children["number"], table.revision()
    written(TABLE.slice(0, 10), {})(tmp_path)
    assert table.revision() != before
    with pytest.raises(Changed):
        column.read((slice(0, 5),))


@pytest.mark.parametrize(
    ("data", "reason"), [(b"no such thing", "cannot be read as a Parquet file"), (b"", "is empty where a Parquet file")]
)
def test_another_file_is_damaged(tmp_path, data, reason):
    (tmp_path / "t.parquet").write_bytes(data)
    with pytest.raises(Damaged, match=f"'t.parquet' {reason}"):
        open_parquet(tmp_path / "t.parquet")


def test_pages_are_held_to_their_checksums(tmp_path):
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    table, _ = written(TABLE.select(["number"]), {}, **options)(tmp_path)
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[2000] ^= 1
    (tmp_path / "t.parquet").write_bytes(data)
    with pytest.raises(OSError, match="CRC checksum verification failed"):
        pq.ParquetFile(tmp_path / "t.parquet", page_checksum_verification=True).read()
    table = open_parquet(tmp_path / "t.parquet")
    with pytest.raises(Damaged):
        table.children["number"].read((slice(0, 1000),))


def test_statistics_of_many_columns_are_looked_at_once_each(tmp_path, monkeypatch):
    """2,000 columns took 3 s when each looked through those of all others."""
    names = [f"c{i}" for i in range(50)]
    table, _ = written(pa.table({name: [1, None] for name in names}), {})(tmp_path)
    looked, look = [], parquet._is_free_of_nulls
    monkeypatch.setattr(parquet, "_is_free_of_nulls", lambda piece: (looked.append(piece.path_in_schema), look(piece))[1])
    assert {table.children[name].dtype for name in names} == {np.dtype("<f8")}
    assert looked == names


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_parquet(tmp_path / "t.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("is_dictionary", [True, False])
def test_texts_count_before_they_are_made(tmp_path, monkeypatch, is_dictionary):
    """A file of a few kB that holds 100 equal texts of 1 MB.

    The footer has their length only if there is no dictionary.
    """
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100, "i4")), pa.array(["x" * 2**20]))
    column = words if is_dictionary else words.cast(pa.large_string())
    pq.write_table(pa.table({"words": column}), tmp_path / "a.parquet", use_dictionary=is_dictionary, compression="zstd")
    node = open_parquet(tmp_path / "a.parquet").children["words"]
    with lent(budgets.Budget(500 * 2**20, 1)):
        assert [len(text) for text in node.read((slice(0, 100),))] == [2**20] * 100
    step = (columns.Plan, "_converted") if is_dictionary else (pq.ParquetFile, "read_row_groups")
    monkeypatch.setattr(*step, lambda *_, **__: pytest.fail("it takes memory"))
    with lent(budgets.Budget(50 * 2**20, 1)), pytest.raises(TooLarge, match="MiB of memory at once"):
        node.read((slice(0, 100),))


def test_a_footer_counts_before_it_is_read(tmp_path, monkeypatch):
    """A damaged length in a sparse file of 3 GB.

    Arrow took 2 GB of memory to find that it is no footer.
    """
    path = tmp_path / "a.parquet"

    def write(nbytes):
        with path.open("wb") as file:
            file.write(b"PAR1")
            file.seek(3 * 2**30)
            file.write(nbytes.to_bytes(4, "little") + b"PAR1")

    monkeypatch.setattr(pq, "ParquetFile", lambda *_, **__: pytest.fail("it takes memory"))
    write(2**31 - 1)
    with pytest.raises(TooLarge, match="a footer of 2047 MiB, at most 256 MiB"):
        open_parquet(path)
    write(100 * 2**20)
    with lent(budgets.Budget(50 * 2**20, 1)), pytest.raises(TooLarge, match="MiB of memory at once"):
        open_parquet(path)


@contextmanager
def lent(budget):
    budgets.lend(budget)
    try:
        yield
    finally:
        budgets.lend(None)
