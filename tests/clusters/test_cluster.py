"""Parts of blocks from a real scheduler with two workers: values, computations, failures."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest

from dasks import Counted, known, scheduler, wait_until
from tiled_zarr.adapters.memory.dask import adapt_array
from tiled_zarr.clusters.clients import connected
from tiled_zarr.clusters.cluster import Cluster
from tiled_zarr.clusters.executor import Executor
from tiled_zarr.nodes import Busy, Region, TooSlow
from tiled_zarr.resources import Resources
from tiled_zarr.testing import ARRAYS, assert_same

SIDE, BLOCK, TILE = 1024, 1024, 256
IRREGULAR = ((3, 1, 0, 4), (2, 5))


def tiles(side: int = SIDE, tile: int = TILE) -> list[Region]:
    steps = range(0, side, tile)
    return [(slice(y, y + tile), slice(x, x + tile)) for y, x in product(steps, steps)]


@pytest.mark.parametrize("name", ARRAYS)
def test_values_are_the_truths(name: str, resources: Resources) -> None:
    truth = ARRAYS[name]
    chunks = -1 if truth.dtype.hasobject else tuple(max(1, size // 2) for size in truth.shape)
    node = adapt_array(dask.array.from_array(truth, chunks), resources)
    assert_same(node.read(tuple(slice(0, size) for size in truth.shape)), truth, name)
    inner = tuple(slice(min(1, size), size) for size in truth.shape)
    assert_same(node.read(inner), truth[(*inner, ...)], name)


def test_blocks_of_odd_sizes(resources: Resources) -> None:
    truth = np.arange(56).reshape(8, 7)
    node = adapt_array(dask.array.from_array(truth, IRREGULAR), resources)
    for rows, columns in product(range(8), range(7)):
        region = (slice(rows, 8), slice(0, columns + 1))
        assert_same(node.read(region), truth[region], str(region))


def test_masked_items_are_filled(resources: Resources) -> None:
    truth = np.ma.masked_greater(np.arange(60, dtype="i2").reshape(6, 10), 40)
    node = adapt_array(dask.array.from_array(truth, (4, 4)), resources)
    assert_same(node.read((slice(0, 6), slice(0, 10))), np.ma.filled(truth), "")


def test_sixteen_tiles_of_one_block_compute_it_once(resources: Resources, count: Callable[..., Counted]) -> None:
    counted = count((SIDE, SIDE), (BLOCK, BLOCK), seconds=0.1)
    node = adapt_array(counted.dask, resources)
    with ThreadPoolExecutor(16) as pool:
        for region, block in zip(tiles(), pool.map(node.read, tiles()), strict=True):
            assert_same(block, counted.array[region], str(region))
    for region in tiles():
        assert_same(node.read(region), counted.array[region], "again")
    assert counted.begun == 1


def test_only_tiles_come_here(
    cluster: Cluster, resources: Resources, count: Callable[..., Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = count((SIDE, SIDE), (BLOCK, BLOCK))
    node = adapt_array(counted.dask, resources)
    come: list[int] = []
    gather = cluster.client.gather

    def gathered(futures: Any) -> Any:
        values = gather(futures)
        come.extend(value.nbytes for value in values)
        return values

    monkeypatch.setattr(cluster.client, "gather", gathered)
    for region in tiles():
        node.read(region)
    assert come == [TILE * TILE * 2] * 16


def test_a_block_that_costs_little_goes_first(clusters: Callable[[int], Cluster], count: Callable[..., Counted]) -> None:
    """There is room for two of three blocks; the one that took least is computed again."""
    cluster = clusters(2 * (200 * 200 * 2 + 400))
    resources = of(cluster)
    slow = [count((200, 200), (200, 200), seconds) for seconds in (1.0, 0.0, 1.0)]
    nodes = [adapt_array(counted.dask, resources) for counted in slow]
    region = (slice(0, 10), slice(0, 10))
    for node in nodes:
        node.read(region)
    wait_until(lambda: cluster.blocks.kept.counters.evictions == 1)
    for node in nodes:
        node.read(region)
    assert [counted.begun for counted in slow] == [1, 2, 1]
    assert cluster.blocks.kept.nbytes <= cluster.blocks.kept.max_bytes


def test_without_room_nothing_stays(client: Any, clusters: Callable[[int], Cluster], count: Callable[..., Counted]) -> None:
    counted = count((64, 64), (64, 64))
    node = adapt_array(counted.dask, of(clusters(0)))
    for _ in range(2):
        assert_same(node.read((slice(0, 64), slice(0, 64))), counted.array, "")
        wait_until(lambda: not client.futures)
    assert counted.begun == 2


def test_nothing_is_left_on_the_workers_when_it_is_closed(
    client: Any, cluster: Cluster, resources: Resources, count: Callable[..., Counted]
) -> None:
    counted = count((64, 64), (32, 32))
    adapt_array(counted.dask, resources).read((slice(0, 64), slice(0, 64)))
    wait_until(lambda: cluster.blocks.kept.nbytes > 4 * 32 * 32 * 2)
    cluster.close()
    assert client.status == "running"  # it is another's
    wait_until(lambda: not client.futures)


def test_what_a_task_raises_is_raised_here(resources: Resources) -> None:
    def fails(_: Any) -> Any:
        raise OSError("the disk is gone")

    node = adapt_array(dask.array.zeros((8, 8), chunks=4).map_blocks(fails, dtype="f8", meta=np.empty((0, 0))), resources)
    with pytest.raises(OSError, match="the disk is gone") as caught:
        node.read((slice(0, 8), slice(0, 8)))
    assert "fails" in [frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.value.__traceback__)]


def test_a_block_that_failed_is_computed_again(resources: Resources, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.touch()

    def maybe(block: Any, bad: str = str(bad)) -> Any:
        from pathlib import Path

        if Path(bad).exists():
            raise OSError("not yet")
        return block

    node = adapt_array(dask.array.ones(4, chunks=4).map_blocks(maybe, dtype="f8", meta=np.empty(0)), resources)
    with pytest.raises(OSError, match="not yet"):
        node.read((slice(0, 4),))
    bad.unlink()

    def is_right() -> bool:
        try:
            return bool(node.read((slice(0, 4),)).tolist() == [1, 1, 1, 1])
        except OSError:  # a worker may report the old error once more
            return False

    wait_until(is_right)


def test_what_nobody_wants_is_dropped(client: Any, resources: Resources, count: Callable[..., Counted]) -> None:
    """Two of 16 blocks are at work when all parts are cancelled: no other begins."""
    counted = count((SIDE, SIDE), (TILE, TILE))
    node = adapt_array(counted.dask, resources)
    counted.gate.touch()
    assert node.source.begin is not None
    parts = [node.source.begin(region) for region in tiles()]
    wait_until(lambda: counted.begun == 2)
    for part in parts:
        part.cancel()
    del part, parts
    wait_until(lambda: not known(client))
    counted.gate.unlink()
    last = count((8, 8), (8, 8))
    adapt_array(last.dask, resources).read((slice(0, 8), slice(0, 8)))
    assert counted.begun <= 8


def test_a_part_that_others_want_goes_on(resources: Resources, count: Callable[..., Counted]) -> None:
    counted = count((SIDE, SIDE), (BLOCK, BLOCK))
    node = adapt_array(counted.dask, resources)
    counted.gate.touch()
    assert node.source.begin is not None
    first, second = (node.source.begin(region) for region in tiles()[:2])
    wait_until(lambda: counted.begun == 1)
    first.cancel()
    counted.gate.unlink()
    done = threading.Event()
    second.when_done(done.set)
    assert done.wait(60)
    assert_same(second.block(), counted.array[tiles()[1]], "")
    assert counted.begun == 1


def test_a_thread_that_was_given_up_does_not_wait(client: Any, count: Callable[..., Counted]) -> None:
    abandoned: set[int] = set()
    cluster = Cluster(client, 2**30, abandoned)
    counted = count((8, 8), (8, 8))
    node = adapt_array(counted.dask, of(cluster))
    counted.gate.touch()
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: (abandoned.add(threading.get_ident()), node.read((slice(0, 8), slice(0, 8)))))
            with pytest.raises(TooSlow):
                waiting.result(60)
    finally:
        counted.gate.unlink()


def test_forgotten_blocks_are_computed_again(client: Any, cluster: Cluster, resources: Resources, count: Callable[..., Counted]) -> None:
    counted = count((64, 64), (64, 64))
    node = adapt_array(counted.dask, resources)
    node.read((slice(0, 8), slice(0, 8)))
    client.cancel([held.future for held in cluster.blocks._coming.values()], force=True)
    assert_same(node.read((slice(0, 8), slice(0, 64))), counted.array[:8], "")
    assert counted.begun == 2


def of(cluster: Cluster) -> Resources:
    return Resources.of(dask=lambda _: Executor(cluster=cluster))


def test_a_cluster_is_closed_though_its_scheduler_has_gone(count: Callable[..., Counted]) -> None:
    with scheduler(workers=1) as own:
        cluster = Cluster(connected(own.address), 2**30, reconnect=lambda: connected(own.address))
        node = adapt_array(count((8, 8), (8, 8)).dask, of(cluster))
        node.read((slice(0, 8), slice(0, 8)))
        own.scheduler.kill()
        own.scheduler.wait(60)
        cluster.close()
        assert cluster.client.status == "closed"
        with pytest.raises(Busy, match="does not answer"):
            node.read((slice(0, 8), slice(0, 8)))
