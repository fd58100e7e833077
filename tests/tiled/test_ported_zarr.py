"""What Tiled's test of its Zarr endpoint checks, in each way of serving.

https://github.com/bluesky/tiled/blob/main/tests/test_zarr.py has 116 tests: 58 for each format. One
expected difference: the index of a table is a column here, so that table has one column more.
"""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from tests.tiled import ported_tree
from tests.tiled.ported_tree import ARRAYS, CUBES, FRAME, KINDS, METADATA, NOT_FINITE, PLANE, SCALARS, TABLES
from tests.tiled.ways import KEY, Opening

pytestmark = [
    pytest.mark.parametrize("base", ["/zarr/v2", "/zarr/v3"]),
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently"),
]
GROUPS = ["", "/", "/nested", "/table/single"]
PATHS = ["/nested/cube/three_axes", "/table/single/x"]


def status(url: str, key: str = KEY) -> int:
    """The status of the answer to a GET, after redirections."""
    return httpx.get(url, headers={"Authorization": f"Apikey {key}"}, follow_redirects=True).status_code


def assert_equal(read: np.ndarray, expected: np.ndarray) -> None:
    """Types and values agree; NaN equals itself."""
    assert read.dtype == expected.dtype
    np.testing.assert_array_equal(read, expected, strict=True)


@pytest.mark.parametrize("path", GROUPS)
def test_a_group_has_the_documents_of_its_format(ported: str, base: str, path: str) -> None:
    url = f"{ported}{base}{path}"
    assert status(url) == 200
    assert status(f"{url}/.zarray") == 404
    assert status(f"{url}/.zgroup") == (200 if base == "/zarr/v2" else 404)
    assert status(f"{url}/zarr.json") == (404 if base == "/zarr/v2" else 200)


@pytest.mark.parametrize("path", PATHS)
def test_an_array_has_the_documents_and_chunks_of_its_format(ported: str, base: str, path: str) -> None:
    url, zeros = f"{ported}{base}{path}", ["0"] * ARRAYS.get(path[1:], FRAME["x"]).ndim
    document, chunk = (".zarray", ".".join(zeros)) if base == "/zarr/v2" else ("zarr.json", "/".join(["c", *zeros]))
    assert status(url) == 200
    assert status(f"{url}/.zgroup") == 404
    assert status(f"{url}/{document}") == 200
    assert status(f"{url}/{chunk}") == 200


@pytest.mark.parametrize("path", GROUPS + PATHS)
def test_a_wrong_key_reads_nothing(ported: str, base: str, path: str) -> None:
    for document in ("", "/.zarray", "/.zgroup", "/zarr.json"):
        assert status(f"{ported}{base}{path}{document}", f"not-{KEY}") == 401


def test_the_root_has_the_names_of_the_tree(ported: str, base: str, opening: Opening) -> None:
    root = opening(f"{ported}{base}")
    assert set(root.keys()) == set(ported_tree.tree())
    assert set(root.array_keys()) == {"plane"}
    assert set(root.group_keys()) == {"inf", "nested", "scalar", "table", "zero"}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("parts", ["|plane", "|nested/array/plane", "nested|array/plane", "nested/array|plane", "nested/array/plane|"])
def test_any_node_on_the_way_to_an_array_can_be_opened(ported: str, base: str, parts: str, slash: str, opening: Opening) -> None:
    start, path = parts.split("|")
    found = opening(f"{ported}{base}/{start}{slash}")
    assert_equal((found[path] if path else found)[...], PLANE)


@pytest.mark.parametrize("kind", [*KINDS, "plane"])
def test_every_type_of_array(ported: str, base: str, kind: str, opening: Opening) -> None:
    assert_equal(opening(f"{ported}{base}/nested/array")[kind][...], ARRAYS[f"nested/array/{kind}"])


@pytest.mark.parametrize("kind", SCALARS)
def test_every_type_of_scalar(ported: str, base: str, kind: str, opening: Opening) -> None:
    read = opening(f"{ported}{base}/scalar")[kind]
    assert_equal(np.asarray(read[...], read.dtype), SCALARS[kind])


@pytest.mark.parametrize("name", CUBES)
def test_more_axes(ported: str, base: str, name: str, opening: Opening) -> None:
    assert_equal(opening(f"{ported}{base}/nested/cube")[name][...], CUBES[name])


def test_what_is_not_finite(ported: str, base: str, opening: Opening) -> None:
    """JSON has no word for it, so metadata have null."""
    group = opening(f"{ported}{base}/inf")
    assert_equal(group["example"][...], NOT_FINITE)
    for node in (group, group["example"]):
        assert {name: node.attrs[name] for name in METADATA} == dict.fromkeys(METADATA)


def test_an_axis_of_length_zero(ported: str, base: str, opening: Opening) -> None:
    assert_equal(opening(f"{ported}{base}/zero/example")[...], ARRAYS["zero/example"])


def test_tables_are_groups_of_columns_and_the_index(ported: str, base: str, opening: Opening) -> None:
    group = opening(f"{ported}{base}/table")
    assert {f"table/{name}" for name in group} == set(TABLES)
    for name in group:
        assert set(group[name].keys()) == {*FRAME, "index"}
        assert_equal(group[name]["index"][...], FRAME.index.to_numpy())
        for column in FRAME:
            assert_equal(group[name][column][...], FRAME[column].to_numpy())


@pytest.mark.parametrize("path", TABLES)
def test_a_table_can_be_opened(ported: str, base: str, path: str, opening: Opening) -> None:
    table = opening(f"{ported}{base}/{path}")
    for column in FRAME:
        assert_equal(table[column][...], FRAME[column].to_numpy())


@pytest.mark.parametrize("path", TABLES)
def test_a_column_can_be_opened(ported: str, base: str, path: str, opening: Opening) -> None:
    for column in FRAME:
        assert_equal(opening(f"{ported}{base}/{path}/{column}")[...], FRAME[column].to_numpy())


def test_nothing_can_be_written(ported: str, base: str, opening: Opening) -> None:
    plane = opening(f"{ported}{base}/nested/array")["plane"]
    with pytest.raises(ValueError, match=r"read.only"):
        plane[0, 0] = 0.0
    assert_equal(plane[...], PLANE)
