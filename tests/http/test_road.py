"""The road of a request: which modules of the package it enters, from the endpoint's routes on.

They lie in at most MOST rooms, whichever threads make the chunk. The road ends at the source: we do
not count its adapter, what that calls, or what its revision is made of. The first request of a key
also enters a few other rooms, which the last tests name.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import house
import numpy as np
import pytest

import tiled_zarr
from asgi import asked
from tiled_zarr import Array, Group, Node
from tiled_zarr.adapters.directory.open import open_directory
from tiled_zarr.adapters.registry import open_file
from tiled_zarr.app import create_app
from tiled_zarr.http.routes import Routes
from tiled_zarr.settings import Settings

MOST = 8
ROOT = f"{Path(tiled_zarr.__file__).parent}/"
SOURCES = ("revisions", "testing/")
IMAGE = np.random.default_rng(5).normal(1000, 30, (1024, 1024)).astype("<u2")

START = {"http/routes", "http/endpoint", "hierarchy/keyspace", "hierarchy/places", "caches/cost", "http/protocol/replies"}
THREAD = {"http/work/threads", "http/work/jobs", "http/work/times", "budgets", "clocks", "caches/flight", "encoding/encode"}
ROADS = {
    "cached": START | {"http/protocol/requests"},
    "loop": START | {"caches/flight", "encoding/encode"},
    "native": START | {"http/work/native", "http/work/threads", "http/work/times", "encoding/encode"},
    "file": START | THREAD,
}
WALK = {"hierarchy/steps", "hierarchy/places", "hierarchy/openings", "records"}
FOLDER = ROADS["file"] | WALK | {"hangs", "outlines"}
"""A folder may hang, so a watched thread walks through it each time, and looks at each once."""
KEY = WALK | {"hierarchy/v2", "hierarchy/v3", "grid", "hierarchy/recipes", "http/protocol/etags", "hierarchy/documents", "caches/forgetful"}
"""The rooms that only the first request of a key enters.

It walks to the node, parses the index, cuts the region and makes the tag.
"""


NATIVE = pytest.mark.skipif(sys.platform == "win32", reason="there is no native pool on Windows")


class Recorder:
    """Records which rooms are entered while `is_on`, by any thread that was started after it."""

    def __init__(self) -> None:
        self.is_on = False
        self.road: list[str] = []

    def __call__(self, frame: Any, event: str, _: object) -> None:
        path = frame.f_code.co_filename
        if self.is_on and event == "call" and path.startswith(ROOT):
            module = path[len(ROOT) :].removesuffix(".py")
            if module not in self.road and not is_called_by_a_source(frame):
                self.road.append(module)


def is_called_by_a_source(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(f"{ROOT}adapters/"):
            return True
        frame = frame.f_back
    return False


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    before, before_in_threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(made)
    sys.setprofile(made)
    yield made
    sys.setprofile(before)
    threading.setprofile(before_in_threads)  # type: ignore[arg-type] # None is what it was


@pytest.fixture
def root(tmp_path: Path) -> Group:
    np.save(tmp_path / "x.npy", IMAGE)
    image = Array(shape=IMAGE.shape, dtype=IMAGE.dtype, read=lambda region: IMAGE[region], revision=lambda: "r", blocking=False)
    small = Array(shape=(99,), dtype=np.dtype("u1"), read=lambda _: np.zeros(99, "u1"), revision=lambda: "r", blocking=False)
    return Group(children={"image": image, "small": small, "file": open_file(tmp_path / "x.npy"), "folder": open_directory(tmp_path)})


def road(recorder: Recorder, root: Group, path: str, *, before: list[str], cache_size: int = 0) -> list[str]:
    """The rooms that a request enters after those `before`, in order, without the source's."""
    app: Any = create_app(root, Settings(public=True, cache_size=cache_size))
    while not isinstance(app, Routes):
        app = app.app

    async def drive() -> list[int]:
        statuses = [(await asked(app, earlier)).status for earlier in before]
        recorder.is_on = True
        answer = await asked(app, path)
        recorder.is_on = False
        return [*statuses, answer.status]

    assert set(asyncio.run(drive())) == {200}
    return [room for room in recorder.road if not room.startswith(SOURCES)]


def shown(taken: list[str]) -> str:
    return "the road was " + " -> ".join(taken)


WAYS: dict[str, tuple[str, int]] = {
    "cached": ("/zarr/v3/image/c/0/0", 10**8),
    "loop": ("/zarr/v3/small/c/0", 0),
    "native": ("/zarr/v3/image/c/0/0", 0),
    "file": ("/zarr/v3/file/c/0/0", 0),
}


@pytest.mark.parametrize("way", [pytest.param(way, marks=NATIVE) if way == "native" else way for way in WAYS])
def test_a_chunk_takes_few_rooms(recorder: Recorder, root: Group, way: str) -> None:
    path, cache_size = WAYS[way]
    taken = road(recorder, root, path, before=[path, path], cache_size=cache_size)
    assert set(taken) == ROADS[way], shown(taken)
    assert len({house.room(tuple(module.split("/"))) for module in taken}) <= MOST, shown(taken)


def test_a_thread_goes_on_with_the_walk_at_a_folder(recorder: Recorder, root: Group) -> None:
    path = "/zarr/v3/folder/x/c/0/0"
    taken = road(recorder, root, path, before=[path, path])
    assert set(taken) == FOLDER, shown(taken)


class Counting(dict[str, Node]):
    """Children that count how often each is opened."""

    def __init__(self, children: dict[str, Node]) -> None:
        super().__init__(children)
        self.opened: Counter[str] = Counter()

    def __getitem__(self, name: str) -> Node:
        self.opened[name] += 1
        return super().__getitem__(name)


@pytest.mark.parametrize("key", ["c/0", "zarr.json"])
def test_nothing_is_resolved_twice(key: str) -> None:
    """An array's document depends on its siblings too, so only the groups above it count."""
    node = Array(shape=(9,), dtype=np.dtype("u1"), read=lambda _: np.zeros(9, "u1"), revision=lambda: "r")
    below = Counting({"a": node})
    above = Counting({"disk": Group(children=below, blocking=True, kind="source", revision=lambda: "r")})
    app = create_app(Group(children={"memory": Group(children=above)}), Settings(public=True, cache_size=0))
    assert asyncio.run(asked(app, f"/zarr/v3/memory/disk/a/{key}")).status == 200
    assert (above.opened["disk"], below.opened["a"]) == (1, 1)


@pytest.mark.parametrize("way", [pytest.param(way, marks=NATIVE) if way == "native" else way for way in ("native", "file")])
def test_a_new_key_of_a_known_array_is_parsed_once(recorder: Recorder, root: Group, way: str) -> None:
    path, _ = WAYS[way]
    taken = road(recorder, root, path.replace("c/0/0", "c/1/0"), before=[path])
    assert set(taken) == ROADS[way] | KEY, shown(taken)


def test_the_recorder_sees_what_runs_in_threads(recorder: Recorder) -> None:
    """A road that the recorder cannot see would be short for the wrong reason."""
    recorder.is_on = True
    wire: Callable[[], object] = lambda: tiled_zarr.Group(children={})  # noqa: E731
    thread = threading.Thread(target=wire)
    thread.start()
    thread.join()
    recorder.is_on = False
    assert "nodes" in recorder.road
