"""Text tables as instruments and spreadsheets write them.

We read what pandas reads with the right options, and the attributes say how it was read.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from tiled_zarr import revisions
from tiled_zarr.adapters.common import choices
from tiled_zarr.adapters.common.choices import TextChoice
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.tables.csv import mended, open_csv, survey
from tiled_zarr.nodes import Array, Damaged, Group, Node

PLAIN = {"delimiter": ",", "header": True, "decimal": ".", "encoding": "utf-8"}


class Text(NamedTuple):
    """A text, the options with which pandas reads it, and what attributes say beside PLAIN."""

    content: bytes
    options: dict[str, Any]
    said: dict[str, Any]


TEXTS = {
    "latin_1": Text(
        "Zeit;Temp °C;Probe\n1;20.5;Grün\n2;21.0;Weiß\n".encode("latin-1"),
        {"sep": ";", "encoding": "latin-1"},
        {"delimiter": ";", "encoding": "latin-1"},
    ),
    "windows": Text("price,note\n1,5 €\n2,“x”\n".encode("cp1252"), {"encoding": "cp1252"}, {"encoding": "cp1252"}),
    "decimal_comma": Text(b"t;v\n0,5;1,25\n1,0;2,50\n", {"sep": ";", "decimal": ","}, {"delimiter": ";", "decimal": ","}),
    "decimal_comma_in_one_column": Text(b"v\n1,25\n2,50\n", {"sep": ";", "decimal": ","}, {"delimiter": ";", "decimal": ","}),
    "decimal_commas_without_names": Text(
        b"1,5;2,5\n3,5;4,5\n", {"sep": ";", "decimal": ",", "header": None}, {"delimiter": ";", "decimal": ",", "header": False}
    ),
    "decimal_commas_below_names_with_commas": Text(
        b"t, in s;v, in V\n1,5;2,5\n3,5;4,5\n", {"sep": ";", "decimal": ","}, {"delimiter": ";", "decimal": ","}
    ),
    "text_with_semicolons": Text(b"a;b,c\nx;y,z\nx;y,1\n", {}, {}),
    "decimal_comma_and_tabs": Text(b"t\tv\n1\t-1,25e3\n2\t2,5\n", {"sep": "\t", "decimal": ","}, {"delimiter": "\t", "decimal": ","}),
    "thousands_are_no_decimals": Text(b"t;v\n1;1,250\n2;2,500\n", {"sep": ";"}, {"delimiter": ";"}),
    "comments": Text(
        b"# instrument: made up\n# date: 2024-01-01\nx,y\n1,2\n3,4\n",
        {"comment": "#"},
        {"comment": "#", "comments": ["instrument: made up", "date: 2024-01-01"]},
    ),
    "comments_between": Text(b"#a\nx,y\n1,2\n# b, c\n3,4\n#", {"comment": "#"}, {"comment": "#", "comments": ["a", "b, c"]}),
    "comments_in_utf_16": Text(
        "#a\r\nx,y\r\n1,2\r\n#b,c\r\n3,4\r\n".encode("utf-16"),
        {"comment": "#", "encoding": "utf-16"},
        {"comment": "#", "comments": ["a", "b,c"], "encoding": "utf-16"},
    ),
    "names_in_a_comment": Text(
        b"# 2024\n# time, signal\n0,1.5\n1,2.5\n",
        {"skiprows": 2, "names": ["time", "signal"]},
        {"comment": "#", "comments": ["2024", "time, signal"], "header": "comment"},
    ),
    "before_the_table": Text(
        b"Instrument,XY-1\nOperator,nobody\n\nTime,Signal\n0,1.5\n1,2.5\n",
        {"skiprows": 3},
        {"preamble": ["Instrument,XY-1", "Operator,nobody"]},
    ),
    "a_title": Text(b"Run 7\nTime,Signal\n0,1.5\n1,2.5\n", {"skiprows": 1}, {"preamble": ["Run 7"]}),
    "an_empty_line_between": Text(b"name,v\na,1\n\nb,2\nc,3\n", {}, {}),
    "as_excel_hints": Text(b"sep=;\r\na;b\r\n1;2\r\n", {"sep": ";", "skiprows": 1}, {"delimiter": ";", "preamble": ["sep=;"]}),
    "no_header": Text(b"0,1.5\n1,2.5\n2,3.5\n", {"header": None}, {"header": False}),
    "no_header_of_one_row": Text(b"1,2\n", {"header": None}, {"header": False}),
    "no_header_with_text": Text(b"a,0.5\nb,0.25\n", {"header": None}, {"header": False}),
    "no_header_with_dates": Text(b"2024-01-01,x\n2024-01-02,y\n", {"header": None, "parse_dates": [0]}, {"header": False}),
    "no_header_with_text_and_whole_numbers": Text(b"AC-1,0,0,2546\nTA-1,0,1,2666\n", {"header": None}, {"header": False}),
    "no_header_but_the_same_text_twice": Text(b"APP,APP\nMX1,MX1\nMX2,MX2\n", {"header": None}, {"header": False}),
    "years_beside_text": Text(b"country,2020,2021\nDE,83,84\nFR,67,68\n", {}, {}),
    "the_same_name_twice": Text(b"name,name\na,a\nb,c\n", {"names": ["name", "name_1"], "header": 0}, {}),
    "no_header_below_comments": Text(
        b"# made up\n0,1.5\n1,2.5\n", {"header": None, "comment": "#"}, {"header": False, "comment": "#", "comments": ["made up"]}
    ),
    "years_are_names": Text(b"country,2020,2021\nDE,83,84\nFR,67,68\n", {}, {}),
    "dates_are_names": Text(b"country,1/22/20,1/23/20\nDE,0,1\nFR,2,3\n", {}, {}),
    "wavelengths_are_names": Text(b"sample,400.5,401.5,402.5\na,0.1,0.2,0.3\nb,0.4,0.5,0.6\n", {}, {}),
    "as_pandas_numbers_columns": Text(b",0,1\n0,1.5,2.5\n1,3.5,4.5\n", {}, {}),
    "text_alone": Text(b"name,note\na,b\nc,d\n", {}, {}),
    "names_without_the_index": Text(b"x,y\n1,0.5,0.6\n2,0.7,0.8\n", {}, {}),
    "mark_of_utf_8": Text(b"\xef\xbb\xbfa,b\n1,2\n", {"encoding": "utf-8-sig"}, {}),
    "utf_16": Text("a,b\n1,2\nä,3\n".encode("utf-16"), {"encoding": "utf-16"}, {"encoding": "utf-16"}),
    "utf_16_big_endian": Text("\ufeffa,b\n1,2\nä,3\n".encode("utf-16-be"), {"encoding": "utf-16"}, {"encoding": "utf-16"}),
    "utf_16_without_a_mark": Text("a,b\n1,2\n3,4\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, {"encoding": "utf-16-le"}),
    "short_rows": Text(b"a,b,c\n1,2,3\n4,5\n6,\n", {}, {"short_rows": 2}),
    "short_rows_in_latin_1": Text(
        "a;b\nä;1\nö\n".encode("latin-1"), {"sep": ";", "encoding": "latin-1"}, {"delimiter": ";", "encoding": "latin-1", "short_rows": 1}
    ),
    "short_rows_with_quotes": Text(b'a,b,c\n"x, ""y""\nz",1,2\n"",3\n', {}, {"short_rows": 1}),
    "short_rows_and_decimal_commas": Text(
        b"a;b\n1,5;2,5\n3,5\n", {"sep": ";", "decimal": ","}, {"delimiter": ";", "decimal": ",", "short_rows": 1}
    ),
    "blanks": Text(b"x y z\n1 2 3\n4 5 6\n", {"sep": r"\s+"}, {"delimiter": "blanks"}),
    "columns_of_blanks": Text(b"  x    y\n  1  2.5 \n 10  3.5\n", {"sep": r"\s+"}, {"delimiter": "blanks"}),
    "as_numpy_saves": Text(
        b"# x y\n1.0e+00 2.0e+00\n3.0e+00 4.0e+00\n",
        {"sep": " ", "skiprows": 1, "names": ["x", "y"]},
        {"delimiter": "blanks", "comment": "#", "comments": ["x y"], "header": "comment"},
    ),
    "old_mac": Text(b"# a\ra,b\r1,2\r3,4\r", {"comment": "#"}, {"comment": "#", "comments": ["a"]}),
    "words_in_one_column": Text(b"note\nhello you\nfoo bar\n", {}, {}),
}


def equals(node: Node, truth: pd.Series) -> None:
    """Text that is missing is empty; numbers that are missing are NaN."""
    assert isinstance(node, Array)
    got = node.read((slice(0, node.shape[0]),))
    want = truth.fillna("").astype(str).to_numpy(object) if got.dtype.kind == "O" else truth.to_numpy()
    np.testing.assert_array_equal(got, want.astype(got.dtype))


def frame(text: Text) -> pd.DataFrame:
    found = pd.read_csv(io.BytesIO(text.content), **text.options)
    named = found.reset_index() if found.index.dtype != "int64" or not found.index.equals(pd.RangeIndex(len(found))) else found
    return named.rename(columns=lambda name: "" if str(name).startswith("Unnamed") else str(name))


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_is_read_as_pandas_reads_it(tmp_path: Path, text: Text, is_packed: bool) -> None:
    path = tmp_path / ("t.csv.gz" if is_packed else "t.csv")
    path.write_bytes(gzip.compress(text.content) if is_packed else text.content)
    table, truth = open_csv(path), frame(text)
    assert list(table.children) == list(truth.columns)
    for name in truth.columns:
        equals(table.children[name], truth[name])
    assert table.attributes["tiled_zarr"]["csv"] == PLAIN | text.said
    path.unlink()


def test_text_that_is_no_utf_8_is_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a\nx\n" * 10 + "größe\n".encode("latin-1"))
    column = open_csv(tmp_path / "t.csv").children["a"]
    assert isinstance(column, Array)
    assert (column.dtype, column.read((slice(19, 20),)).tolist()) == (np.dtype(object), ["größe"])


def test_a_byte_far_down_tells_the_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a character of UTF-8 lies in two of the pieces that are looked at."""
    monkeypatch.setattr(survey, "AT_ONCE", 7)
    for encoding in ("utf-8", "latin-1"):
        (tmp_path / "t.csv").write_bytes(("a,b\n" + "1,x\n" * 100 + "2,äöü\n").encode(encoding))
        table = open_csv(tmp_path / "t.csv")
        assert table.attributes["tiled_zarr"]["csv"]["encoding"] == encoding
        assert table.children["b"].read((slice(100, 101),)).tolist() == ["äöü"]  # type: ignore[union-attr] # a column


