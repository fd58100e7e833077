"""The native pool makes the chunks that the function makes, and says when."""

from __future__ import annotations

import gc
import select
import sys
import time
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.test_encode import NONE, SWAPPED, blocks, layout, naive, opaque
from tiled_zarr import _native

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no pool on Windows")

WAIT = 20
IMAGE = np.random.default_rng(1).normal(1000, 30, (600, 700)).astype("<u2")
CODECS = {
    "blosc": _native.Codec("blosc", typesize=2),
    "stored by blosc": _native.Codec("blosc", level=0, typesize=2),
    "zstd": _native.Codec("zstd", crc32c=True),
    "gzip": _native.Codec("gzip"),
    "lz4": _native.Codec("lz4"),
    "none": NONE,
    "none, checked": _native.Codec("none", crc32c=True),
}


@pytest.fixture
def pool():
    pool = _native.Pool(2)
    yield pool
    pool.close()


def taken(pool, count):
    """So many results, waited for as an event loop does, by ticket."""
    results = {}
    while len(results) < count:
        assert select.select([pool.fileno()], [], [], WAIT)[0], f"{len(results)} of {count} came"
        for ticket, made, seconds in pool.take():
            assert seconds >= 0
            results[ticket] = made
    assert not select.select([pool.fileno()], [], [], 0)[0], "there is something to take, and nothing there"
    return results


@pytest.mark.parametrize("name", CODECS)
def test_chunks_are_those_of_the_function(pool, name):
    codec = CODECS[name]
    boxes = [(slice(row, row + 100), slice(column, column + 130)) for row in range(0, 600, 100) for column in range(0, 700, 130)]
    for ticket, box in enumerate(boxes):
        pool.submit(ticket, opaque(IMAGE[box]), (100, 130), codec)
    expected = {ticket: _native.encode(opaque(IMAGE[box]), (100, 130), codec) for ticket, box in enumerate(boxes)}
    assert taken(pool, len(boxes)) == expected


@given(blocks(SWAPPED), st.booleans())
def test_any_block_is_swapped_and_padded(block, checked):
    a, chunk_shape = block
    pool = _native.Pool(1)
    pool.submit("it", opaque(a), chunk_shape, _native.Codec("none", crc32c=checked), layout(a.dtype))
    made = taken(pool, 1)["it"]
    assert made[: len(made) - 4 * checked] == naive(a, chunk_shape)
    pool.close()


def test_errors_come_back_with_their_ticket(pool):
    with pytest.raises(ValueError, match="layout takes 9 bytes"):
        pool.submit("a run too long", opaque(IMAGE), (600, 700), NONE, [(0, 9, 1)])
    pool.submit("too large a block", opaque(IMAGE), (10, 10), NONE)
    pool.submit("too large a chunk", opaque(IMAGE), (1 << 40, 1 << 40), NONE)
    pool.submit("good", opaque(IMAGE), IMAGE.shape, NONE)
    results = taken(pool, 3)
    assert results["good"] == IMAGE.tobytes()
    assert isinstance(results["too large a block"], ValueError)
    assert isinstance(results["too large a chunk"], MemoryError)


def test_it_works_without_the_gil(pool):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        pool.submit(1, opaque(IMAGE), IMAGE.shape, CODECS["zstd"])
        while not pool.take():  # never lets go of the GIL
            pass
    finally:
        sys.setswitchinterval(interval)


def test_no_more_threads_begin_than_are_allowed(pool):
    pool.allow(0)
    for ticket in range(10):
        pool.submit(ticket, opaque(IMAGE), IMAGE.shape, NONE)
    assert not select.select([pool.fileno()], [], [], 0.05)[0]
    for threads in (1, 2, 1):
        pool.allow(threads)
        assert set(taken(pool, 10)) == set(range(10))
        for ticket in range(10):
            pool.submit(ticket, opaque(IMAGE), IMAGE.shape, NONE)
            time.sleep(0.001)
    taken(pool, 10)


def test_blocks_and_tickets_are_let_go(pool):
    class Ticket:
        pass

    block, ticket = IMAGE.copy(), Ticket()
    gone = [weakref.ref(block), weakref.ref(ticket)]
    pool.submit(ticket, opaque(block), block.shape, NONE)
    del block
    results = taken(pool, 1)
    del ticket, results
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_a_pool_that_is_closed_drops_what_waits():
    block = np.random.default_rng(1).integers(0, 255, (1000, 1000), dtype="u1")
    gone = weakref.ref(block)
    pool = _native.Pool(1)
    for ticket in range(100):
        pool.submit(ticket, opaque(block), block.shape, _native.Codec("zstd", level=9))
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < WAIT / 2
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(0, opaque(block), block.shape, NONE)
    pool.close()
    del pool, block
    gc.collect()
    assert gone() is None
