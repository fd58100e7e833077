import gzip

import numpy as np
import pytest

from adapters.contract import Contract
from tiled_zarr.adapters.csv import open_csv
from tiled_zarr.nodes import Changed, Unavailable

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
    "no_text": written(b"a\n\xff\xfe\n", {"a": np.array([b"\xff\xfe"])}),
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


@pytest.mark.parametrize("text", ["", "a,b\n1\n"], ids=["empty", "short_row"])
def test_what_is_no_table_is_unavailable(tmp_path, text):
    with pytest.raises(Unavailable, match=r"t\.csv is no table of text"):
        written(text, {})(tmp_path)
