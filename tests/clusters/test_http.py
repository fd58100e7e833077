"""A server whose chunks a cluster computes, over HTTP."""

from __future__ import annotations

import logging
import socket
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urljoin

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import pytest
import xarray

import tiled_zarr
from dasks import Counted, Running, known, scheduler, wait_until
from tiled_zarr.serving import Handle

SIDE, BLOCK, TILE = 1024, 1024, 256
TILES = [f"c/{row}/{column}" for row in range(4) for column in range(4)]
SECONDS = 60


def chunk(handle: Handle, key: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a GET of a chunk."""
    try:
        with urllib.request.urlopen(f"{handle.url}/zarr/v3/{key}", timeout=SECONDS) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@contextmanager
def tiled(counted: Counted, **settings: Any) -> Iterator[Handle]:
    """A server of the array `a` in chunks of TILE x TILE."""
    with tiled_zarr.serve({"a": counted.dask}, chunk_shape=f"{TILE},{TILE}", **settings) as handle:
        yield handle


def statuses(handle: Handle, keys: list[str]) -> list[int]:
    with ThreadPoolExecutor(16) as pool:
        return [status for status, _, _ in pool.map(lambda key: chunk(handle, f"a/{key}"), keys)]


@pytest.mark.parametrize("where", ["the scheduler", "threads", "this thread"])
def test_sixteen_tiles_of_one_block_compute_it_once(where: str, running: Running, count: Callable[..., Counted]) -> None:
    counted = count((SIDE, SIDE), (BLOCK, BLOCK), seconds=0.1)
    chosen = {"the scheduler": {"scheduler": running.address}, "threads": {"scheduler": "threads"}}.get(where, {})
    with tiled(counted, **chosen) as handle:
        assert statuses(handle, TILES) == [200] * 16
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)
    assert counted.begun == 1


def test_after_sixteen_clients_have_left_at_most_half_begins(running: Running, client: Any, count: Callable[..., Counted]) -> None:
    counted = count((SIDE, SIDE), (TILE, TILE))
    counted.gate.touch()
    with tiled(counted, scheduler=running.address) as handle:
        with ExitStack() as clients:
            for key in TILES:
                connection = clients.enter_context(socket.create_connection(("127.0.0.1", handle.port)))
                connection.sendall(f"GET /k/{handle.api_key}/zarr/v3/a/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            wait_until(lambda: pending(handle) == 16 and counted.begun == 2)
            wait_until(lambda: metric(handle, 'threads{pool="sources",state="busy"}') == 0)  # none waits for the cluster
        wait_until(lambda: pending(handle) == 0 and not known(client))
        counted.gate.unlink()
        other = count((8, 8), (8, 8))
        handle["other"] = other.dask
        np.testing.assert_array_equal(handle.zarr("other")[:], other.array, strict=True)
        assert counted.begun <= 8
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)


def test_two_clients_of_one_chunk_share_it(running: Running, count: Callable[..., Counted]) -> None:
    counted = count((TILE, TILE), (TILE, TILE), seconds=0.2)
    with tiled(counted, scheduler=running.address, blocks_size=0, cache_size=0) as handle:
        assert statuses(handle, ["c/0/0"] * 8) == [200] * 8
    assert counted.begun < 8


def test_a_read_that_takes_too_long_is_503(running: Running, count: Callable[..., Counted]) -> None:
    counted = count((TILE, TILE), (TILE, TILE))
    counted.gate.touch()
    with tiled(counted, scheduler=running.address, read_timeout=1) as handle:
        status, headers, body = chunk(handle, "a/c/0/0")
        assert (status, headers["retry-after"]) == (503, "5")
        assert b"the source did not answer within 1 s" in body
        counted.gate.unlink()
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)


def test_what_a_task_raises_is_500_and_once_in_the_log(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Any) -> Any:
        raise ValueError("these numbers are no numbers")

    bad = dask.array.zeros((8, 8), chunks=4).map_blocks(fails, dtype="f8", meta=np.empty((0, 0)))
    with tiled_zarr.serve({"bad": bad}, scheduler=running.address) as handle, caplog.at_level(logging.ERROR):
        status, _, body = chunk(handle, "bad/c/0/0")
    assert status == 500
    assert b"these numbers are no numbers" in body
    (record,) = [record for record in caplog.records if "these numbers" in record.getMessage()]
    assert record.exc_info is not None
    assert "fails" in "".join(traceback.format_exception(record.exc_info[1]))


def test_every_kind_of_source_has_its_values(running: Running) -> None:
    grid = np.arange(24, dtype="f4").reshape(4, 6)
    dataset = xarray.Dataset({"t": (("y", "x"), grid)}, coords={"y": np.arange(4)})
    table = pd.DataFrame({"n": np.arange(10), "f": np.linspace(0, 1, 10), "s": list("abcdefghij")})
    frame = dask.dataframe.from_pandas(table, npartitions=3)
    served = {"set": dataset.chunk({"y": 2}), "frame": frame, "text": dask.array.from_array(np.array(["a", "bc", "ä"], object), 2)}
    with tiled_zarr.serve(served, scheduler=running.address) as handle:
        shown = xarray.open_zarr(f"{handle.url}/zarr/v3/set", zarr_format=3, consolidated=True)
        xarray.testing.assert_identical(shown.load().drop_attrs(), dataset)
        columns = handle.zarr("frame")
        for name in table:
            assert columns[name][:].tolist() == table[name].tolist()
        assert handle.zarr("text")[:].tolist() == ["a", "bc", "ä"]
        assert node(handle, "set/t").source.begin
        assert node(handle, "text").source.begin


def test_a_client_that_is_there_is_used(client: Any, count: Callable[..., Counted]) -> None:
    counted = count((SIDE, SIDE), (BLOCK, BLOCK))
    with client.as_current(), tiled(counted) as handle:
        assert statuses(handle, TILES) == [200] * 16
        assert client.futures
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)
    assert client.status == "running"
    assert counted.begun == 1


def test_no_worker_is_503_until_there_is_one(count: Callable[..., Counted]) -> None:
    counted = count((TILE, TILE), (TILE, TILE))
    with scheduler() as alone, tiled(counted, scheduler=alone.address) as handle:
        status, headers, body = chunk(handle, "a/c/0/0")
        assert (status, headers["retry-after"]) == (503, "5")
        assert f"the Dask scheduler at {alone.address} has no worker".encode() in body
        alone.add_worker()
        wait_until(lambda: chunk(handle, "a/c/0/0")[0] == 200)
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)


def test_a_worker_that_is_killed_costs_a_computation(count: Callable[..., Counted]) -> None:
    """Its block is lost, and another worker computes it again; a block at work begins anew."""
    counted = count((2 * TILE, TILE), (TILE, TILE))
    with scheduler(workers=1) as own, tiled(counted, scheduler=own.address, cache_size=0) as handle:
        wait_until(lambda: chunk(handle, "a/c/0/0")[0] == 200)
        before = counted.begun
        counted.gate.touch()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(chunk, handle, "a/c/1/0")
            wait_until(lambda: counted.begun > before)
            own.add_worker()
            own.workers[0].kill()
            counted.gate.unlink()
            assert waiting.result(SECONDS)[0] in {200, 503}
        wait_until(lambda: chunk(handle, "a/c/1/0")[0] == 200)
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)
        assert counted.begun >= before + 3


def test_tasks_that_kill_their_worker_are_503_and_others_go_on(count: Callable[..., Counted]) -> None:
    counted = count((TILE, TILE), (TILE, TILE))

    def kills(_: Any) -> Any:
        import os

        os.kill(os.getpid(), 9)

    deadly = dask.array.zeros((8, 8), chunks=8).map_blocks(kills, dtype="f8", meta=np.empty((0, 0)))
    with (
        scheduler(workers=2, env={"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}) as own,
        tiled_zarr.serve({"deadly": deadly, "a": counted.dask}, scheduler=own.address) as handle,
    ):
        wait_until(lambda: chunk(handle, "a/c/0/0")[0] == 200)
        status, headers, body = chunk(handle, "deadly/c/0/0")
        assert (status, headers["retry-after"]) == (503, "5")
        assert b"died of these tasks" in body
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)


def test_a_chunk_under_a_token_is_computed_there_too(running: Running, count: Callable[..., Counted]) -> None:
    counted = count((TILE, TILE), (TILE, TILE))
    with tiled(counted, scheduler=running.address, codec="none") as handle:
        address = f"{handle.url}/zarr/v3/a/zarr.json"
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            frozen = urljoin(address, answer.headers["content-location"]).removesuffix("zarr.json")
        with urllib.request.urlopen(f"{frozen}c/0/0", timeout=SECONDS) as answer:
            assert "immutable" in answer.headers["cache-control"]
            np.testing.assert_array_equal(np.frombuffer(answer.read(), "u2").reshape(TILE, TILE), counted.array)
        assert chunk(handle, "a/c/0/0")[0] == 200
    assert counted.begun == 1


def test_a_scheduler_that_is_gone_is_503_until_it_is_back(count: Callable[..., Counted]) -> None:
    counted = count((TILE, TILE), (TILE, TILE))
    with scheduler(workers=1) as own, tiled(counted, scheduler=own.address, cache_size=0) as handle:
        wait_until(lambda: chunk(handle, "a/c/0/0")[0] == 200)
        port = own.port
        own.scheduler.kill()
        own.scheduler.wait(SECONDS)
        wait_until(lambda: chunk(handle, "a/c/0/0")[0] != 200)
        status, headers, body = chunk(handle, "a/c/0/0")
        assert (status, headers["retry-after"]) == (503, "5")
        assert f"the Dask scheduler at tcp://127.0.0.1:{port} does not answer".encode() in body
        own.scheduler = own.start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        own.add_worker()
        wait_until(lambda: chunk(handle, "a/c/0/0")[0] == 200)
        np.testing.assert_array_equal(handle.zarr("a")[:], counted.array, strict=True)


def node(handle: Handle, path: str) -> Any:
    found: Any = handle.contents.group()
    for name in path.split("/"):
        found = found.children[name]
    return found


def pending(handle: Handle) -> int:
    return metric(handle, "work_pending")


def metric(handle: Handle, name: str) -> int:
    with urllib.request.urlopen(f"{handle.url}/metrics", timeout=SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith(f"tiled_zarr_{name} ")]
    return int(float(line.rpartition(" ")[2]))
