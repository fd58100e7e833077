"""Compressed documents and pages: which coding a client gets, its tag, what stays uncompressed."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from typing import Any

import numcodecs
import numpy as np
import pytest

from asgi import Answer, ask
from strategies import array_node
from tiled_zarr import Group
from tiled_zarr.encoding import content
from tiled_zarr.http.protocol import codings
from tiled_zarr.http.protocol.codings import LEAST, Choice

DOCUMENTS = ["/zarr/v2/.zmetadata", "/zarr/v3/zarr.json"]
PAGES = ["/", "/view/names", "/view/scalar", "/zarr/v2/many/", "/zarr/v3/many"]
CHUNKS = ["/zarr/v2/large/0.0", "/zarr/v3/large/c/0/0", "/zarr/v3/live/c/0/0", "/ome-zarr/0.4/large/0/0/0", "/thumbnail/large.png"]
DECODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": lambda body: bytes(numcodecs.Zstd().decode(body))}

PREFERRED = {
    # as clients send them
    b"gzip, deflate": "gzip",
    b"gzip, deflate, br": "gzip",
    b"gzip, deflate, br, zstd": "zstd",
    b"deflate, gzip, br, zstd": "zstd",
    b"*": "gzip",
    b"identity": None,
    b"": None,
    b"br, deflate": None,
    # https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3: the examples there, and its rules
    b"compress, gzip": "gzip",
    b"compress;q=0.5, gzip;q=1.0": "gzip",
    b"gzip;q=1.0, identity; q=0.5, *;q=0": "gzip",
    b"x-gzip": "gzip",
    b"GZIP": "gzip",
    b" gzip ;q=0.3 , zstd;q=0.2": "gzip",
    b"gzip;q=0": None,
    b"gzip;q=0.0, zstd;q=0.000": None,
    b"gzip;q=0, *": None,
    b"*;q=0": None,
    b"*;q=0, gzip": "gzip",
    b"zstd;q=0, *": "gzip",
    b"identity;q=1, gzip;q=0.5": None,
    b"identity;q=0.5, gzip;q=0.5": "gzip",
    b"*;q=1, gzip;q=0.5": None,
    b"gzip;q=nan, zstd;q=2": None,
    b"gzip;q=-1": None,
    b"gzip;q": None,
    b"gzipped": None,
    b"\xff, gzip": "gzip",
    b",,gzip,": "gzip",
}
NEEDED = [b"identity;q=0, gzip", b"*;q=0, gzip;q=0.1", b"gzip, *;q=0", b"zstd, identity;q=0.0"]


@pytest.fixture
def app(make: Callable[..., Any], root: Group) -> Any:
    many = Group(children={f"a child with a long name {number}": root.children["small"] for number in range(40)})
    return make(Group(children={**root.children, "many": many}, attributes=root.attributes, unavailable=root.unavailable))


def got(app: Any, path: str, accepted: str, method: str = "GET", **headers: str) -> Answer:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(app, path, method, {"accept-encoding": accepted, **spelled})


@pytest.mark.parametrize("accepted", PREFERRED, ids=repr)
def test_the_coding_that_a_client_prefers(accepted: bytes) -> None:
    assert codings.preferred(accepted).coding == PREFERRED[accepted]


@pytest.mark.parametrize("accepted", NEEDED, ids=repr)
def test_clients_that_refuse_a_body_without_coding(accepted: bytes, app: Any) -> None:
    assert codings.preferred(accepted).is_needed
    plain = ask(app, "/zarr/v2/small/.zarray")
    assert len(plain.body) < LEAST
    answer = got(app, "/zarr/v2/small/.zarray", accepted.decode())
    assert DECODERS[answer.headers["content-encoding"]](answer.body) == plain.body


@pytest.mark.parametrize("accepted", [b"br, identity;q=0", b"*;q=0"], ids=repr)
def test_who_accepts_nothing_gets_the_plain_body(accepted: bytes, app: Any) -> None:
    assert codings.preferred(accepted) == Choice(None, is_needed=False)
    assert "content-encoding" not in got(app, "/zarr/v3/zarr.json", accepted.decode()).headers


@pytest.mark.parametrize("path", [*DOCUMENTS, *PAGES])
@pytest.mark.parametrize("coding", DECODERS)
def test_documents_and_pages(app: Any, path: str, coding: str) -> None:
    plain, answer = ask(app, path), got(app, path, coding)
    assert (answer.status, answer.headers["content-encoding"]) == (200, coding)
    assert DECODERS[coding](answer.body) == plain.body
    assert len(answer.body) < 0.6 * len(plain.body)
    assert answer.headers["content-length"] == str(len(answer.body))
    [body] = [message for message in answer.messages if message["type"] == "http.response.body"]
    assert type(body["body"]) is bytes
    others = {"content-encoding", "content-length", "etag"}
    assert {name: value for name, value in answer.headers.items() if name not in others} == {
        name: value for name, value in plain.headers.items() if name not in others
    }


@pytest.mark.parametrize("path", [*DOCUMENTS, *PAGES])
def test_every_coding_has_its_tag(app: Any, path: str) -> None:
    answers = {coding: got(app, path, coding) for coding in ("identity", *DECODERS)}
    tags = {coding: answer.headers["etag"] for coding, answer in answers.items()}
    assert len(set(tags.values())) == 3
    assert not any(tag.startswith("W/") for tag in tags.values())
    for coding, tag in tags.items():
        for named in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            same = got(app, path, coding, if_none_match=named)
            assert (same.status, same.body, same.headers["etag"]) == (304, b"", tag)
            assert "content-encoding" not in same.headers
            assert "accept-encoding" in same.headers["vary"]
        for other in set(tags.values()) - {tag}:
            assert got(app, path, coding, if_none_match=other).status == 200


@pytest.mark.parametrize("path", [*DOCUMENTS, *PAGES])
@pytest.mark.parametrize("coding", DECODERS)
def test_head_and_ranges_are_of_the_plain_body(app: Any, path: str, coding: str) -> None:
    plain = ask(app, path)
    head = got(app, path, coding, "HEAD")
    assert head.headers == plain.headers
    assert head.body == b""
    part = got(app, path, coding, range="bytes=10-19")
    assert (part.status, part.body, part.headers["etag"]) == (206, plain.body[10:20], plain.headers["etag"])
    assert "content-encoding" not in part.headers
    packed = got(app, path, coding).headers["etag"]
    whole = got(app, path, coding, range="bytes=10-19", if_range=packed)
    assert (whole.status, whole.body) == (200, plain.body)
    assert got(app, path, coding, range=f"bytes={len(plain.body)}-").status == 416
    for answer in (plain, head, part, whole):
        assert "accept-encoding" in answer.headers["vary"]


@pytest.mark.parametrize("path", CHUNKS)
def test_chunks_and_pictures_are_never_compressed_again(app: Any, path: str) -> None:
    plain, answer = ask(app, path), got(app, path, "gzip, zstd, identity;q=0")
    assert len(plain.body) > 0
    assert (answer.status, answer.headers, answer.body) == (200, plain.headers, plain.body)
    assert "vary" not in answer.headers


@pytest.mark.parametrize("path", ["/zarr/v2/small/.zarray", "/zarr/v2/.zgroup", "/zarr/v3/small/zarr.json"])
def test_small_bodies_stay_as_they_are(app: Any, path: str) -> None:
    plain, answer = ask(app, path), got(app, path, "gzip")
    assert (answer.headers, answer.body) == (plain.headers, plain.body)
    assert "accept-encoding" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/zarr/v3/nothing/zarr.json", "/zarr/v3/nothing", "/view/nothing", "/healthz", "/metrics"])
def test_other_replies_stay_as_they_are(app: Any, path: str) -> None:
    assert "content-encoding" not in got(app, path, "gzip").headers


def test_large_documents_are_compressed_once_and_not_in_the_loop(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[tuple[str, int, bool]] = []
    compress = content.compress

    def noted(body: bytes, coding: content.Coding) -> content.Compressed:
        where.append((coding, len(body), threading.current_thread() is threading.main_thread()))
        return compress(body, coding)

    monkeypatch.setattr(content, "compress", noted)
    app = make(Group(children={f"frame {number:04}": array_node(np.zeros((2, 2))) for number in range(300)}))
    small = Group(children={f"frame {number:04}": array_node(np.zeros((2, 2))) for number in range(9)})
    answers = [got(app, "/zarr/v3/zarr.json", accepted) for accepted in ("gzip", "gzip;q=0.5", "zstd", "gzip, zstd")]
    assert answers[0].body == answers[1].body
    assert answers[2].body == answers[3].body
    assert [(coding, size > content.QUICK, in_loop) for coding, size, in_loop in where] == [("gzip", True, False), ("zstd", True, False)]
    where.clear()
    for _ in range(2):
        got(make(small), "/zarr/v3/zarr.json", "gzip")
    assert all(size <= content.QUICK for _, size, _ in where)


def test_a_changed_document_has_another_tag_in_each_coding(make: Callable[..., Any]) -> None:
    attributes = {"text": "x" * 2000}
    before = {coding: got(make(Group(children={}, attributes=attributes)), "/zarr/v3/zarr.json", coding) for coding in DECODERS}
    after = {coding: got(make(Group(children={}, attributes={"text": "y" * 2000})), "/zarr/v3/zarr.json", coding) for coding in DECODERS}
    for coding in DECODERS:
        assert before[coding].headers["etag"] != after[coding].headers["etag"]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("coding", DECODERS)
def test_a_listing_that_is_streamed(make: Callable[..., Any], root: Group, accept: str, coding: str) -> None:
    app = make(Group(children={f"a child with a long name {number}": root.children["small"] for number in range(2000)}))
    plain = ask(app, "/zarr/v3/", headers={"accept": accept})
    assert len([message for message in plain.messages if message["type"] == "http.response.body"]) > 2
    answer = got(app, "/zarr/v3/", coding, accept=accept)
    assert DECODERS[coding](answer.body) == plain.body
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["vary"] == plain.headers["vary"] == "accept, accept-encoding"
    assert got(app, "/zarr/v3/", coding, "HEAD", accept=accept).headers == plain.headers
    assert got(app, "/zarr/v3/", coding, accept=accept, if_none_match=answer.headers["etag"]).status == 304
    assert got(app, "/zarr/v3/", coding, accept=accept, if_none_match=plain.headers["etag"]).status == 200
