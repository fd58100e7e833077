"""The code that pages offer reads what the source holds.

We copy it out of the pages, and run it against the server that made them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from clients import compare, ome_tree, running
from live import Live, live
from tiled_zarr import demo
from tiled_zarr.nodes import Array, Group, Node

KEY = 'a"key"&more+'
GROUP, IMAGE = "structured_data/xarray_dataset", "nested/images/medium_image"
Given = dict[str, dict[str, np.ndarray]]


@pytest.fixture(scope="module", params=["", KEY], ids=["public", "key"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Live, str]]:
    """The demo, and the query that opens it."""
    access = {"TILED_ZARR_API_KEY": request.param} if request.param else {"TILED_ZARR_PUBLIC": "1"}
    with live(env={"TILED_ZARR_TREE": "tiled_zarr.demo:tree", **access}) as running_server:
        yield running_server, f"?api_key={quote(request.param, safe='')}" if request.param else ""


def given(server: tuple[Live, str], page: str, address: str, folder: Path) -> Given:
    """By title and name what the snippets about an address give that stand on a page."""
    running_server, query = server
    url = f"{running_server.url}/view/{page}{query}"
    printed = running.in_environment("zarr3", running.HERE / "run_snippets.py", url, address, folder)
    report = json.loads(printed.splitlines()[-1])
    return {title: {name: np.load(folder / f"{title} {name}.npy") for name in names} for title, names in report.items()}


def source(path: str) -> Node:
    return dict(compare.nodes(demo.tree()))[path]


def values(node: Node) -> np.ndarray:
    assert isinstance(node, Array)
    return np.asarray(node.read(tuple(slice(0, size) for size in node.shape)))


@pytest.mark.timeout(300)
def test_an_image(server: tuple[Live, str], tmp_path: Path) -> None:
    found = given(server, IMAGE.rpartition("/")[0], IMAGE, tmp_path)
    expected = values(source(IMAGE))
    levels = found.pop("napari")
    assert set(found) == {"zarr-python", "dask", "xarray"}
    for arrays in found.values():
        np.testing.assert_array_equal(arrays["array"], expected)
    np.testing.assert_array_equal(levels["0"], expected.astype("f4"))
    np.testing.assert_array_max_ulp(levels["1"], ome_tree.halved(levels["0"], is_label=False), maxulp=2)
    assert set(levels) == {"0", "1"}


@pytest.mark.timeout(300)
def test_a_group(server: tuple[Live, str], tmp_path: Path) -> None:
    found = given(server, GROUP, GROUP, tmp_path)
    group = source(GROUP)
    assert isinstance(group, Group)
    assert set(found) == {"zarr-python", "xarray"}
    for title, variables in {"zarr-python": set(group.children), "xarray": {"temperature", "precipitation"}}.items():
        assert variables <= set(found[title])
        for name in variables:
            np.testing.assert_array_equal(found[title][name], values(group.children[name]))
