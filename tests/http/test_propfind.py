"""PROPFIND: RFC 4918, section 9.1, as obstore and VirtualiZarr ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import numpy as np
import pytest

from asgi import Answer, ask
from tiled_zarr import Array, Group
from tiled_zarr.http.protocol import replies
from tiled_zarr.nodes import Damaged, Forbidden, Node, Options, Revision, Unauthenticated

DAV = "{DAV:}"
PREFIXES = ["zarr/v2", "zarr/v3", "ome-zarr/0.4", "ome-zarr/0.5"]


def propfind(app: Any, path: str, depth: str | None = None, **extra: Any) -> Answer:
    return ask(app, path, "PROPFIND", headers={} if depth is None else {"depth": depth}, **extra)


def resources(answer: Answer) -> dict[str, tuple[int, str] | None]:
    """The size and the tag of each file by its decoded path; None for a collection."""
    assert (answer.status, answer.headers["content-type"]) == (207, "application/xml; charset=utf-8")
    assert answer.headers["content-length"] == str(len(answer.body))
    found: dict[str, tuple[int, str] | None] = {}
    for response in ElementTree.fromstring(answer.body).iter(f"{DAV}response"):
        assert [status.text for status in response.iter(f"{DAV}status")] == ["HTTP/1.1 200 OK"]
        assert parsedate_to_datetime(response.find(f".//{DAV}getlastmodified").text)  # type: ignore[union-attr, arg-type]
        path = unquote(response.findtext(f"{DAV}href") or "")
        is_folder = response.find(f".//{DAV}collection") is not None
        assert path not in found
        assert path.endswith("/") is is_folder
        size, etag = response.findtext(f".//{DAV}getcontentlength"), response.findtext(f".//{DAV}getetag")
        found[path] = None if is_folder else (int(size or ""), etag or "")
    return found


def listed(app: Any, address: str) -> list[str]:
    """The addresses that the HTML listing links to."""
    page = ask(app, quote(address)).body.decode()
    return [address + unquote(link) for link in re.findall(r'<a href="([^"]*)">[^<]*</a>', page)]


def below(app: Any, address: str) -> set[str]:
    """All addresses that are found by following the links of HTML listings, folders too."""
    found = set(listed(app, address))
    return found.union(*(below(app, folder) for folder in found if folder.endswith("/")))


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", ["large/", "small/", "names/", "scalar/", ""])
def test_depths_0_1_and_infinity_name_what_listings_do(app: Any, prefix: str, path: str) -> None:
    address = f"/{prefix}/{path}"
    if ask(app, address).status == 404:
        assert propfind(app, address, "1").status == 404
        return
    assert set(resources(propfind(app, address, "0"))) == {address}
    assert set(resources(propfind(app, address, "1"))) == {address, *listed(app, address)}
    assert set(resources(propfind(app, address, "infinity"))) == {address, *below(app, address)}
    assert propfind(app, address).body.count(b"<D:response>") == len(below(app, address)) + 1


@pytest.mark.parametrize("prefix", PREFIXES)
def test_sizes_and_tags_are_those_of_get(app: Any, prefix: str) -> None:
    found = resources(propfind(app, f"/{prefix}/"))
    for address, told in found.items():
        if told is not None:
            got = ask(app, quote(address))
            assert (got.status, told) == (200, (len(got.body), got.headers["etag"])), address


@pytest.mark.parametrize("path", ["/zarr/v3/small/zarr.json", "/zarr/v2/small/0.0", "/zarr/v3/live/c/0/0"])
@pytest.mark.parametrize("depth", ["0", "1", "infinity"])
def test_a_key_has_its_size(app: Any, path: str, depth: str) -> None:
    got = ask(app, path)
    assert resources(propfind(app, path, depth)) == {path: (len(got.body), got.headers["etag"])}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("/zarr/v3", "/zarr/v3/"),
        ("/zarr/v3/small", "/zarr/v3/small/"),
        ("/zarr/v3/small/c", "/zarr/v3/small/c/"),
        ("/zarr/v3/small/c/0", "/zarr/v3/small/c/0/"),
        ("//zarr//v3//names//", "/zarr/v3/names/"),
        ("/zarr/v3/names/a%3Ab%20&%3Ci%3E", "/zarr/v3/names/a:b &<i>/"),
        ("/zarr/v3/names/na%C3%AFve/", "/zarr/v3/names/naïve/"),
        ("/root/zarr/v3/names/", "/root/zarr/v3/names/"),
    ],
)
def test_addresses_are_below_the_one_that_was_asked_for(app: Any, asked: str, told: str) -> None:
    root = "/root" if asked.startswith("/root") else ""
    found = resources(propfind(app, asked, "1", root_path=root))
    assert next(iter(found)) == told
    assert all(address.startswith(told) for address in found)
    assert all(ask(app, quote(address), root_path=root).status == 200 for address in found)


@pytest.mark.parametrize("path", ["/zarr/v3/nothing", "/zarr/v3/small/c/1", "/zarr/v3/small/c/0/0/", "/zarr/v2/small/zarr.json"])
def test_what_is_absent_is_404(app: Any, path: str) -> None:
    assert propfind(app, path, "0").status == 404


@pytest.mark.parametrize("depth", ["2", "", "-1", "0,1", "noroot"])
def test_other_depths_are_refused(app: Any, depth: str) -> None:
    assert propfind(app, "/zarr/v3/", depth or " x").status == 400


def image(rows: int, revision: Callable[[], str | None] = lambda: "r") -> Array:
    data = np.random.default_rng(1).integers(0, 255, (rows, 512), "u1")
    return Array(
        shape=data.shape, dtype=data.dtype, read=lambda region: data[region], revision=revision, options=Options(chunk_shape=(512, 512))
    )


def encoded(app: Any) -> int:
    found = re.search(rb"^tiled_zarr_cache_misses_total (\d+)", ask(app, "/metrics").body, re.MULTILINE)
    assert found
    return int(found[1])


def test_beyond_the_bound_it_is_an_error_and_no_part(make: Callable[..., Any]) -> None:
    """RFC 4918: 403 with propfind-finite-depth if a smaller depth helps, else 507."""
    app = make(Group(children={"image": image(64 * 512)}), listing_bytes=10_000)
    for path in ("/zarr/v3/", "/zarr/v3/image", "/zarr/v2/image/"):
        answer = propfind(app, path)
        assert answer.status == 403
        assert ElementTree.fromstring(answer.body).find(f"{DAV}propfind-finite-depth") is not None
        assert b"href" not in answer.body
    answer = propfind(app, "/zarr/v2/image", "1")
    assert (answer.status, b"listing_bytes" in answer.body, b"href" in answer.body) == (507, True, False)
    assert propfind(app, "/zarr/v3/image", "1").status == 207
    assert encoded(app) == 0


def test_what_would_take_too_much_decoding_is_refused_before_any(make: Callable[..., Any]) -> None:
    """What the cache has costs nothing."""
    rows, chunk = 64, 512 * 512
    app = make(Group(children={"image": image(rows * 512)}), in_flight=40 * chunk * 4 // 3)
    assert propfind(app, "/zarr/v3/image").status == 403
    answer = propfind(app, "/zarr/v2/image", "1")
    assert (answer.status, b"in_flight" in answer.body) == (507, True)
    assert encoded(app) == 0
    for row in range(rows // 2):
        assert ask(app, f"/zarr/v3/image/c/{row}/0").status == 200
    assert len(resources(propfind(app, "/zarr/v3/image"))) == 1 + 1 + 1 + rows + rows
    assert encoded(app) == rows
    assert [ask(app, f"/zarr/v3/image/c/{row}/0").status for row in range(rows)] == [200] * rows
    assert encoded(app) == rows


def test_a_group_too_large_to_open_is_not_walked(root: Group, make: Callable[..., Any]) -> None:
    app = make(consolidated_nodes=3)
    assert propfind(app, "/zarr/v3/").status == 403
    assert set(resources(propfind(app, "/zarr/v3/", "1"))) == {"/zarr/v3/", *listed(app, "/zarr/v3/")}


def test_a_chunk_that_cannot_be_read_is_an_error(make: Callable[..., Any]) -> None:
    def read(_: Any) -> Any:
        raise Damaged("its data are cut short")

    damaged: Node = Array(shape=(10,), dtype=np.dtype("u1"), read=read, revision=lambda: "r")
    app = make(Group(children={"good": image(512), "damaged": damaged}))
    assert propfind(app, "/zarr/v3/").status == 500
    assert propfind(app, "/zarr/v3/good").status == 207
    assert len(resources(propfind(app, "/zarr/v3/", "1"))) == 4


def refused(fault: type[Exception], *, has_revision: bool = False) -> Node:
    """An array whose documents may be read, and whose data may not."""

    def refuse(_: Any) -> Any:
        raise fault("you may not read these data")

    revision = Revision(lambda: None, None if has_revision else refuse)
    return Array(shape=(10, 10), dtype=np.dtype("u1"), read=refuse, revision=revision, options=Options(chunk_shape=(5, 5)))


@pytest.mark.parametrize("has_revision", [False, True])
@pytest.mark.parametrize(("fault", "status"), [(Forbidden, "403 Forbidden"), (Unauthenticated, "401 Unauthorized")])
@pytest.mark.parametrize("path", ["/zarr/v3/", "/zarr/v3/folder", "/zarr/v2/folder/"])
def test_data_that_may_not_be_read_are_refused_alone(
    make: Callable[..., Any], path: str, fault: type[Exception], status: str, has_revision: bool
) -> None:
    """RFC 4918, section 13: each resource of an answer has a status of its own."""
    children = {"before": image(512), "data": refused(fault, has_revision=has_revision), "later": image(512)}
    answer = propfind(make(Group(children={"folder": Group(children=children)})), path)
    without = resources(propfind(make(Group(children={"folder": Group(children={**children, "data": Group({})})})), path))
    told = {
        unquote(response.findtext(f"{DAV}href") or ""): response.findtext(f".//{DAV}status")
        for response in ElementTree.fromstring(answer.body).iter(f"{DAV}response")
    }
    base = f"{path[:8]}/folder/data/"
    documents = {f"{base}{name}" for name in (["zarr.json"] if "v3" in path else [".zarray", ".zattrs"])}
    expected = {path for path in without if not path.startswith(base)} | documents
    assert told == {**dict.fromkeys(expected, "HTTP/1.1 200 OK"), base: f"HTTP/1.1 {status}"}
    assert b"you may not read these data" in answer.body


@pytest.mark.parametrize("path", ["/zarr/v3/data", "/zarr/v3/data/", "/zarr/v3/data/c", "/zarr/v3/data/c/0/"])
def test_refused_data_alone_are_refused_as_a_whole(make: Callable[..., Any], path: str) -> None:
    app = make(Group(children={"data": refused(Forbidden)}))
    assert propfind(app, path).status == 403
    assert len(resources(propfind(app, "/zarr/v3/data", "1"))) == 3


def test_data_that_change_all_the_time_are_503(make: Callable[..., Any]) -> None:
    numbers = count()
    app = make(Group(children={"image": image(512, lambda: str(next(numbers)))}))
    assert propfind(app, "/zarr/v3/image").status == 503


def test_an_array_that_has_gone_is_410(make: Callable[..., Any]) -> None:
    children: dict[str, Node] = {"image": image(512)}
    app = make(Group(children=children))
    assert ask(app, "/zarr/v3/image/zarr.json").status == 200
    children.clear()
    assert propfind(app, "/zarr/v3/image/c/0/0", "0").status == 410


def test_a_long_answer_is_streamed_with_its_length(make: Callable[..., Any]) -> None:
    app = make(Group(children={f"group{number}": Group(children={}) for number in range(500)}))
    answer = propfind(app, "/zarr/v3/")
    assert len(resources(answer)) == 2 * 500 + 2
    assert len(answer.messages) > 3
    assert max(len(message["body"]) for message in answer.messages[1:]) < 2 * replies.PIECE


def test_it_needs_the_key(make: Callable[..., Any]) -> None:
    app = make(public=False, api_key="k")
    assert propfind(app, "/zarr/v3/", "0").status == 401
    assert propfind(app, "/zarr/v3/?api_key=k", "0").status == 207


@pytest.mark.parametrize("path", ["/zarr/v3/", "/ome-zarr/0.4/large"])
def test_options_and_refusals_name_it(make: Callable[..., Any], path: str) -> None:
    app = make(allow_origins=["*"])
    options = ask(app, path, "OPTIONS")
    assert (options.status, options.headers["dav"]) == (204, "1")
    assert "PROPFIND" in options.headers["allow"]
    assert "PROPFIND" in options.headers["access-control-allow-methods"]
    assert "depth" in options.headers["access-control-allow-headers"]
    refused = ask(app, path, "POST")
    assert (refused.status, "PROPFIND" in refused.headers["allow"]) == (405, True)
    assert propfind(app, path, "0").headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/", "/view/small", "/metrics", "/zarr", "/zarr/v4/"])
@pytest.mark.parametrize("method", ["PROPFIND", "POST"])
def test_pages_have_none(app: Any, path: str, method: str) -> None:
    refused = ask(app, path, method)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
