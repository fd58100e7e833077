"""Passes over an image in the background: shared by workers, resumed after a restart, and limited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from asgi import ask
from ome.twins import image, levels, node_of, stores, whole
from tiled_zarr.app import create_app
from tiled_zarr.codecs import parse
from tiled_zarr.nodes import Array, Group
from tiled_zarr.ome.image import Image
from tiled_zarr.ome.pyramid import drafts
from tiled_zarr.ome.pyramid.background import Background
from tiled_zarr.ome.pyramid.folders import SUFFIX, WRITING
from tiled_zarr.ome.pyramid.stores import Stores
from tiled_zarr.settings import Settings

SECONDS = 60
CODEC = parse("blosc:lz4:5:shuffle")
EDGE, STEP = 512, 2**14
VALUES = np.random.default_rng(0).integers(0, 255, (EDGE, EDGE)).astype("u1")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 16 pixels, steps of 128 x 128, and a checkpoint after each row of them."""
    monkeypatch.setattr("tiled_zarr.ome.pyramid.shapes.TILE", 16)
    monkeypatch.setattr("tiled_zarr.ome.pyramid.exact.STEP", STEP)
    monkeypatch.setattr(drafts, "OFTEN", 0)


class Source:
    """An image that counts the pixels that are read, and may stop after some of them."""

    def __init__(self) -> None:
        self.pixels = 0
        self.at_most = VALUES.size
        self.stopped, self.go = Event(), Event()

    def read(self, region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        if self.pixels >= self.at_most:
            self.stopped.set()
            assert self.go.wait(SECONDS)
        block = VALUES[region]
        self.pixels += block.size
        return block

    def node(self) -> Array:
        return replace(node_of(VALUES), read=self.read, chunks=(16, 16))


@pytest.fixture
def source() -> Source:
    return Source()


def worker(source: Source, folder: Path, budget: int = 1) -> tuple[Image, Stores]:
    """The image as another process has it: only the folder is shared."""
    shared = stores(folder=folder, budget=budget)
    return image(source.node(), shared), shared


def make(one: Image) -> None:
    one.pyramid.make_exact((), "1")


def until_exact(one: Image, shared: Stores) -> None:
    """Ask as viewers do until no level shows samples."""
    end = time.monotonic() + SECONDS
    while one.pyramid.sampled():
        make(one)
        assert shared.background.wait(SECONDS)
        assert time.monotonic() < end
        time.sleep(0.01)


def assert_exact(one: Image) -> None:
    last = len(one.pyramid.shapes) - 1
    np.testing.assert_array_equal(whole(one.level(last)), levels(VALUES, last + 1)[last])


def test_two_workers_read_the_source_once(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.planes.LOOK", 0.05)
    source.at_most = VALUES.size // 2
    (first, one), (second, two) = (worker(source, tmp_path) for _ in range(2))
    make(first)
    assert source.stopped.wait(SECONDS)
    make(second)
    assert two.background.wait(SECONDS), "it does not wait for the other"
    assert second.pyramid.sampled() != []
    source.go.set()
    until_exact(second, two)
    assert one.background.wait(SECONDS)
    assert source.pixels <= 1.05 * VALUES.size
    for made in (first, second):
        assert_exact(made)
    one.background.stop()
    two.background.stop()


def test_what_another_worker_has_made_is_not_made_again(source: Source, tmp_path: Path) -> None:
    (first, one), (second, two) = (worker(source, tmp_path) for _ in range(2))
    assert second.pyramid.sampled() != [], "it has looked, and remembers that there was nothing"
    until_exact(first, one)
    read = source.pixels
    until_exact(second, two)
    assert source.pixels == read
    assert [path.name.endswith(SUFFIX) for path in tmp_path.iterdir()] == [True]
    one.background.stop()
    two.background.stop()


def test_servers_with_other_budgets_keep_stores_beside_each_other(tmp_path: Path) -> None:
    """Each reads the source once, and not again after a restart."""
    budgets = {1: 1, 32**2: 2, 64**2: 3}
    sources = {budget: Source() for budget in budgets}
    for _ in range(2):
        workers = {budget: worker(source, tmp_path, budget) for budget, source in sources.items()}
        for budget, (made, shared) in workers.items():
            until_exact(made, shared)
            assert made.pyramid.layout is not None
            assert made.pyramid.layout.first == budgets[budget]
        for made, shared in workers.values():
            assert made.pyramid.sampled() == [], "nobody has taken its store away"
            assert_exact(made)
            shared.background.stop()
        assert len([*tmp_path.iterdir()]) == len(budgets)
    assert [source.pixels for source in sources.values()] == [VALUES.size] * len(budgets)


def test_a_pass_that_was_stopped_goes_on(source: Source, tmp_path: Path) -> None:
    source.at_most = VALUES.size // 2
    first, one = worker(source, tmp_path)
    make(first)
    assert source.stopped.wait(SECONDS)
    source.go.set()
    one.background.stop()
    [draft] = tmp_path.iterdir()
    assert draft.suffix == WRITING
    source.pixels = 0
    second, two = worker(source, tmp_path)
    until_exact(second, two)
    assert 0 < source.pixels <= 0.6 * VALUES.size
    assert_exact(second)
    two.background.stop()


KILLED = f"""
import os, signal, sys
from pathlib import Path
import tiled_zarr.ome.pyramid.shapes as shapes
from tiled_zarr.ome.pyramid import drafts, exact
shapes.TILE, exact.STEP, drafts.OFTEN = 16, {STEP}, 0
from ome.pyramid.test_shared_passes import SECONDS, Source, VALUES, make, worker
source = Source()
source.at_most = VALUES.size // 2
made, stores = worker(source, Path(sys.argv[1]))
make(made)
assert source.stopped.wait(SECONDS)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The folder of a worker that was killed half-way."""
    folder = tmp_path / "levels"
    tests = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{tests}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run([sys.executable, "-c", KILLED, folder], env=environment, check=False, timeout=SECONDS)
    assert done.returncode == -signal.SIGKILL
    return folder


def test_a_pass_that_was_killed_half_way_reads_at_most_60_percent_again(source: Source, killed: Path) -> None:
    made, shared = worker(source, killed)
    until_exact(made, shared)
    assert 0 < source.pixels <= 0.6 * VALUES.size
    assert_exact(made)
    assert [path.name.endswith(SUFFIX) for path in killed.iterdir()] == [True]
    shared.background.stop()


DAMAGE = {
    "the checkpoint": lambda data: data[: drafts.MARK - 1] + bytes([data[drafts.MARK - 1] ^ 1]) + data[drafts.MARK :],
    "the length": lambda data: data[:-100],
    "the header": lambda data: data[: drafts.MARK] + b"?" + data[drafts.MARK + 1 :],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_draft_is_begun_anew(source: Source, killed: Path, what: str) -> None:
    made, shared = worker(source, killed)
    [draft] = killed.iterdir()
    draft.write_bytes(DAMAGE[what](draft.read_bytes()))
    until_exact(made, shared)
    assert source.pixels == VALUES.size
    assert_exact(made)
    shared.background.stop()


def test_a_draft_of_a_dead_worker_makes_room_for_others(killed: Path, source: Source) -> None:
    [draft] = killed.iterdir()
    planes = stores(folder=killed, planes=draft.stat().st_size).planes
    layout = worker(source, killed)[0].pyramid.layout
    assert layout is not None
    other = planes.draft("another", layout, CODEC)
    assert other is not None
    assert draft not in list(killed.iterdir())
    other.drop()


def test_the_rate_is_a_bound() -> None:
    """The bytes of a step are paid for before the next one begins."""
    background, begun = Background(rate=1_000_000), []

    def job() -> Iterator[int]:
        for _ in range(4):
            begun.append(time.monotonic())
            yield 50_000

    background.request("a", job)
    assert background.wait(SECONDS)
    background.stop()
    assert begun[-1] - begun[0] >= 3 * 0.05 - 0.001


def test_a_slow_rate_does_not_hold_up_the_end() -> None:
    background, begun = Background(rate=1), Event()

    def job() -> Iterator[int]:
        begun.set()
        while True:
            yield 10**9

    background.request("a", job)
    assert begun.wait(SECONDS)
    start = time.monotonic()
    background.stop()
    assert background._thread is not None
    assert not background._thread.is_alive()
    assert time.monotonic() - start < SECONDS


def sampled(app: Any) -> list[int]:
    found: list[int] = json.loads(ask(app, "/ome-zarr/0.4/image/.zattrs").body)["multiscales"][0]["metadata"]["sampled"]
    return found


@pytest.mark.parametrize("is_on", [True, False])
def test_the_switch_leaves_levels_as_samples(is_on: bool) -> None:
    app = create_app(Group({"image": node_of(VALUES)}), Settings(public=True, tile_budget=1, levels_background=is_on))
    last, end = sampled(app)[-1], time.monotonic() + (SECONDS if is_on else 0.5)
    while sampled(app) and time.monotonic() < end:
        assert ask(app, f"/ome-zarr/0.4/image/{last}/0/0").status == 200
        time.sleep(0.02)
    assert (sampled(app) == []) == is_on
