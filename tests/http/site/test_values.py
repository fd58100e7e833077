"""Values on pages, compared with numpy's."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest

from asgi import ask
from strategies import array_node
from tiled_zarr import Array, Group, Sparse, Table
from tiled_zarr.http.site import browse, cells, values

SCALARS = {
    "float32": (np.float32(0.1), "0.1"),
    "float64": (np.float64(1) / 3, "0.3333333333333333"),
    "nan": (np.float64("nan"), "nan"),
    "uint64": (np.uint64(2**64 - 1), "18446744073709551615"),
    "big endian": (np.array(258, ">i4"), "258"),
    "bool": (np.bool_(True), "True"),
    "complex": (np.complex64(1.5 - 2j), "1.5-2j"),
    "date": (np.datetime64("2026-11-27T06:12:45.123456789"), "2026-11-27T06:12:45.123456789"),
    "no date": (np.datetime64("NaT"), "NaT"),
    "span": (np.timedelta64(90, "m"), "90 m"),
    "span of tens": (np.array(-3, "m8[10s]")[()], "-30 s"),
    "bytes": (np.bytes_(b"caf\xe9"), "caf\\xe9"),
    "text": (np.str_("naïve <b>"), "naïve <b>"),
    "record": (np.array((1, 2.5, b"x"), [("a", "i2"), ("b", "f4"), ("c", "S3")]), "a: 1, b: 2.5, c: x"),
    "vector in a record": (np.array(([1, 2, 3],), [("a", "u1", (3,))]), "a: [1, 2, 3]"),
}


class Cells(HTMLParser):
    """The texts of the cells of the only table on a page, row by row, and what is alone."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.alone: list[str] = []
        self.caption = ""
        self.into = ""
        self.is_over = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.into = tag
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag == "pre" and ("class", "value") in attrs:
            self.into = "value"
            self.alone.append("")

    def handle_endtag(self, tag: str) -> None:
        self.into = ""
        self.is_over = self.is_over or tag == "table"

    def handle_data(self, data: str) -> None:
        if self.into in {"td", "th"}:
            self.rows[-1][-1] += data
        elif self.into == "span" and self.rows and not self.is_over:
            self.rows[-1][-1] += f" | {data}"
        elif self.into == "value":
            self.alone[-1] += data
        elif self.into == "caption":
            self.caption += data


def shown(app: Any, path: str) -> Cells:
    answer = ask(app, path)
    assert answer.status == 200
    return Cells(answer.body.decode())


def few_on(page: bytes) -> list[str]:
    return [html.unescape(text) for text in re.findall(r'<p class="few">([^<]*)</p>', page.decode())]


@pytest.mark.parametrize(("value", "text"), SCALARS.values(), ids=SCALARS)
def test_a_scalar_shows_its_value(make: Callable[..., Any], value: Any, text: str) -> None:
    app = make(Group(children={"a": array_node(np.asarray(value), attributes={"units": "mm/s"})}))
    if np.asarray(value).dtype.names is None:
        assert shown(app, "/view/a").alone == [f"{text} mm/s"]
        assert few_on(ask(app, "/").body) == [f"{text} mm/s"]
    assert cells.cell(np.asarray(value)[()]) == text


def test_text_of_any_length(make: Callable[..., Any]) -> None:
    text = np.array("ä" * 5000, dtype=object)
    node = Array(shape=(), dtype=np.dtype(object), read=lambda region: text, blocking=False)
    app = make(Group(children={"a": node}))
    assert shown(app, "/view/a").alone == ["ä" * 2000 + "… (5,000 characters)"]
    assert few_on(ask(app, "/").body) == ["ä" * 80 + "… (5,000 characters)"]


def test_few_values_stand_in_the_list_of_the_group(make: Callable[..., Any]) -> None:
    app = make(Group(children={"few": array_node(np.array([1.5, 2, 3]), attributes={"unit": "V"}), "more": array_node(np.arange(9))}))
    assert few_on(ask(app, "/").body) == ["1.5, 2.0, 3.0 V"]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 1234])
def test_the_first_values_of_a_line(make: Callable[..., Any], count: int) -> None:
    line = np.random.default_rng(1).normal(size=count).astype("f4")
    found = shown(make(Group(children={"a": array_node(line, attributes={"units": "V"})})), "/view/a")
    assert found.rows == [["", "value | V"], *([str(number), str(value)] for number, value in enumerate(line[:10]))]
    assert found.caption == (f"first 10 of {count:,} values" if count > 10 else f"{count} value{'s' if count > 1 else ''}")


def test_the_first_records(make: Callable[..., Any]) -> None:
    records = np.array([(i / 3, f"n{i}") for i in range(30)], [("x", "f8"), ("name", "U4")])
    found = shown(make(Group(children={"a": array_node(records)})), "/view/a")
    assert found.rows == [["", "x | float64", "name | U4"], *([str(i), str(records["x"][i]), f"n{i}"] for i in range(10))]
    assert found.caption == "first 10 of 30 values, 2 fields"


def test_the_first_rows_and_columns_of_an_array(make: Callable[..., Any]) -> None:
    """Of complex numbers in 3 axes, which are no image."""
    data = np.random.default_rng(1).integers(0, 99, (2, 30, 12)).astype("U3")
    found = shown(make(Group(children={"a": array_node(data)})), "/view/a")
    assert found.rows[0] == ["", *map(str, range(8))]
    assert found.rows[1:] == [[str(row), *data[0, row, :8].tolist()] for row in range(10)]
    assert found.caption == "first 10 of 30 rows, first 8 of 12 columns, at 0 on the axes before"


