import gzip
import io
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv as arrow_csv

from tiled_zarr.adapters.common.choices import NO_CHOICE
from tiled_zarr.adapters.common.columns import schema_names
from tiled_zarr.adapters.common.snapshot import Snapshot
from tiled_zarr.adapters.tables.csv import open_csv, survey, tables
from tiled_zarr.nodes import Changed, Damaged, TooLarge
from tiled_zarr.testing import Contract

PLAIN = "number,half,text,flag,day,nothing\n1,1.5,a,true,2026-11-23,\n2,,ä,false,2026-11-24,\n,2.5,,true,,\n"
TRUTH = {
    "number": np.array([1, 2, np.nan]),
    "half": np.array([1.5, np.nan, 2.5]),
    "text": np.array(["a", "ä", ""], object),
    "flag": np.array([True, False, True]),
    "day": np.array(["2026-11-23", "2026-11-24", "NaT"], "<M8[D]"),
    "nothing": np.full(3, np.nan),
}


def written(text, truth, name="t.csv"):
    def case(folder):
        data = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return open_csv(folder / name), truth

    return case


LATE = "x\n" + "1\n" * 600_000 + "2.5\n"
CASES = {
    "plain": written(PLAIN, TRUTH),
    "semicolons": written(PLAIN.replace(",", ";"), TRUTH),
    "tabs": written(PLAIN.replace(",", "\t"), TRUTH, "t.tsv"),
    "compressed": written(PLAIN, TRUTH, "T.CSV.gz"),
    "quoted": written('"a,b",c\n"1\n2",3\n', {"a,b": np.array(["1\n2"], object), "c": np.array([3])}),
    "doubled_names": written("a,a\n1,2\n", {"a": np.array([1]), "a_1": np.array([2])}),
    "no_rows": written("a,b\n", {"a": np.empty(0), "b": np.empty(0)}),
    "no_utf_8": written(b"a\n\xff\xfe\n", {"a": np.array(["ÿþ"], object)}),
    "short_row": written("a,b\n1,2\n3\n", {"a": np.array([1, 3]), "b": np.array([2, np.nan])}),
    "names_in_latin_1": written("größe,b\n1,2\n".encode("latin-1"), {"größe": np.array([1]), "b": np.array([2])}),
    "type_told_by_the_last_row": written(LATE, {"x": np.array([1.0] * 600_000 + [2.5])}),
}


class TestCsv(Contract, cases=CASES): ...


def test_a_rewritten_file_is_another_table(tmp_path):
    table, _ = written("a\n1\n", {})(tmp_path)
    column, before = table.children["a"], table.revision()
    again, _ = written("a\n1\n22\n", {})(tmp_path)
    assert table.revision() != before
    assert again.children["a"].read((slice(0, 2),)).tolist() == [1, 22]
    with pytest.raises(Changed):
        column.read((slice(0, 1),))


NO_TABLES = {
    "empty": (b"", "t.csv", "'t.csv' is empty, but a table of text is expected"),
    "long_row": (b"a,b\n1,2,3\n4\n", "t.csv", "has 3 values in line 2, but its header has 2; give every row as many values"),
    "no_gzip": (b"", "t.csv.gz", "'t.csv.gz' "),
}


