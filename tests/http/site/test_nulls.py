"""Nulls of tables in files and on pages, and `None` from a source that promised text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr import open as opened

NULLS = pd.DataFrame(
    {
        "text": ["a", None, "c", 'naïve, "b"'],
        "whole": pd.array([1, None, 3, -4], "Int64"),
        "truth": pd.array([True, None, False, True], "boolean"),
        "real": [1.5, np.nan, 0.1, -2],
        "day": pd.to_datetime(["2026-01-01", None, "2026-01-02", "2026-01-03"]),
    }
)


def test_nulls_of_a_table_are_empty_fields(make: Callable[..., Any]) -> None:
    """pandas reads the same as from its own CSV."""
    app = make(Group(children={"t": opened(NULLS)}))
    dtypes = {"whole": "Int64", "truth": "boolean"}
    body = ask(app, "/download/t.csv").body
    found, expected = (
        pd.read_csv(io.BytesIO(given), dtype=dtypes, parse_dates=["day"], index_col=0, date_format="ISO8601")
        for given in (body, NULLS.to_csv().encode())
    )
    pd.testing.assert_frame_equal(found, expected, check_names=False)
    assert [line.split(b",", 2)[1] for line in body.splitlines()[1:3]] == [b"a", b""]


def test_nulls_of_a_table_are_named_on_its_page(make: Callable[..., Any]) -> None:
    page = ask(make(Group(children={"t": opened(NULLS)})), "/view/t").body.decode()
    (row,) = re.findall(r'<tr><th scope="row">1</th>(.*?)</tr>', page)
    cells = dict(zip(["index", *NULLS], re.findall(r"<td>(.*?)</td>", row), strict=True))
    assert [name for name, cell in cells.items() if cell == "null"] == ["text", "whole", "truth"]
    assert cells["real"] == "nan"


@pytest.mark.parametrize("item", [None, 1.5])
def test_what_is_no_text_among_texts_fails_as_in_zarr(make: Callable[..., Any], item: Any) -> None:
    """A source that promised text has broken its word: nobody gets `None` as if it was text."""
    items = np.array(["a", item, "None"], object)
    app = make(Group(children={"a": Array(shape=(3,), dtype=items.dtype, read=lambda region: items[region])}))
    said = f"the source returned an item of type {type(item).__name__}, but text was promised"
    for path in ("/zarr/v2/a/0", "/download/a.csv", "/download/a.npy"):
        answer = ask(app, path)
        assert (answer.status, said in answer.body.decode()) == (500, True)
    page = ask(app, "/view/a").body.decode()
    assert said in page
    assert "<td>None</td>" not in page