def test_a_sparse_array_shows_its_fill_too(make: Callable[..., Any]) -> None:
    coords, data = np.array([[1, 3]]), np.array([5.5, 7.25])
    node = Sparse((6,), np.dtype("f8"), lambda: (coords, data), revision=lambda: "r")
    found = shown(make(Group(children={"a": node})), "/view/a")
    assert [row[1] for row in found.rows[1:]] == ["0.0", "5.5", "0.0", "7.25", "0.0", "0.0"]


def test_an_empty_array(make: Callable[..., Any]) -> None:
    page = ask(make(Group(children={"a": array_node(np.zeros((0, 3), "U2"))})), "/view/a").body.decode()
    assert "no values" in page


def table(length: int, columns: int = 3, **damaged: Any) -> Group:
    made = {
        f"c{number}": array_node(np.arange(length) * number, attributes={"units": "V"} if number == 1 else {}) for number in range(columns)
    }
    return Table({**made, **damaged})


@pytest.mark.parametrize("length", [0, 3, 1000])
@pytest.mark.parametrize("columns", [1, 12, 40])
def test_a_table_shows_its_first_rows_and_columns(make: Callable[..., Any], length: int, columns: int) -> None:
    page = ask(make(Group(children={"t": table(length, columns)})), "/view/t").body.decode()
    most = min(columns, 12)
    assert f"<dt>rows</dt><dd>{length:,}</dd>" in page
    assert f"<dt>columns</dt><dd>{columns}</dd>" in page
    if length:
        found = Cells(page)
        assert found.rows[0] == ["", *(f"c{number} | int64{', V' if number == 1 else ''}" for number in range(most))]
        assert found.rows[1:] == [[str(row), *(str(row * number) for number in range(most))] for row in range(min(length, 10))]
        rows = "first 10 of 1,000 rows" if length > 10 else f"{length} rows"
        said = {1: "1 column", 12: "12 columns", 40: "first 12 of 40 columns"}
        assert found.caption == f"{rows}, {said[columns]}"


def failing(region: Any) -> Any:
    raise OSError(5, "Input/output error")


SAID = "the system says: input/output error; check the disk or network it is on"


def test_a_damaged_column_harms_only_itself(make: Callable[..., Any]) -> None:
    bad = Array(shape=(5,), dtype=np.dtype("f8"), read=failing)
    found = shown(make(Group(children={"t": table(5, 2, bad=bad)})), "/view/t")
    assert found.rows[0] == ["", "c0 | int64", "c1 | int64, V", f"bad | {SAID}"]
    assert found.rows[3] == ["2", "0", "2", "…"]


def test_a_damaged_scalar_harms_only_itself(make: Callable[..., Any]) -> None:
    bad = Array(shape=(), dtype=np.dtype("f8"), read=failing)
    app = make(Group(children={"bad": bad, "good": array_node(np.asarray(3))}))
    assert few_on(ask(app, "/").body) == [SAID, "3"]
    assert SAID in ask(app, "/view/bad").body.decode()


def test_a_block_of_another_shape_is_a_failure(make: Callable[..., Any]) -> None:
    bad = Array(shape=(), dtype=np.dtype("f8"), read=lambda region: np.zeros(3), blocking=False)
    assert "expected a block of shape ()" in few_on(ask(make(Group(children={"bad": bad})), "/").body)[0]


def test_what_takes_much_memory_is_not_read(make: Callable[..., Any]) -> None:
    calls: list[Any] = []
    node = Array(shape=(10**9,), dtype=np.dtype("f8"), read=calls.append, chunks=(10**8,))
    page = ask(make(Group(children={"a": node})), "/view/a").body.decode()
    assert "reading the first values takes 762 MiB of memory" in page
    assert calls == []


def test_slow_values_do_not_hold_up_a_page(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browse, "READING", -1)
    page = ask(make(Group(children={"a": array_node(np.asarray(3))})), "/").body
    assert few_on(page) == [browse.LATE]


def test_a_value_that_hangs_is_left_out(make: Callable[..., Any]) -> None:
    """As with a child that cannot be opened, the page is made without it."""
    go = Event()

    def hangs(region: Any) -> Any:
        go.wait(20)
        return np.zeros(())

    bad = Array(shape=(), dtype=np.dtype("f8"), read=hangs)
    group = Group(children={"bad": bad, "good": array_node(np.asarray(3))}, blocking=True, revision=lambda: "r")
    app = make(Group(children={"g": group}), read_timeout=0.5)
    try:
        answers = [ask(app, "/view/g") for _ in range(2)]
    finally:
        go.set()
    for answer in answers:
        assert answer.status == 200
        assert "did not answer" in answer.body.decode()
        assert few_on(answer.body) == ["3"]


def test_texts_of_types() -> None:
    assert values.typed(np.dtype("datetime64[ns]")) == "datetime64[ns]"


@pytest.mark.parametrize("count", [9, 12, 30])
def test_a_table_with_more_columns_than_are_opened(make: Callable[..., Any], count: int) -> None:
    """The first columns are there, as in pandas, and the counts are of all."""
    frame = pd.DataFrame(np.arange(20 * count).reshape(20, count), columns=[f"c{number}" for number in range(count)])
    table = Table({name: array_node(frame[name].to_numpy()) for name in frame})
    page = ask(make(Group(children={"t": table}), consolidated_nodes=10), "/view/t").body.decode()
    shown = min(count, 12)
    said = f"{count} columns" if count == shown else f"first {shown} of {count} columns"
    assert f"<caption>first 10 of 20 rows, {said}</caption>" in page
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r'<tr><th scope="row">.*?</tr>', page)]
    assert rows == frame.iloc[:10, :shown].astype(str).to_numpy().tolist()