@pytest.mark.parametrize(("data", "name", "reason"), NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_damaged(tmp_path, data, name, reason):
    (tmp_path / name).write_bytes(data)
    for _ in range(2):
        with pytest.raises(Damaged, match=reason):
            open_csv(tmp_path / name)


@pytest.mark.parametrize("cut", [1, 8, 9, 20, 100], ids=str)
def test_a_compressed_table_that_is_cut_short_is_damaged(tmp_path, cut):
    data = gzip.compress(b"a\n" + b"".join(b"%d\n" % i for i in range(1000)))
    (tmp_path / "t.csv.gz").write_bytes(data[:-cut])
    with pytest.raises(EOFError):
        gzip.decompress(data[:-cut])
    with pytest.raises(Damaged):
        open_csv(tmp_path / "t.csv.gz")


def test_a_refused_table_is_read_once(tmp_path, monkeypatch):
    read, parse = [], tables._parsed
    monkeypatch.setattr(tables, "_parsed", lambda *arguments: (read.append(1), parse(*arguments))[1])
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2,3\n4\n")
    for _ in range(3):
        with pytest.raises(Damaged):
            open_csv(tmp_path / "t.csv")
    assert len(read) == 1


def test_a_long_text_is_refused_by_counting(tmp_path, monkeypatch):
    """64 MiB out of 65 kB; no more than the limit is ever in memory."""
    monkeypatch.setattr(survey, "LARGEST", 8 << 20)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"a,b\n" * (16 << 20)))
    tracemalloc.start()
    with pytest.raises(TooLarge, match=r"'bomb\.csv\.gz' holds more than 8 MiB of text"):
        open_csv(tmp_path / "bomb.csv.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


def test_names_are_listed_once_however_many_columns(tmp_path):
    """8,000 columns took 10 s when each asked for all names."""

    class Schema:
        looks = 0

        @property
        def names(self):
            Schema.looks += 1
            return [f"c{i}" for i in range(8000)]

    assert schema_names(Schema())[-1] == "c7999"
    assert Schema.looks == 1


@pytest.mark.slow
def test_a_table_that_fits_its_first_block_takes_little_more_than_itself(tmp_path):
    """Text, parsed pieces and table together took four times the text."""
    code = (
        "import resource, sys; from pathlib import Path; from tiled_zarr.adapters.tables.csv import open_csv\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "table = open_csv(Path(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)"
    )
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1234567,2.5\n" * 5_000_000, 1))
    grown = int(subprocess.check_output([sys.executable, "-c", code, tmp_path / "a.csv.gz"]))
    assert grown < 190 * 1024  # KiB; the table has 76 MiB, the text 57


def test_a_table_that_grows_out_of_a_short_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "LARGEST_TABLE", 1 << 20)
    monkeypatch.setattr(tables, "BLOCK", 1 << 16)
    (tmp_path / "t.csv").write_bytes(b"a,b,c,d\n" + b"1,,,\n" * 200_000)
    with pytest.raises(TooLarge, match=r"'t\.csv' takes more than 1 MiB as a table"):
        open_csv(tmp_path / "t.csv")


@pytest.mark.parametrize("last", ["2.5", "n/a", "x", "2020-01-01", "99999999999999999999"])
def test_types_are_those_of_all_rows_however_it_is_cut(tmp_path, monkeypatch, last):
    rows = "1,\n" * 5000
    text = f"a,b\n{rows}{last},7\n".encode()
    (tmp_path / "t.csv").write_bytes(text)
    truth = arrow_csv.read_csv(io.BytesIO(text), arrow_csv.ReadOptions(block_size=len(text) + 1))
    monkeypatch.setattr(tables, "BLOCK", 1 << 12)
    assert tables.Text(Snapshot.of(tmp_path / "t.csv"), NO_CHOICE).outcome().table.equals(truth)


def test_as_many_columns_as_are_read_and_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_COLUMNS", 3)
    (tmp_path / "a.csv").write_text("a,b,c\n1,2,3\n")
    assert list(open_csv(tmp_path / "a.csv").children) == ["a", "b", "c"]
    (tmp_path / "b.csv").write_text("a,b,c,d\n1,2,3,4\n")
    with pytest.raises(TooLarge, match=r"'b\.csv' has 4 columns, at most 3 are read; save it as an array"):
        open_csv(tmp_path / "b.csv")


@pytest.mark.parametrize("before", ["", "1,2\n" * 2000], ids=["first", "late"])
def test_a_row_that_is_too_long_is_said_to_be(tmp_path: Path, before: str) -> None:
    (tmp_path / "a.csv").write_text(f"a,b\n{before}1,{'x' * (2 * tables.BLOCK + 100)}\n2,3\n")
    with pytest.raises(Damaged, match=r"'a\.csv' has a row of more than 16 MiB; is it really a table of text\?"):
        open_csv(tmp_path / "a.csv")
