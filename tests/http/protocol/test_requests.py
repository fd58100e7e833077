from __future__ import annotations

import pytest

from asgi import scope_of
from tiled_zarr.http.protocol import requests

PATHS = {
    "plain": ("/zarr/v3/a", "", "/zarr/v3/a"),
    "doubled slashes": ("//zarr///v3//a//", "", "/zarr/v3/a/"),
    "below a root path": ("/prefix/zarr/v3", "/prefix", "/zarr/v3"),
    "the root path itself": ("/prefix", "/prefix", "/"),
    "root path left out by the server": ("/zarr/v3", "/prefix", "/zarr/v3"),
    "begins like the root path": ("/prefixed/a", "/prefix", "/prefixed/a"),
}


@pytest.mark.parametrize(("path", "root", "expected"), PATHS.values(), ids=PATHS)
def test_path(path: str, root: str, expected: str) -> None:
    assert requests.path_of({"path": path, "root_path": root}) == expected


QUERIES = {
    "none": ("", []),
    "one": ("?api_key=k", [b"k"]),
    "encoded": ("?api_key=a%2Bb%20c", [b"a+b c"]),
    "encoded name": ("?api%5Fkey=k", [b"k"]),
    "empty": ("?api_key=", [b""]),
    "two": ("?x=1&api_key=a&api_key=b", [b"a", b"b"]),
    "no value": ("?api_key", [b""]),
    "not ASCII": ("?api_key=é", [b"\xe9"]),
    "broken escape": ("?api_key=%zz", [b"%zz"]),
}


@pytest.mark.parametrize(("query", "expected"), QUERIES.values(), ids=QUERIES)
def test_query_keys(query: str, expected: list[bytes]) -> None:
    assert requests.query_keys(scope_of("/" + query)) == expected


ACCEPTS = {
    "json": (b"application/json", True),
    "anything": (b"*/*", False),
    "none": (b"", False),
    "a browser": (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
    "json before anything": (b"application/json, text/plain, */*", True),
    "html first": (b"text/html, application/json;q=0.9", False),
    "json first": (b"text/html;q=0.5, application/json", True),
    "equal": (b"text/html, application/json", False),
    "no json": (b"application/json;q=0", False),
    "unreadable weight": (b"application/json;q=much", False),
    "upper case": (b"Application/JSON", True),
}


@pytest.mark.parametrize(("accept", "expected"), ACCEPTS.values(), ids=ACCEPTS)
def test_prefers_json(accept: bytes, expected: bool) -> None:
    assert requests.prefers_json(accept) is expected


def test_last_of_a_repeated_header_counts() -> None:
    request = requests.request_for("a", scope_of("/a", headers=[("range", "x"), ("range", "y")]))
    assert (request.key, request.method, request.headers) == ("a", "GET", {b"range": b"y"})
