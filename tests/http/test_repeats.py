"""Chunks that are requested again.

The reply is repeated while everything that it depends on is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asgi import ask
from tiled_zarr import Array, Group
from tiled_zarr.app import create_app
from tiled_zarr.http import endpoint
from tiled_zarr.http.endpoint import Endpoint
from tiled_zarr.nodes import Node
from tiled_zarr.settings import Settings

PATH = "/zarr/v3/changing/c/0/0"


class Changing:
    """An array of 100 rows that changes as a whole."""

    def __init__(self) -> None:
        self.value = 1

    def node(self) -> Array:
        return Array(
            shape=(100, 100),
            dtype=np.dtype("<u2"),
            read=lambda region: np.full((100, 100), self.value, "<u2")[region],
            revision=lambda: f"r{self.value}",
            blocking=False,
        )


@pytest.fixture
def source() -> Changing:
    return Changing()


@pytest.fixture
def children(source: Changing) -> dict[str, Node]:
    return {"changing": source.node(), "other": source.node()}


@pytest.fixture
def app(children: dict[str, Node]) -> Any:
    """One that has answered the same twice, the second time from the cache."""
    made = create_app(Group(children=children), Settings(public=True))
    for _ in range(2):
        assert ask(made, PATH).status == 200
    return made


def test_is_the_same_without_the_work(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(app, PATH)
    for name in ("begun", "answer"):
        monkeypatch.setattr(Endpoint, name, lambda *_: pytest.fail("this has been answered before"))
    monkeypatch.setattr(endpoint.replies, "whole_or_part", lambda *_: pytest.fail("its headers are known"))
    again = ask(app, PATH)
    assert (again.status, again.headers, again.body) == (first.status, first.headers, first.body)


def test_other_requests_get_their_own_answers(app: Any) -> None:
    plain = ask(app, PATH)
    etag = plain.headers["etag"]
    assert ask(app, PATH, headers={"if-none-match": etag}).status == 304
    part = ask(app, PATH, headers={"range": "bytes=2-5"})
    assert (part.status, part.body) == (206, plain.body[2:6])
    head = ask(app, PATH, "HEAD")
    assert (head.status, head.headers, head.body) == (200, plain.headers, b"")
    assert ask(app, PATH, headers={"if-none-match": '"x"'}).body == plain.body
    assert ask(app, PATH, headers={"origin": "https://viewer.example"}).body == plain.body


def test_what_has_changed_is_answered_anew(app: Any, source: Changing) -> None:
    before = ask(app, PATH)
    source.value = 2
    changed = ask(app, PATH)
    assert changed.headers["etag"] != before.headers["etag"]
    assert changed.body != before.body
    assert ask(app, PATH).body == changed.body


def test_what_is_gone_is_absent(app: Any, children: dict[str, Node]) -> None:
    del children["changing"]
    assert ask(app, PATH).status == 410


def test_another_node_is_another_chunk(app: Any, children: dict[str, Node]) -> None:
    children["changing"] = Array(
        shape=(100, 100),
        dtype=np.dtype("<u2"),
        read=lambda region: np.zeros((100, 100), "<u2")[region],
        revision=lambda: "z",
        blocking=False,
    )
    before = ask(app, PATH.replace("changing", "other"))
    assert ask(app, PATH).body != before.body


def test_only_so_many_are_remembered(children: dict[str, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "MOST_KNOWN", 1)
    made = create_app(Group(children=children), Settings(public=True))
    bodies = {ask(made, path).body for _ in range(4) for path in (PATH, PATH.replace("changing", "other"))}
    assert len(bodies) == 1


def test_nothing_is_remembered_without_a_cache(children: dict[str, Node], source: Changing) -> None:
    made = create_app(Group(children=children), Settings(public=True, cache_size=0))
    first = [ask(made, PATH).body for _ in range(3)]
    source.value = 2
    assert ask(made, PATH).body not in first
