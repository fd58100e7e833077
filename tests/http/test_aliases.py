"""Names that zarr-python 2.18 reads as patterns.

They have an alias in Zarr v2, with the source's name in the attributes, and none in v3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Group
from tiled_zarr.adapters.memory.numpy import adapt_array
from tiled_zarr.nodes import Node

IMAGE = np.arange(600 * 600, dtype="u2").reshape(600, 600)
TREE: dict[str, Node] = {
    "run [1]": Group(children={"I*": adapt_array(np.arange(3)), "x": adapt_array(np.arange(4))}),
    "image[0]": adapt_array(IMAGE),
    "a/b": adapt_array(np.arange(5)),
    "plain": adapt_array(np.arange(6)),
}


@pytest.fixture
def app(make: Callable[..., Any]) -> Any:
    return make(Group(children=TREE), codec="none")


def document(app: Any, path: str) -> Any:
    answer = ask(app, path)
    assert answer.status == 200, path
    return json.loads(answer.body)


def test_v2_has_aliases_and_says_the_names(app: Any) -> None:
    assert ask(app, "/zarr/v2/run ~5b1~5d/I~2a/0").body == np.arange(3).tobytes()
    assert document(app, "/zarr/v2/run ~5b1~5d/.zattrs") == {"tiled_zarr": {"name": "run [1]"}}
    assert document(app, "/zarr/v2/run ~5b1~5d/I~2a/.zattrs")["tiled_zarr"] == {"name": "I*"}
    assert "tiled_zarr" not in document(app, "/zarr/v2/plain/.zattrs")
    children = document_of_listing(app, "/zarr/v2/")
    assert children == ["run ~5b1~5d", "image~5b0~5d", "a~2fb", "plain"]
    consolidated = document(app, "/zarr/v2/.zmetadata")["metadata"]
    assert consolidated["run ~5b1~5d/I~2a/.zattrs"]["tiled_zarr"] == {"name": "I*"}
    assert consolidated["run ~5b1~5d/.zattrs"] == {"tiled_zarr": {"name": "run [1]"}}
    for key in ("run [1]/.zgroup", "run [1]/x/0", "run ~5b1~5d/I*/.zarray", "image[0]/0.0"):
        assert ask(app, f"/zarr/v2/{key}").status == 404, key


def test_v3_has_the_names_themselves(app: Any) -> None:
    assert ask(app, "/zarr/v3/run [1]/I*/c/0").body == np.arange(3).tobytes()
    assert document(app, "/zarr/v3/run [1]/zarr.json")["attributes"] == {}
    assert document_of_listing(app, "/zarr/v3/") == ["run [1]", "image[0]", "a~2fb", "plain"]
    assert document(app, "/zarr/v3/a~2fb/zarr.json")["attributes"] == {"tiled_zarr": {"name": "a/b"}}
    assert ask(app, "/zarr/v3/run ~5b1~5d/zarr.json").status == 404


def document_of_listing(app: Any, path: str) -> list[str]:
    return [child["name"] for child in json.loads(ask(app, path, headers={"accept": "application/json"}).body)["children"]]


@pytest.mark.parametrize("path", ["/", "/view/run ~5b1~5d", "/view/run ~5b1~5d/I~2a", "/view/a~2fb"])
def test_links_of_pages_lead_to_all_formats(app: Any, path: str) -> None:
    page = ask(app, path).body.decode()
    links = [unescape(link) for link in re.findall(r'(?:href|src)="([^"]+)"', page) if "//" not in link and not link.startswith("data:")]
    targets = [urljoin(f"http://host{path}", link).removeprefix("http://host") for link in links]
    assert any("zarr/v2/" in target for target in targets)
    assert any("zarr/v3/" in target for target in targets)
    for target in targets:
        assert ask(app, target).status == 200, target


def test_the_viewer_gets_both(app: Any) -> None:
    page = ask(app, "/view/image~5b0~5d").body
    assert b'data-sources="../ome-zarr/0.5/image%5B0%5D ../ome-zarr/0.4/image~5b0~5d"' in page
    assert ask(app, "/ome-zarr/0.5/image[0]/zarr.json").status == 200
    assert ask(app, "/ome-zarr/0.4/image~5b0~5d/.zattrs").status == 200
