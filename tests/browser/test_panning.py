"""Tiles that a user leaves behind by panning on, or by leaving the page.

The browser aborts their requests, and the server does not start to compute them. The only vizarr on
npm passes zarrita the signal to abort tiles, but that zarrita ignores it; so the tiles that vizarr
has requested arrive, unless the page is left.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest

from browser import slow
from browser.conftest import TESTS
from browser.driving import Action, press, show
from browser.hosts import Host
from live import Live, live

PATH = "ome-zarr/0.4/image"
TILE = re.compile(r"/image/(\d/(?:c/)?\d+/\d+)$")
PAUSE: Action = ("pause", 350)
"""Long enough for the tiles of a view to be asked for, and too short for all of them to come."""
BY_KEYS = [*press(*"++++"), PAUSE, *[action for key in ("ArrowRight", "ArrowDown") * 2 for action in (*press(*[key] * 10), PAUSE)]]
CLOSER: list[Action] = [("turn", -400)] * 3
BY_MOUSE = [*CLOSER, PAUSE, *[action for _ in range(3) for action in (("drag", -1000, -600), PAUSE)]]
BY_LEAVING: list[Action] = [*CLOSER, PAUSE, ("leave",)]


class Slow(NamedTuple):
    """A server of the slow image that computes one tile at a time, and the file of tiles read."""

    server: Live
    reads: Path


@pytest.fixture
def slow_server(elsewhere: Host, tmp_path: Path) -> Iterator[Slow]:
    reads = tmp_path / "reads"
    reads.touch()
    env = {
        "TILED_ZARR_TREE": "browser.slow:tree",
        "TILED_ZARR_PUBLIC": "1",
        "TILED_ZARR_THREADS": "1",
        "TILED_ZARR_ALLOW_ORIGINS": elsewhere.origin,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        slow.READS: str(reads),
    }
    with live(env=env) as server:
        yield Slow(server, reads)


@pytest.mark.parametrize(
    ("viewer", "actions"), [("vizarr", BY_LEAVING), ("ours", BY_MOUSE), ("ours", BY_KEYS)], ids=["vizarr left", "mouse", "keys"]
)
def test_tiles_left_behind_are_not_made(slow_server: Slow, elsewhere: Host, tmp_path: Path, viewer: str, actions: list[Action]) -> None:
    server, reads = slow_server
    page = elsewhere.vizarr(f"{server.url}/{PATH}") if viewer == "vizarr" else f"{server.url}/view/image"
    shown = show(page, tmp_path / "page.png", actions=actions)
    assert shown.console == []
    asked = [(found[1].replace("c/", ""), request) for request in shown.loads[0] if (found := TILE.search(request.url))]
    came = {key for key, request in asked if request.status == 200}
    given_up = {key for key, request in asked if request.failure == "aborted"} - came
    made = set(reads.read_text().split())
    assert came <= made
    assert given_up - made
    assert len(made) < len({key for key, _ in asked})
    with urlopen(f"{server.url}/metrics") as metrics:
        unanswered = re.findall(rb'requests_total{method="GET",status="0"} (\d+)', metrics.read())
    assert sum(map(int, unanswered)) > 0
