"""OME-NGFF over HTTP: tags and caching of levels that are replaced, and who may read."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from asgi import Answer, ask
from ome.twins import node_of
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Group
from tiled_zarr.settings import Settings

VALUES = np.random.default_rng(0).integers(0, 60_000, (2500, 2500)).astype("u2")
SECONDS = 60


@pytest.fixture
def app() -> Any:
    """An image whose smaller levels need more of it than may be read for a tile."""
    return create_app(Group(children={"image": node_of(VALUES)}), Settings(public=True, tile_budget=1, max_age=60))


def sampled(app: Any) -> list[int]:
    found: list[int] = json.loads(ask(app, "/ome-zarr/0.4/image/.zattrs").body)["multiscales"][0]["metadata"]["sampled"]
    return found


def settled(app: Any) -> None:
    """Wait for the pass over the source."""
    end = time.monotonic() + SECONDS
    while sampled(app) and time.monotonic() < end:
        time.sleep(0.01)
    assert sampled(app) == []


@pytest.mark.parametrize("key", ["/ome-zarr/0.4/image/3/0/0", "/ome-zarr/0.5/image/3/c/0/0"])
def test_sampled_chunks_are_replaced_by_exact_ones(app: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.background.Background.request", lambda *_: None)
    assert sampled(app) == [1, 2, 3]
    first = ask(app, key)
    assert (first.status, first.headers["cache-control"]) == (200, "no-cache")
    assert ask(app, key).headers["etag"] == first.headers["etag"]
    assert ask(app, key, headers={"if-none-match": first.headers["etag"]}).status == 304
    monkeypatch.undo()
    ask(app, key)
    settled(app)
    second = ask(app, key, headers={"if-none-match": first.headers["etag"]})
    assert (second.status, second.headers["cache-control"]) == (200, "public, max-age=60")
    assert second.headers["etag"] != first.headers["etag"]
    assert ask(app, key, headers={"if-none-match": second.headers["etag"]}).status == 304
    head = ask(app, key, "HEAD")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(second.body)))


def test_the_document_of_an_image_is_always_asked_for_again(app: Any) -> None:
    for key in ("/ome-zarr/0.4/image/.zattrs", "/ome-zarr/0.5/image/zarr.json"):
        assert ask(app, key).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["", "/image/.zattrs", "/image/0/.zarray", "/image/0/0/0", "/image/9/0/0", "/none/.zgroup"])
def test_nothing_without_a_key(path: str) -> None:
    app = create_app(Group(children={"image": node_of(VALUES)}), Settings(api_key="secret"))

    def answer(**headers: str) -> Answer:
        return ask(app, f"/ome-zarr/0.4{path}", headers=headers)

    assert answer().status == answer(authorization="Apikey wrong").status == 401
    assert answer(authorization="Apikey secret").status == (404 if "9" in path or "none" in path else 200)


def test_listings_name_levels(app: Any) -> None:
    assert b'href="image/"' in ask(app, "/ome-zarr/0.4").body
    assert b'href="1/"' in ask(app, "/ome-zarr/0.5/image").body