NO_TABLES = {
    "ragged": (b"a,b\n1,2\n3,4,5\n", "'t.csv' has 3 values in line 3, but its header has 2; give every row as many values"),
    "binary": (b"\x00\xff\x13garbage\x00" * 40, "'t.csv' holds bytes that no text contains"),
    "no_utf_16": (b"\xff\xfea\x00\x00\xd8b\x00", "'t.csv' is no text in utf-16"),
    "comments_alone": (b"# a\n# b\n", "'t.csv' has no row"),
    "open_quote": (b'a,b\n"1,2\n3,4\n', "'t.csv' holds a quote that does not end its value near line 3"),
    "long_value": (b"a,b\n1\n" + b"x" * 200_000 + b",2\n", "'t.csv' holds a value of more than 131,072 characters near line 3"),
}


@pytest.mark.parametrize(("content", "reason"), NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_says_what_to_do(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(Damaged, match=reason):
        open_csv(tmp_path / "t.csv")


def test_a_line_without_end_is_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mended, "LONGEST_LINE", 1000)
    (tmp_path / "t.csv").write_bytes(b"a,b\n1\n" + b"x," * 1000)
    with pytest.raises(Damaged, match="a line of more than 1,000 characters"):
        open_csv(tmp_path / "t.csv")


CHOSEN = {
    "header": (b"1,2\n3,4\n", {"header": True}, {"1": [3], "2": [4]}),
    "no_header": (b"a,b\nc,d\n", {"header": False}, {"0": ["a", "c"], "1": ["b", "d"]}),
    "delimiter": (b"a;b,c\n1;2,3\n", {"delimiter": ";"}, {"a": [1], "b,c": [2.3]}),
    "decimal": (b"a;b\n1,250;2\n", {"decimal": ","}, {"a": [1.25], "b": [2]}),
    "encoding": ("a\nü\n".encode("cp850"), {"encoding": "cp850"}, {"a": ["ü"]}),
    "comment": (b"! x\na,b\n1,2\n! y\n3,4\n", {"comment": "!"}, {"a": [1, 3], "b": [2, 4]}),
    "skipped": (b"a,b\nunits,V\nx,y\n1,2\n", {"skip_rows": 2}, {"x": [1], "y": [2]}),
    "long_rows": (b"a,b\n1,2\n3,4,5\n", {"skip_long_rows": True}, {"a": [1], "b": [2]}),
}


@pytest.mark.parametrize(("content", "chosen", "truth"), CHOSEN.values(), ids=CHOSEN)
def test_what_is_chosen_holds_for_all_tables_of_a_folder(
    tmp_path: Path, content: bytes, chosen: dict[str, Any], truth: dict[str, Any]
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "t.csv").write_bytes(content)
    table = open_directory(tmp_path, tables=TextChoice(**chosen)).children["below"].children["t"]  # type: ignore[union-attr] # groups
    assert isinstance(table, Group)
    assert table.kind == "table"
    columns = {
        name: column.read((slice(0, column.shape[0]),)).tolist() for name, column in table.children.items() if isinstance(column, Array)
    }
    assert columns == truth
    if "skip_long_rows" in chosen:
        assert table.attributes["tiled_zarr"]["csv"]["long_rows_skipped"] == 1


def test_another_choice_is_another_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n")
    assert list(open_csv(tmp_path / "t.csv").children) == ["a", "b"]
    with choices.in_force(TextChoice(header=False)):
        assert list(open_csv(tmp_path / "t.csv").children) == ["0", "1"]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n9007199254740993,1\n18446744073709551615,2\n",
        b"a,b\n9007199254740993,1.5\n9223372036854775808,2\n1,\n",
        b"a,b\n1e19,1\n0.5,2\n",
        b"a,b\n-1,1\n1e300,2\n",
    ],
)
def test_integers_beyond_those_of_64_bits_with_a_sign(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    children = open_csv(tmp_path / "t.csv").children
    for name, truth in pd.read_csv(io.BytesIO(content)).items():
        equals(children[str(name)], truth)


def test_another_choice_is_another_revision(tmp_path):
    """The same bytes are other text: caches must not answer for the one with the other."""
    (tmp_path / "t.csv").write_bytes(b"s\ncaf\xe9\nx\n")
    latin, cyrillic = (open_directory(tmp_path, tables=TextChoice(encoding=name)).children["t"] for name in ("latin-1", "cp1251"))
    assert latin.children["s"].read((slice(0, 1),))[0] != cyrillic.children["s"].read((slice(0, 1),))[0]
    assert latin.revision() != cyrillic.revision()
    assert latin.children["s"].revision() != cyrillic.children["s"].revision()
    assert revisions.shared(latin.revision()) != revisions.shared(cyrillic.revision())
    assert open_directory(tmp_path).children["t"].revision() == revisions.file_revision(tmp_path / "t.csv")
