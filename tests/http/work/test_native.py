"""Chunks in memory are encoded natively, each once for all requests.

An encoding is dropped when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asgi import asked
from tiled_zarr import Array, Group, _native
from tiled_zarr.app import create_app
from tiled_zarr.caches.cost import Cache
from tiled_zarr.encoding.encode import encode
from tiled_zarr.hierarchy import v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.http.work import native as module
from tiled_zarr.http.work.native import SLOW_AHEAD, Encoders
from tiled_zarr.nodes import Changed
from tiled_zarr.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no native pool on Windows")

WAIT = 20
DATA = np.random.default_rng(2).normal(1000, 30, (4000, 1000)).astype("<u2")


class Source:
    """An array in memory that counts how often it is read, and whose revision can be changed."""

    def __init__(self, revision: str | None = "r1") -> None:
        self.reads = 0
        self.now = revision
        self.fails = False
        self.node = Array(shape=DATA.shape, dtype=DATA.dtype, read=self.read, chunks=(250, 500), blocking=False, revision=lambda: self.now)

    def read(self, region: Any) -> np.ndarray[Any, Any]:
        self.reads += 1
        if self.fails:
            raise OSError("no")
        return DATA[region]

    def chunk(self, row: int = 0, column: int = 0) -> Chunk:
        chunk = KeySpace(Group(children={"a": self.node}), v3).resolve(f"a/c/{row}/{column}")
        assert isinstance(chunk, Chunk)
        return chunk


class Fake:
    """A pool that makes nothing by itself."""

    def __init__(self, _: int) -> None:
        self.ear, self.mouth = socket.socketpair()
        self.made: list[Any] = []

    def fileno(self) -> int:
        return self.ear.fileno()

    def submit(self, *_: Any) -> None: ...

    def take(self) -> list[Any]:
        return self.made

    def close(self) -> None:
        self.ear.close()
        self.mouth.close()


def submitted(encoders: Encoders, chunk: Chunk) -> asyncio.Future[bytes]:
    revision = chunk.revision()
    body = encoders.submit(chunk, revision, None if revision is None else chunk.identity(revision))
    assert body is not None
    return body


def run(test: Callable[[Encoders, Cache[bytes]], Any], nbytes: int = 10**9, cache_size: int = 10**9) -> None:
    async def within() -> None:
        cache: Cache[bytes] = Cache(cache_size)
        encoders = Encoders(cache, nbytes, processors=1)
        try:
            await asyncio.wait_for(test(encoders, cache), WAIT)
            assert (encoders.pending, encoders.held) == (0, 0)
        finally:
            encoders.shut_down()

    asyncio.run(within())


def test_no_turn_of_the_event_loop_is_all_about_bodies(monkeypatch):
    source = Source()

    async def test(encoders: Encoders, _: Cache[bytes]) -> None:
        bodies = [submitted(encoders, source.chunk(row)) for row in range(3)]
        there: list[int] = []
        for body in bodies:
            body.add_done_callback(lambda _: there.append(sum(body.done() for body in bodies)))
        time.sleep(0.3)  # noqa: ASYNC251 - the pool has made all of them before the event loop looks
        await asyncio.gather(*bodies)
        assert there == [1, 2, 3]

    monkeypatch.setattr(module, "TURN", source.chunk().recipe.nbytes)
    run(test)


@pytest.mark.parametrize("revision", ["r1", None])
def test_bodies_are_those_of_the_function_and_cached(revision):
    source = Source(revision)

    async def test(encoders: Encoders, cache: Cache[bytes]) -> None:
        chunks = [source.chunk(row, column) for row in range(16) for column in range(2)]
        bodies = await asyncio.gather(*[submitted(encoders, chunk) for chunk in chunks])
        assert list(bodies) == [encode(chunk) for chunk in chunks]
        kept = [cache.peek(chunk.identity(revision)) for chunk in chunks if revision]
        assert kept == (list(bodies) if revision else [])
        assert cache.counters.misses == len(kept)

    run(test)


def test_many_askers_and_one_computation():
    source = Source()

    async def test(encoders: Encoders, cache: Cache[bytes]) -> None:
        bodies = [submitted(encoders, source.chunk()) for _ in range(10)]
        bodies[3].cancel()
        results = await asyncio.gather(*bodies, return_exceptions=True)
        assert isinstance(results.pop(3), asyncio.CancelledError)
        assert set(results) == {encode(source.chunk())}
        # one of the two reads is that of `encode`
        assert (source.reads, cache.counters.joined, cache.counters.misses) == (2, 9, 1)

    run(test, cache_size=0)


def test_what_nobody_waits_for_is_not_begun_and_the_newest_goes_first(monkeypatch):
    monkeypatch.setattr(module, "SLOW", -1)
    source, order = Source(), []

    async def test(encoders: Encoders, _: Cache[bytes]) -> None:
        encoders._attach(asyncio.get_running_loop())
        encoders._is_slow = True
        bodies = [submitted(encoders, source.chunk(row)) for row in range(8)]
        assert source.reads == 1 + SLOW_AHEAD
        for row, body in enumerate(bodies):
            body.add_done_callback(lambda _, row=row: order.append(row))
        bodies[5].cancel()
        await asyncio.gather(*bodies, return_exceptions=True)
        assert [row for row in order if row != 5] == [0, 1, 7, 6, 4, 3, 2]
        assert source.reads == 7

    run(test)


def test_one_processor_is_left_to_the_loop_while_chunks_are_quick(monkeypatch):
    monkeypatch.setattr(module, "SLOW", 1e-7)
    source, allowed = Source(), []

    class Pool(Fake):
        def allow(self, threads: int) -> None:
            allowed.append(threads)

    async def test(encoders: Encoders, _: Cache[bytes]) -> None:
        encoders.processors = 4
        monkeypatch.setattr(module, "native_pool", Pool)
        body = submitted(encoders, source.chunk())
        work = source.chunk().recipe.nbytes
        for seconds in (1.0, 1.0, *[0.0] * 50):
            encoders._note(seconds / work)
        assert allowed == [3, 4, 3]
        encoders._pool.made.append((encoders._encodings[source.chunk().identity("r1")], b"", 0.0))
        encoders._deliver()
        assert await body == b""

    run(test)


def test_decoded_bytes_are_bounded():
    source, held = Source(), []

    async def test(encoders: Encoders, _: Cache[bytes]) -> None:
        encoders.processors = 8
        bodies = [submitted(encoders, source.chunk(row)) for row in range(8)]
        for body in bodies:
            body.add_done_callback(lambda _: held.append(encoders.held))
        assert encoders.held == 2 * source.chunk().recipe.nbytes
        await asyncio.gather(*bodies)
        assert max(held) <= encoders.nbytes

    run(test, nbytes=600_000)


def test_what_is_not_for_it():
    source = Source()
    files = replace(source.node, blocking=True)
    strings = replace(source.node, dtype=np.dtype(object))

    async def test(encoders: Encoders, _: Cache[bytes]) -> None:
        assert encoders.submit(source.chunk(), "r1", "too large") is None
        encoders.nbytes = 10**9
        for node in (files, strings):
            source.node = node
            assert encoders.submit(source.chunk(), "r1", "not in memory") is None

    run(test, nbytes=200_000)


def refuse(*_: Any) -> None:
    raise NotImplementedError


def test_loops_that_cannot_listen_and_systems_without_a_pool(monkeypatch):
    async def test(encoders: Encoders, _: Cache[bytes]) -> None:
        with monkeypatch.context() as patch:
            patch.delattr(_native, "Pool")
            assert encoders.submit(Source().chunk(), "r1", "i") is None
        encoders.shut_down()
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
            assert encoders.submit(Source().chunk(), "r1", "i") is None
        assert encoders.submit(Source().chunk(), "r1", "i") is None, "and it is not tried again"

    run(test)


def test_errors_of_the_source_and_changes():
    source = Source()

    async def test(encoders: Encoders, cache: Cache[bytes]) -> None:
        source.fails = True
        with pytest.raises(OSError, match="no"):
            await submitted(encoders, source.chunk())
        source.fails = False
        body = submitted(encoders, source.chunk())
        source.now = "r2"
        with pytest.raises(Changed):
            await body
        assert cache.nbytes == 0
        assert await submitted(encoders, source.chunk()) == encode(source.chunk())

    run(test)


def test_one_event_loop_after_the_other():
    source, encoders = Source(), Encoders(Cache(0), 10**9)

    async def once() -> bytes:
        return await submitted(encoders, source.chunk())

    assert asyncio.run(once()) == asyncio.run(once()) == encode(source.chunk())
    encoders.shut_down()
    encoders.shut_down()


def test_the_application_answers_with_them_and_starts_again_after_a_change(monkeypatch):
    source = Source()
    app = create_app(Group(children={"a": source.node}), Settings(public=True, cache_size=0))
    begun = []
    submit = Encoders.submit

    def noted(self: Encoders, *arguments: Any) -> Any:
        body = submit(self, *arguments)
        begun.append(body)
        if len(begun) == 2:
            source.now = "r2"
        return body

    monkeypatch.setattr(Encoders, "submit", noted)

    async def test() -> None:
        first = await asked(app, "/zarr/v3/a/c/0/0")
        assert (first.status, first.body) == (200, encode(source.chunk()))
        part = await asked(app, "/zarr/v3/a/c/0/1", headers={"range": "bytes=2-5"})
        assert (part.status, part.body) == (206, encode(source.chunk(0, 1))[2:6])
        assert part.headers["etag"] != first.headers["etag"]

    asyncio.run(test())
    assert len(begun) == 2
    assert None not in begun
