"""The ten rules that real clients have taught us, each tested on a running server.

Each rule says what breaks which client.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from clients import bad_children, compare, every_type, running
from live import Live, live
from tiled_zarr.hierarchy import names
from tiled_zarr.nodes import Array

FORMATS = ("v2", "v3")
DOCUMENTS = {"v2": (".zgroup", ".zarray", ".zattrs", ".zmetadata"), "v3": ("zarr.json",)}
SMALL = 2**20


@pytest.fixture(scope="module")
def http(servers: dict[str, Live]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=servers["every_type"].url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def locked(servers: dict[str, Live]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=servers["locked demo"].url, timeout=60) as client:
        yield client


NODES = dict(compare.nodes(every_type.tree()))
ARRAYS = {path: node for path, node in NODES.items() if isinstance(node, Array)}


def chunk_key(format_name: str, index: tuple[int, ...]) -> str:
    if format_name == "v2":
        return ".".join(map(str, index)) or "0"
    return "/".join(("c", *map(str, index)))


def keys(format_name: str) -> Iterator[str]:
    """Every document, and the first chunk of every array that has one."""
    for path in NODES:
        yield from (f"/zarr/{format_name}/{quote(path)}/{name}" for name in DOCUMENTS[format_name])
    for path, node in ARRAYS.items():
        if 0 not in node.shape:
            yield f"/zarr/{format_name}/{quote(path)}/{chunk_key(format_name, (0,) * len(node.shape))}"


def array_documents(http: httpx.Client, format_name: str) -> dict[str, dict[str, Any]]:
    name = {"v2": ".zarray", "v3": "zarr.json"}[format_name]
    return {path: http.get(f"/zarr/{format_name}/{quote(path)}/{name}").raise_for_status().json() for path in ARRAYS}


@pytest.mark.parametrize("format_name", FORMATS)
def test_1_head_has_the_length_of_get(http: httpx.Client, format_name: str) -> None:
    """zarrs over obstore reads zeros without it, and says nothing."""
    for key in keys(format_name):
        head, get = http.head(key), http.get(key)
        assert (head.status_code, head.headers.get("content-length")) == (get.status_code, str(len(get.content))), key
        assert head.content == b"", key


@pytest.mark.parametrize("format_name", FORMATS)
def test_2_ranges_are_parts_of_the_same_bytes(http: httpx.Client, format_name: str) -> None:
    """zarrs asks for all of a chunk as a range, shards are read from their end."""
    key = f"/zarr/{format_name}/numbers/float64/{chunk_key(format_name, (0, 0))}"
    body = http.get(key).content
    wanted = {f"0-{len(body) - 1}": body, "0-0": body[:1], "-4": body[-4:], "3-": body[3:], f"5-{2 * len(body)}": body[5:]}
    for asked, expected in wanted.items():
        part = http.get(key, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, expected), asked
    assert http.get(key, headers={"Range": f"bytes={len(body)}-"}).status_code == 416


def test_2_a_chunk_is_encoded_once(http: httpx.Client) -> None:
    key = "/zarr/v3/layouts/strided/c/1/1"
    http.get(key)
    before = encoded(http)
    assert http.head(key).status_code == 200
    assert http.get(key, headers={"Range": "bytes=0-3"}).status_code == 206
    assert encoded(http) == before


def encoded(http: httpx.Client) -> float:
    found = re.search(r"^tiled_zarr_cache_misses_total (\S+)$", http.get("/metrics").text, re.MULTILINE)
    assert found
    return float(found[1])


def test_3_dimension_names_are_never_null(http: httpx.Client) -> None:
    """tensorstore and GDAL reject null."""
    for path, document in array_documents(http, "v3").items():
        assert all(isinstance(name, str) for name in document["dimension_names"]), path


def test_4_every_array_has_dimension_names(http: httpx.Client) -> None:
    """xarray opens any group, then; that it does is in test_every_node."""
    for path, document in array_documents(http, "v3").items():
        attributes = http.get(f"/zarr/v2/{quote(path)}/.zattrs").json()
        assert attributes["_ARRAY_DIMENSIONS"] == document["dimension_names"], path
        assert len(document["dimension_names"]) == len(ARRAYS[path].shape), path


@pytest.mark.parametrize(
    ("path", "expected"), [("numbers/int8", ["dim_7", "dim_5"]), ("sparse/filled", ["dim_7", "dim_5"]), ("cf/time", ["time"])]
)
def test_4_names_follow_source_or_shape(http: httpx.Client, path: str, expected: list[str]) -> None:
    assert http.get(f"/zarr/v3/{path}/zarr.json").json()["dimension_names"] == expected


def test_4_loose_arrays_give_way(locked: httpx.Client) -> None:
    """Images of several sizes lie side by side, and each has axes y and x."""
    document = locked.get("/zarr/v3/nested/images/tiny_image/zarr.json", headers=authorization()).json()
    assert document["dimension_names"] == ["y_50", "x_50"]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_5_listings_are_html_with_links(http: httpx.Client, format_name: str, slash: str) -> None:
    """fsspec finds children in links alone."""
    answer = http.get(f"/zarr/{format_name}/names{slash}")
    assert answer.headers["content-type"].startswith("text/html")
    found = re.findall(r'<a href="([^"]+)/"', answer.text)
    assert {httpx.URL(f"http://h/{link}").path[1:] for link in found} == {names.wire(name) for name in every_type.NAMES}


def test_5_listings_are_json_where_it_is_asked_for(http: httpx.Client) -> None:
    answer = http.get("/zarr/v3/table", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert [child["name"] for child in answer.json()["children"]] == ["index", "x"]


def test_5_a_key_in_the_header_stays_out_of_links(locked: httpx.Client) -> None:
    assert running.KEY not in locked.get("/zarr/v3/nested/", headers=authorization()).text
    assert running.KEY in locked.get("/zarr/v3/nested/", params={"api_key": running.KEY}).text


ABSENT = {
    "other format's document": ("/zarr/v2/numbers/int8/zarr.json", "/zarr/v3/numbers/int8/.zarray"),
    "beyond the grid": ("/zarr/v2/numbers/int8/3.0", "/zarr/v3/numbers/int8/c/3/0"),
    "no number": ("/zarr/v2/numbers/int8/a.b", "/zarr/v3/numbers/int8/c/a/b"),
    "not canonical": (
        "/zarr/v2/numbers/int8/00.0",
        "/zarr/v3/numbers/int8/c/+1/0",
        "/zarr/v3/numbers/int8/c/1_0/0",
        "/zarr/v3/numbers/int8/c/٣/0",
    ),
    "wrong number of axes": ("/zarr/v2/numbers/int8/0", "/zarr/v3/numbers/int8/c/0"),
    "no chunk": ("/zarr/v2/empty/none/0", "/zarr/v3/empty/none/c/0"),
    "no node": ("/zarr/v2/nothing/.zarray", "/zarr/v3/nothing/zarr.json", "/zarr/v3/nothing/"),
    "a scalar's other key": ("/zarr/v2/scalars/int8/", "/zarr/v3/scalars/int8/c/0"),
    "no document of a group": ("/zarr/v2/numbers/.zarray", "/zarr/v2/numbers/int8/.zgroup"),
}


@pytest.mark.parametrize("paths", ABSENT.values(), ids=ABSENT)
def test_6_absent_is_404_and_may_be_read(http: httpx.Client, paths: tuple[str, ...]) -> None:
    """A browser hides the status of a reply without CORS headers; vizarr stops there."""
    for path in paths:
        answer = http.get(path, headers={"Origin": "https://viewer.example"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, "*"), path


@pytest.mark.parametrize("path", ["/zarr/v2/scalars/int8/0", "/zarr/v3/scalars/int8/c", "/zarr//v3///scalars//int8/c"])
def test_6_a_scalar_has_its_chunk(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


@pytest.mark.parametrize("format_name", FORMATS)
def test_7_a_tag_saves_the_body(http: httpx.Client, format_name: str) -> None:
    """tensorstore asks again on every read, vizarr on every load."""
    for key in keys(format_name):
        first = http.get(key)
        if first.status_code == 200:
            assert "cache-control" in first.headers, key
            again = http.get(key, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"]), key


def test_7_a_tag_saves_the_work() -> None:
    with (
        live(env={**running.environment("every_type"), "TILED_ZARR_CACHE_SIZE": "0"}) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        tag = http.get("/zarr/v3/numbers/int8/c/0/0").headers["etag"]
        before = encoded(http)
        assert http.get("/zarr/v3/numbers/int8/c/0/0", headers={"If-None-Match": tag}).status_code == 304
        assert encoded(http) == before


CREDENTIALS = {
    "none": ({}, {}, 401),
    "wrong header": ({"Authorization": "Apikey wrong"}, {}, 401),
    "wrong query": ({}, {"api_key": "wrong"}, 401),
    "Apikey": ({"Authorization": f"Apikey {running.KEY}"}, {}, 200),
    "Bearer": ({"Authorization": f"Bearer {running.KEY}"}, {}, 200),
    "query": ({}, {"api_key": running.KEY}, 200),
}
ROUTES = (
    "/",
    "/metrics",
    "/zarr/v2/",
    "/zarr/v3/",
    "/zarr/v2/.zgroup",
    "/zarr/v2/.zmetadata",
    "/zarr/v3/zarr.json",
    "/zarr/v2/nested/images/tiny_image/0.0",
    "/zarr/v3/nested/images/tiny_image/c/0/0",
)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(("headers", "query", "status"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_8_a_key_by_header_or_query(locked: httpx.Client, path: str, headers: dict[str, str], query: dict[str, str], status: int) -> None:
    answer = locked.get(path, headers=headers, params=query)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_8_absent_keys_are_not_told_from_present_ones(locked: httpx.Client) -> None:
    assert locked.get("/zarr/v3/nothing/zarr.json").status_code == 401
    assert locked.options("/zarr/v3/nothing/zarr.json").status_code == 204
    assert locked.get("/healthz").status_code == 200


def test_8_chunks_are_not_compressed_twice(http: httpx.Client) -> None:
    answer = http.get("/zarr/v3/numbers/int8/c/0/0", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "content-encoding" not in answer.headers


def authorization() -> dict[str, str]:
    return {"Authorization": f"Apikey {running.KEY}"}


def test_9_fill_values_mask_nothing(http: httpx.Client) -> None:
    """xarray reads v2's fill value as missing data; vizarr throws on null if a chunk is missing.

    No chunk ever is.
    """
    for path, document in array_documents(http, "v2").items():
        assert document["fill_value"] is None, path
    for path, document in array_documents(http, "v3").items():
        assert document["fill_value"] == v3_zero(document["data_type"]), path


def v3_zero(data_type: str | Mapping[str, Any]) -> Any:
    name = data_type if isinstance(data_type, str) else data_type["name"]
    if name.startswith("complex"):
        return [0.0, 0.0]
    texts = {"string": "", "null_terminated_bytes": "", "fixed_length_utf32": "", "structured": ZERO_BYTES}
    return "NaT" if name.startswith("numpy.") else texts.get(name, 0)


class AnyZeroBytes:
    """Equals the base64 of any number of zero bytes."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch("A+={0,2}", other) is not None


