from __future__ import annotations

import ast
import json
from urllib.parse import quote, unquote

import pytest

from asgi import scope_of
from tiled_zarr.http.protocol import keys
from tiled_zarr.http.site import addresses, snippets

HOST = {"host": "data.example:8000"}
PATHS = ["image", "a b/näme", 'q"uote\\back']


def here(path: str = "/", **extra: object) -> addresses.Addresses:
    return addresses.of(scope_of(path, headers=HOST, **extra))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?api_key=se%22c%5Cret"], ids=["public", "key"])
def test_snippets_are_python(path: str, query: str) -> None:
    found = [*snippets.of_array(path, here(f"/{query}"), is_image=True), *snippets.of_group(path, here(f"/{query}"))]
    assert {snippet.title for snippet in found} == {"zarr-python", "dask", "xarray", "napari"}
    for snippet in found:
        texts = [node.value for node in ast.walk(ast.parse(snippet.code)) if isinstance(node, ast.Constant)]
        start = f"http://data.example:8000{'/k/se%22c%5Cret' if query else ''}/"
        assert any(isinstance(text, str) and text.startswith(start + ("zarr/", "ome-zarr/")[snippet.title == "napari"]) for text in texts)


def test_addresses_below_a_root_path_and_behind_https() -> None:
    below = here("/", scheme="https", app_root_path="/below")
    assert below.address("zarr/v3/a b") == "https://data.example:8000/below/zarr/v3/a%20b"


def test_a_server_without_a_host_header_says_where_it_listens() -> None:
    assert addresses.of(scope_of("/", server=("127.0.0.1", 8000))).root == "http://127.0.0.1:8000"
    assert addresses.of(scope_of("/")).root == "http://localhost"


def test_links_to_viewers() -> None:
    vizarr, neuroglancer = snippets.viewers("a b/image", here(), 3000)
    assert unquote(vizarr.address) == "https://hms-dbmi.github.io/vizarr/?source=http://data.example:8000/ome-zarr/0.4/a%20b/image"
    state = json.loads(unquote(neuroglancer.address.partition("#!")[2]))
    assert state["layers"][0]["type"] == "auto"
    assert state["layers"][0]["source"] == "zarr://http://data.example:8000/ome-zarr/0.4/a%20b/image"
    assert state["crossSectionScale"] == 5


@pytest.mark.parametrize("page", [{"path": "/?api_key=k%26"}, {"path": "/", keys.PREFIX: "/k/k%26"}], ids=["query", "path"])
def test_viewers_get_the_key_in_the_path_which_they_all_keep(page: dict[str, str]) -> None:
    vizarr, neuroglancer = snippets.viewers("image", here(**page), 3000)
    source = "http://data.example:8000/k/k%26/ome-zarr/0.4/image"
    assert vizarr.address == f"https://hms-dbmi.github.io/vizarr/?source={quote(source, safe='')}"
    assert json.loads(unquote(neuroglancer.address.partition("#!")[2]))["layers"][0]["source"] == f"zarr://{source}"
