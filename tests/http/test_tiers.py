"""Two servers that share caches compute each chunk once, and survive what happens to the caches."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import fleet
from fleet import PATIENCE, Fleet, body
from live import Live
from nginx import nginx
from redis_server import RedisServer, redis_server
from tiled_zarr.caches.keyvalue import LIFE

pytestmark = pytest.mark.slow

CLIENTS, CHUNKS, SECONDS = 20, 10, 0.05


@pytest.fixture
def slow(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, CHUNKS, SECONDS)


def read(addresses: list[str]) -> fleet.Answers:
    found = fleet.ask(addresses, CLIENTS, CHUNKS)
    assert (set(found.statuses), found.wrong, len(found.statuses)) == ({200}, 0, CLIENTS * CHUNKS)
    return found


def arrays(servers: list[Live]) -> list[str]:
    return [f"{server.url}/zarr/v3/x" for server in servers]


@pytest.mark.parametrize(("is_spread", "computed"), {"by path": (True, CHUNKS), "in turns": (False, 2 * CHUNKS)}.values())
def test_a_path_goes_to_one_server(slow: Fleet, is_spread: bool, computed: int) -> None:
    with slow.serving() as servers, nginx(*servers, is_spread=is_spread, is_cached=False) as proxy:
        read([fleet.frozen(proxy.url)])
        assert slow.computed() == computed


def test_nginx_asks_once_and_survives(slow: Fleet) -> None:
    """All that has a token is in its cache the second time, also after it and the servers have died."""
    with slow.serving() as servers, nginx(*servers) as proxy:
        address = fleet.frozen(proxy.url)
        read([address])
        assert slow.computed() == CHUNKS
        assert set(read([address]).caches) == {"HIT"}
        proxy.stop(signal.SIGKILL)
        proxy.start()
        assert set(read([address]).caches) == {"HIT"}
        for server in servers:
            fleet.kill(server)
        assert set(read([address]).caches) == {"HIT"}
        assert slow.computed() == 0


def test_the_other_server_answers_for_a_dead_one(slow: Fleet) -> None:
    with slow.serving() as servers, nginx(*servers, is_cached=False) as proxy:
        address = fleet.frozen(proxy.url)
        read([address])
        computed = slow.computed_by()
        busiest = max(servers, key=lambda server: computed[server.pid])
        assert computed[busiest.pid] > 0
        fleet.kill(busiest)
        read([address])
        assert slow.computed() == computed[busiest.pid], "the paths of the other stay where they are"


@contextmanager
def shelf(kind: str, folder: Path) -> Iterator[str]:
    """The address of a cache in a folder, or in a server that keeps its data."""
    if kind == "folder":
        yield f"folder://{folder / 'cache'}"
        return
    with redis_server(folder, is_kept=True) as server:
        yield server.address


KINDS = ["folder", "redis"]


@pytest.mark.parametrize("kind", KINDS)
def test_servers_share_and_a_restart_loses_nothing(slow: Fleet, kind: str, tmp_path: Path) -> None:
    with shelf(kind, tmp_path) as address:
        with slow.serving(cache=address) as servers:
            read(arrays(servers))
            assert slow.computed() == CHUNKS
            read(arrays(servers))
        with slow.serving(cache=address) as servers:
            read(arrays(servers))
        assert slow.computed() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_killed_while_it_computes_holds_up_nobody(slow: Fleet, kind: str, tmp_path: Path) -> None:
    with shelf(kind, tmp_path) as address, slow.serving(cache=address) as (first, second), ThreadPoolExecutor(2) as pool:
        slow.hangs.touch()
        lost = pool.submit(httpx.get, f"{first.url}/zarr/v3/x/c/0/0", timeout=PATIENCE)
        until(lambda: "0" in slow.reads.read_text())
        slow.hangs.unlink()
        waiting = pool.submit(httpx.get, f"{second.url}/zarr/v3/x/c/0/0", timeout=PATIENCE)
        until(lambda: metric(second, "tiled_zarr_tier_waits_total", kind) == 1)
        assert slow.reads.read_text().count("\n") == 1
        fleet.kill(first)
        start = time.monotonic()
        assert waiting.result(PATIENCE).content == body(0)
        assert time.monotonic() - start < LIFE + PATIENCE / 4
        with pytest.raises(httpx.TransportError):
            lost.result(PATIENCE)
        assert slow.reads.read_text().count("\n") == 2


def test_redis_may_stop_and_come_back(tmp_path: Path, slow: Fleet) -> None:
    """Right bytes all the time, one line in the log, and shared again by itself."""
    server = RedisServer(tmp_path)
    server.start()
    try:
        with slow.serving(cache=server.address, cache_size=0) as servers:
            read(arrays(servers))
            assert slow.computed() == CHUNKS
            server.stop(signal.SIGKILL)
            read(arrays(servers))
            assert slow.computed() > CHUNKS
            server.start()
            assert server.client().dbsize() == 0
            until(lambda: read(arrays(servers)) and server.client().dbsize() >= CHUNKS)
            slow.computed()
            read(arrays(servers))
            assert slow.computed() == 0
            for one in servers:
                assert one.printed().count("the cache that servers share") == 1
    finally:
        server.stop(signal.SIGKILL)


def test_a_folder_may_go_and_come_back(tmp_path: Path, slow: Fleet) -> None:
    cache = tmp_path / "cache"
    with slow.serving(cache=f"folder://{cache}", cache_size=0) as servers:
        read(arrays(servers))
        cache.rename(tmp_path / "away")
        cache.write_text("no folder")
        read(arrays(servers))
        cache.unlink()
        (tmp_path / "away").rename(cache)
        slow.computed()
        until(lambda: bool(read(arrays(servers))) and slow.computed() == 0)
        for one in servers:
            assert one.printed().count("the cache that servers share") == 1


def metric(server: Live, name: str, tier: str) -> float:
    lines = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text.splitlines()
    return float(next(line for line in lines if line.startswith(f'{name}{{tier="{tier}"}}')).rpartition(" ")[2])


def until(happens: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