ZERO_BYTES = AnyZeroBytes()


@pytest.mark.parametrize("served", ["every_type", "locked demo"])
def test_9_only_what_every_reader_knows_is_sent(served: str, servers: dict[str, Live]) -> None:
    with httpx.Client(base_url=servers[served].url, headers=authorization() if served == "locked demo" else {}) as http:
        metadata = http.get("/zarr/v2/.zmetadata").json()["metadata"]
    arrays = [document for key, document in metadata.items() if key.endswith(".zarray")]
    assert arrays
    for document in arrays:
        assert (document["order"], document["compressor"]["id"]) == ("C", "blosc")
        assert document["filters"] == ([{"id": "vlen-utf8"}] if document["dtype"] == "|O" else None)
        assert ">" not in str(document["dtype"])


@pytest.fixture(scope="module")
def bad() -> Iterator[httpx.Client]:
    with live(env=running.environment("bad_children")) as server, httpx.Client(base_url=server.url) as http:
        yield http


@pytest.mark.parametrize(
    "path", ["/zarr/v2/mixed/", "/zarr/v3/mixed/", "/zarr/v2/.zmetadata", "/zarr/v3/zarr.json", "/zarr/v3/mixed/zarr.json"]
)
def test_10_a_bad_child_does_not_break_its_group(bad: httpx.Client, path: str) -> None:
    answer = bad.get(path)
    assert answer.status_code == 200
    assert "good" in answer.text


def test_10_a_bad_child_is_named_with_its_reason(bad: httpx.Client) -> None:
    for attributes in (bad.get("/zarr/v2/mixed/.zattrs").json(), bad.get("/zarr/v3/mixed/zarr.json").json()["attributes"]):
        unavailable = attributes["tiled_zarr"]["unavailable"]
        assert set(unavailable) == {"ragged", "dangling"}
        assert unavailable["ragged"] == bad_children.REASON


def test_10_a_bad_child_is_left_out(bad: httpx.Client) -> None:
    listed = bad.get("/zarr/v3/mixed/", headers={"Accept": "application/json"}).json()["children"]
    assert [child["name"] for child in listed] == ["good"]
    consolidated = bad.get("/zarr/v3/mixed/zarr.json").json()["consolidated_metadata"]["metadata"]
    assert list(consolidated) == ["good"]
    assert bad.get("/zarr/v3/mixed/ragged/zarr.json").status_code == 404
    assert bad.get("/zarr/v3/mixed/dangling/zarr.json").status_code >= 500
