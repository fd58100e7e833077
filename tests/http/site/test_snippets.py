from __future__ import annotations

import ast
import json
from urllib.parse import unquote

import pytest

from asgi import scope_of
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
        assert any(isinstance(text, str) and text.startswith("http://data.example:8000/") for text in texts)
        assert ('Apikey se"c\\ret' in texts) == bool(query)


def test_addresses_below_a_root_path_and_behind_https() -> None:
    below = here("/", scheme="https", app_root_path="/below")
    assert below.address("zarr/v3/a b") == "https://data.example:8000/below/zarr/v3/a%20b"


def test_a_server_without_a_host_header_says_where_it_listens() -> None:
    assert addresses.of(scope_of("/", server=("127.0.0.1", 8000))).root == "http://127.0.0.1:8000"
    assert addresses.of(scope_of("/")).root == "http://localhost"


def test_viewers_get_the_key_where_they_can_send_it() -> None:
    vizarr, neuroglancer = snippets.viewers("a b/image", here(), 3000)
    assert unquote(vizarr.address) == "https://hms-dbmi.github.io/vizarr/?source=http://data.example:8000/ome-zarr/0.4/a%20b/image"
    state = json.loads(unquote(neuroglancer.address.partition("#!")[2]))
    assert state["layers"][0]["type"] == "auto"
    assert state["layers"][0]["source"] == "zarr://http://data.example:8000/ome-zarr/0.4/a%20b/image"
    assert state["crossSectionScale"] == 5
    (only,) = snippets.viewers("image", here("/?api_key=k%26"), 3000)
    assert unquote(unquote(only.address)).endswith("/ome-zarr/0.4/image?api_key=k&")
