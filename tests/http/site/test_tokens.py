"""Links on pages name a revision: their targets never change, so clients ask for each once."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Array, Group, Table

DATA = np.arange(400 * 400, dtype="<u2").reshape(400, 400)
IMMUTABLE = "public, max-age=31536000, immutable"


def held(data: np.ndarray[Any, Any], revision: str | None = "r1") -> Array:
    return Array(shape=data.shape, dtype=data.dtype, read=lambda region: data[region], revision=lambda: revision, blocking=False)


@pytest.fixture
def app(make: Callable[..., Any]) -> Any:
    column = held(np.arange(5.0))
    children = {"image": held(DATA), "live": held(DATA, None), "table": Table({"x": column}, revision=lambda: "r1"), "a@b": held(DATA)}
    return make(Group(children), allow_origins=("*",))


def addresses(page: str) -> list[str]:
    """The server's paths in a page's links and code; an address inside another is encoded twice."""
    found = re.findall(r"http://localhost[^\s\"']*", unquote(unquote(unescape(page))))
    return [urlsplit(address).path for address in found]


@pytest.mark.parametrize("name", ["image", "a@b"])
def test_links_and_code_of_a_node_name_its_revision(app: Any, name: str) -> None:
    paths = addresses(ask(app, "/").body.decode())
    frozen = [path for path in paths if path.startswith("/@") and path.endswith(f"/{name}")]
    assert {tuple(path.split("/")[2:4]) for path in frozen} == {("zarr", "v3"), ("ome-zarr", "0.4"), ("ome-zarr", "0.5")}
    for path in frozen:
        document = ".zattrs" if "/ome-zarr/0.4/" in path else "zarr.json"
        answer = ask(app, f"{path}/{document}")
        assert (answer.status, answer.headers["cache-control"]) == (200, IMMUTABLE), path


def test_what_has_no_token_is_linked_to_plainly(app: Any) -> None:
    page = ask(app, "/view/table").body.decode()
    assert any(re.fullmatch(r"/@[0-9a-f]+/zarr/v3/table", path) for path in addresses(page))
    page = ask(app, "/").body.decode()
    assert "/zarr/v3/live" in addresses(page)
    assert not any(path.endswith("/live") and path.startswith("/@") for path in addresses(page))
    assert 'src="./thumbnail/live.png"' in page


def test_neuroglancer_is_given_an_address_to_keep(app: Any) -> None:
    page = unquote(unescape(ask(app, "/").body.decode()))
    assert re.search(r"zarr://http://localhost/ome-zarr/0.4/image", page)
    assert re.search(r"\?source=http://localhost/@[0-9a-f]+/ome-zarr/0.4/image", page)


def test_the_viewer_reads_a_revision(app: Any) -> None:
    page = ask(app, "/view/image").body.decode()
    found = re.search(r'data-sources="([^"]*)"', page)
    assert found is not None
    sources = found[1].split(" ")
    assert [re.sub("@[0-9a-f]+", "@", source) for source in sources] == ["../@/ome-zarr/0.5/image", "../@/ome-zarr/0.4/image"]
    live = re.search(r'data-sources="([^"]*)"', ask(app, "/view/live").body.decode())
    assert live is not None
    assert live[1] == "../ome-zarr/0.5/live ../ome-zarr/0.4/live"
