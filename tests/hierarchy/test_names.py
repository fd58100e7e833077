from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.hierarchy import names

ALIASES = {
    "": "~",
    ".": "~2e",
    "..": "~2e~2e",
    "a/b": "a~2fb",
    "a\\b": "a~5cb",
    "~": "~7e",
    "50%": "50~25",
    "what?": "what~3f",
    "#1": "~231",
    "~2f": "~7e2f",
    "__init__": "~5f~5finit__",
    "zarr.json": "zarr~2ejson",
    ".zarray": "~2ezarray",
    ".zattrs": "~2ezattrs",
    ".zgroup": "~2ezgroup",
    ".zmetadata": "~2ezmetadata",
    "a\nb": "a~0ab",
    "\udcff": "~ff",
}
KEPT = ["0", "c", "a b", "größe", "_x", ".hidden", "a.b", "+ = :", "...x", "\U0001f52c"]
NO_NAMES = ["a~2Fb", "~61", "~2", "~zz", "", ".", "..", "__x", "zarr.json", "a~ffb~", "a~", "~7e~7", "~c3~a9"]


@pytest.mark.parametrize(("name", "alias"), ALIASES.items())
def test_what_zarr_forbids_gets_an_alias(name: str, alias: str) -> None:
    assert names.wire(name) == alias
    assert names.unwire(alias) == name


@pytest.mark.parametrize("name", KEPT)
def test_other_names_stay(name: str) -> None:
    assert names.wire(name) == names.unwire(name) == name


@pytest.mark.parametrize("part", NO_NAMES)
def test_other_spellings_name_nothing(part: str) -> None:
    assert names.unwire(part) is None


def test_an_undecodable_byte_is_a_file_name_of_its_own() -> None:
    assert names.unwire("~e9") == "\udce9"


def test_brackets_and_stars_have_an_alias_in_v2_alone() -> None:
    for name, alias in {"a[1]": "a~5b1~5d", "*": "~2a", "__[": "~5f~5f~5b", "a]~": "a~5d~7e"}.items():
        assert names.wire(name, names.FORBIDDEN_V2) == alias
        assert names.unwire(alias, names.FORBIDDEN_V2) == name
        assert names.unwire(alias) is None
        assert names.unwire(name, names.FORBIDDEN_V2) is None
    assert names.wire("a[1]*") == names.unwire("a[1]*") == "a[1]*"
    assert names.path_in_v3("a~5b1~5d/x/b~2fc") == "a[1]/x/b~2fc"
    assert names.path_in_v3("") == ""


file_names = st.binary(max_size=8).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("forbidden", [names.FORBIDDEN, names.FORBIDDEN_V2], ids=["v3", "v2"])
@given(name=file_names | st.text(max_size=8) | st.text("[]*~5abd_./", max_size=8))
def test_aliases_are_one_to_one(name: str, forbidden: re.Pattern[str]) -> None:
    alias = names.wire(name, forbidden)
    assert names.unwire(alias, forbidden) == name
    assert not forbidden.search(alias.replace("~", ""))
    assert alias.strip(".")
    assert "/" not in alias
    assert not alias.startswith("__")
    assert alias not in names.RESERVED


@given(st.text(max_size=8))
def test_a_part_names_at_most_one_node_and_is_its_only_spelling(part: str) -> None:
    name = names.unwire(part)
    assert name is None or names.wire(name) == part
