"""An image out of a catalog in front of which we serve: whoever may read it sees it, and nobody else does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tiled.serving import Server, configured
from tests.tiled.users import PROVIDER, config, fill

from browser import pictures
from browser.conftest import TESTS
from browser.driving import Shown, show
from browser.hosts import Host
from browser.pictures import cut, likeness
from live import Live, live

KEYS = ("alice", "bob")


@cache
def picture() -> np.ndarray[Any, Any]:
    return (pictures.landscape() * 50_000).astype("u2")


def write(client: Any, _: Path) -> None:
    """An image of alice's, and one of both."""
    client.write_array(picture(), key="alices", access_tags=["alices"])
    client.write_array(picture(), key="shared", access_tags=["shared"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("catalog")
    fill(made, write)
    return made


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    """An API key of each user."""
    with Server(configured(config(folder))) as server:
        tokens = {name: server.login(PROVIDER, name, name)["access_token"] for name in KEYS}
        return {name: server.api_key(token, scopes=["inherit"])["secret"] for name, token in tokens.items()}


@pytest.fixture(scope="module")
def tiled(folder: Path, keys: dict[str, str], elsewhere: Host) -> Iterator[Live]:
    assert set(keys) == set(KEYS)  # made before the server has the databases to itself
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    env = {"FRONT_FOLDER": str(folder), "FRONT_ORIGIN": elsewhere.origin, "PYTHONPATH": path}
    with live(app="tests.tiled.live_front:app", server="uvicorn", env=env) as server:
        yield server


def is_seen(shown: Shown, edge: int) -> bool:
    return likeness(cut(shown.pixels, edge, edge), picture()) > 0.9


def refused(shown: Shown, url: str) -> set[int]:
    """The statuses of what was asked for and not answered."""
    return {request.status for request in shown.loads[0] if request.url.startswith(url) and request.status >= 400}


@pytest.mark.parametrize("who_and_what", ["alice alices", "alice shared", "bob shared"])
def test_who_may_read_sees_the_image(tiled: Live, elsewhere: Host, keys: dict[str, str], tmp_path: Path, who_and_what: str) -> None:
    name, image = who_and_what.split()
    ours = show(f"{tiled.url}/k/{keys[name]}/view/{image}", tmp_path / "viewer.png")
    assert is_seen(ours, pictures.VIEWER_EDGE)
    assert refused(ours, tiled.url) == set()
    vizarr = show(elsewhere.vizarr(f"{tiled.url}/k/{keys[name]}/ome-zarr/0.4/{image}"), tmp_path / "vizarr.png")
    assert is_seen(vizarr, pictures.VIZARR_EDGE)
    with_query = show(f"{tiled.url}/view/{image}?api_key={keys[name]}", tmp_path / "query.png")
    assert is_seen(with_query, pictures.VIEWER_EDGE)


def test_another_user_does_not_see_it(tiled: Live, elsewhere: Host, keys: dict[str, str], tmp_path: Path) -> None:
    """Though it has been shown, and caches hold its tiles."""
    assert is_seen(show(f"{tiled.url}/k/{keys['alice']}/view/alices", tmp_path / "alice.png"), pictures.VIEWER_EDGE)
    page = show(f"{tiled.url}/k/{keys['bob']}/view/alices", tmp_path / "viewer.png")
    assert (refused(page, tiled.url), "There is nothing here" in page.text) == ({404}, True)
    vizarr = show(elsewhere.vizarr(f"{tiled.url}/k/{keys['bob']}/ome-zarr/0.4/alices"), tmp_path / "vizarr.png")
    ours = show(elsewhere.viewer(f"{tiled.url}/k/{keys['bob']}/ome-zarr/0.5/alices"), tmp_path / "ours.png")
    for shown, edge in ((vizarr, pictures.VIZARR_EDGE), (ours, pictures.VIEWER_EDGE)):
        assert refused(shown, tiled.url) <= {403, 404}
        assert refused(shown, tiled.url)
        assert not is_seen(shown, edge)


def test_the_page_of_the_root_names_what_a_user_sees(tiled: Live, keys: dict[str, str], tmp_path: Path) -> None:
    for name, expected in (("alice", True), ("bob", False)):
        page = show(f"{tiled.url}/k/{keys[name]}/view/", tmp_path / f"{name}.png")
        assert "shared" in page.text
        assert ("alices" in page.text) is expected
        assert refused(page, tiled.url) == set()
