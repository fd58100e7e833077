"""A box of the source is made once for all chunks that are cut from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from threading import Event
from typing import Any

import dask
import dask.array
import numpy as np
import pytest
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter

from tiled_zarr import Array, Group
from tiled_zarr.adapters import adapt
from tiled_zarr.adapters.memory.dask import adapt_array
from tiled_zarr.adapters.memory.mapping import adapt_mapping
from tiled_zarr.encoding.encode import SourceError, encode
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk, Config, KeySpace
from tiled_zarr.nodes import LIVE, Dense, Options, Revision
from tiled_zarr.resources import Resources, Sizes
from tiled_zarr.views.options import with_options

KIB = 1024


class Computed:
    """A dask array that notes which of its chunks are computed, and waits for `go` in each."""

    def __init__(self, shape: tuple[int, ...], chunks: Any, dtype: str = "<u2") -> None:
        self.blocks: list[tuple[int, ...]] = []
        self.values = np.random.default_rng(3).integers(0, 60_000, shape).astype(dtype)
        self.began, self.go = Event(), Event()
        self.go.set()
        self.array = dask.array.map_blocks(
            self._block, dask.array.zeros(shape, dtype=dtype, chunks=chunks), dtype=dtype, meta=np.empty((0,) * len(shape), dtype)
        )

    def _block(self, zeros: Any, block_info: Any = None) -> Any:
        self.blocks.append(block_info[0]["chunk-location"])
        self.began.set()
        assert self.go.wait(30)
        place = tuple(slice(*part) for part in block_info[0]["array-location"])
        return zeros + self.values[place]


def chunks_of(node: Array, tile: tuple[int, ...], resources: Resources, format: Any = v3) -> Iterator[Chunk]:  # noqa: A002 - the spec's word
    """All chunks of an array that is served in tiles, not compressed."""
    keys = KeySpace(Group({"x": node}), format, Config(codec="none", chunk_shape=tile), resources)
    for index in product(*(range(-(-size // part)) for size, part in zip(node.shape, tile, strict=True))):
        chunk = keys.resolve(f"x/c/{'/'.join(map(str, index))}" if format is v3 else f"x/{'.'.join(map(str, index))}")
        assert isinstance(chunk, Chunk)
        yield chunk


def value(chunk: Chunk, body: bytes) -> np.ndarray[Any, Any]:
    """The part of a chunk inside its array, from a body that is not compressed."""
    whole = np.frombuffer(body, chunk.node.dtype).reshape(chunk.grid.chunk_shape)
    return whole[tuple(slice(0, part.stop - part.start) for part in chunk.region)]


def assert_served(computed: Computed, tile: tuple[int, ...], resources: Resources) -> None:
    truth = computed.array.compute(scheduler="synchronous")
    computed.blocks.clear()
    for chunk in chunks_of(adapt_array(computed.array), tile, resources):
        np.testing.assert_array_equal(value(chunk, encode(chunk, resources)), truth[chunk.region])


CASES = {
    "16 tiles in a chunk": ((512, 512), (512, 512), (128, 128), 1),
    "several chunks, cut at the edge": ((1000, 700), (512, 512), (128, 128), 1),
    "tiles across chunks": ((900, 900), (300, 300), (128, 128), 1),
    "thin strips": ((512, 512), (512, 4), (128, 128), 1),
    "strips whose ends lie inside tiles": ((500, 512), (500, 48), (128, 128), 1),
    "planes": ((3, 512, 512), (3, 512, 512), (1, 128, 128), 1),
    "half of a chunk is read alone": ((256, 256), (256, 256), (256, 128), 2),
}


@pytest.mark.parametrize(
    ("shape", "chunks", "tile", "each"),
    CASES.values(),
    ids=CASES,
)
def test_each_chunk_of_the_source_is_computed_once(shape: Any, chunks: Any, tile: Any, each: int) -> None:
    computed = Computed(shape, chunks)
    assert_served(computed, tile, Resources.of())
    count = math.prod(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    assert sorted(computed.blocks) == sorted([*set(computed.blocks)] * each)
    assert len(set(computed.blocks)) == count


def test_both_formats_share_a_box() -> None:
    computed, resources = Computed((512, 512), (512, 512)), Resources.of()
    node = adapt_array(computed.array)
    for chunk in (*chunks_of(node, (128, 128), resources), *chunks_of(node, (128, 128), resources, v2)):
        encode(chunk, resources)
    assert computed.blocks == [(0, 0)]


def test_clients_that_ask_at_once_make_one_computation() -> None:
    computed, resources = Computed((512, 512), (512, 512)), Resources.of()
    chunks = list(chunks_of(adapt_array(computed.array), (128, 128), resources))
    computed.go.clear()
    with ThreadPoolExecutor(16) as threads:
        jobs = [threads.submit(encode, chunk, resources) for chunk in chunks]
        assert computed.began.wait(30)
        computed.go.set()
        bodies = [job.result(30) for job in jobs]
    assert computed.blocks == [(0, 0)]
    for chunk, body in zip(chunks, bodies, strict=True):
        np.testing.assert_array_equal(value(chunk, body), computed.values[chunk.region])


@pytest.mark.parametrize(("tiles", "decoded", "kept"), [(300 * KIB, 2, 2), (2, 300 * KIB, 2), (2, 2, 0)])
def test_memory_stays_within_the_pools(tiles: int, decoded: int, kept: int) -> None:
    """Boxes of 128 KiB, of which a pool holds two; a box larger than both pools is not kept."""
    resources = Resources.of(Sizes(tiles=tiles, decoded=decoded))
    computed = Computed((1024, 1024), (256, 256))
    truth = computed.array.compute(scheduler="synchronous")
    for chunk in chunks_of(adapt_array(computed.array), (64, 64), resources):
        np.testing.assert_array_equal(value(chunk, encode(chunk, resources)), truth[chunk.region])
        assert resources.tiles.nbytes <= tiles
        assert resources.decoded.total <= decoded
    assert (resources.tiles.nbytes + resources.decoded.total) // (128 * KIB) == kept


def a_source(read: Callable[[Any], Any], revision: Any) -> Array:
    """An array that makes its only chunk anew for each part of it."""
    source = Dense(read, recomputes=True)
    return Array(shape=(64, 64), dtype=np.dtype("<u2"), source=source, chunks=(64, 64), revision=revision)


def sized(region: Any) -> tuple[int, ...]:
    return tuple(part.stop - part.start for part in region)


def test_what_is_live_is_read_each_time() -> None:
    asked: list[Any] = []

    def read(region: Any) -> Any:
        asked.append(region)
        return np.full(sized(region), len(asked), "<u2")

    resources = Resources.of()
    for chunk in chunks_of(a_source(read, LIVE), (16, 16), resources):
        assert (value(chunk, encode(chunk, resources)) == len(asked)).all()
        assert asked[-1] == chunk.region
    assert len(asked) == 16
    assert resources.tiles.nbytes == resources.decoded.total == 0


@pytest.mark.parametrize("frozen", [True, None], ids=["frozen", "live"])
def test_an_adapter_of_tiled_computes_a_block_once_if_it_is_frozen(frozen: bool | None) -> None:
    """Nobody can tell when its values change, unless the operator says that they never do."""
    computed, resources = Computed((512, 512), (512, 512)), Resources.of()
    tree = with_options(adapt(MapAdapter({"x": ArrayAdapter.from_array(computed.array)})), {"x": Options(frozen=frozen)})
    keys = KeySpace(tree, v3, Config(codec="none", chunk_shape=(128, 128)), resources)
    for index in product(range(4), repeat=2):
        chunk = keys.resolve(f"x/c/{index[0]}/{index[1]}")
        assert isinstance(chunk, Chunk)
        np.testing.assert_array_equal(value(chunk, encode(chunk, resources)), computed.values[chunk.region])
    assert computed.blocks == [(0, 0)] * (1 if frozen else 16)


def test_a_replaced_dask_array_is_never_that_of_before() -> None:
    resources = Resources.of()
    held: dict[str, Any] = {"x": dask.array.full((64, 64), 0, dtype="<u2", chunks=(64, 64))}
    keys = KeySpace(adapt_mapping(held, resources), v3, Config(codec="none", chunk_shape=(16, 16)), resources)
    for number in range(4):
        held["x"] = dask.array.full((64, 64), number, dtype="<u2", chunks=(64, 64))
        for index in range(4):
            chunk = keys.resolve(f"x/c/{index}/0")
            assert isinstance(chunk, Chunk)
            assert (value(chunk, encode(chunk, resources)) == number).all()


def test_a_box_is_kept_for_its_revision_alone() -> None:
    revisions = ["a"]
    resources = Resources.of()
    node = a_source(lambda region: np.full(sized(region), ord(revisions[0]), "<u2"), Revision(lambda: revisions[0]))
    chunks = list(chunks_of(node, (16, 16), resources))
    for revision in "abca":
        revisions[0] = revision
        for chunk in chunks:
            assert (value(chunk, encode(chunk, resources)) == ord(revision)).all()


def test_a_box_of_another_shape_is_refused() -> None:
    resources = Resources.of()
    node = a_source(lambda _: np.zeros((64, 1), "<u2"), Revision(lambda: "a"))
    chunk = next(chunks_of(node, (16, 16), resources))
    with pytest.raises(SourceError, match=r"expected a block of shape \(64, 64\) from the source, got \(64, 1\)"):
        encode(chunk, resources)


def test_a_kept_box_does_not_keep_what_it_is_a_view_of() -> None:
    resources = Resources.of()
    large = np.zeros((64, 4096), "<u2")
    node = a_source(lambda region: large[region], Revision(lambda: "a"))
    encode(next(chunks_of(node, (16, 16), resources)), resources)
    assert large.flags.writeable
    (entry,) = resources.tiles._entries.values()
    assert entry.value.base is None


def test_an_array_that_makes_only_what_is_asked_for_is_read_so() -> None:
    asked: list[Any] = []
    plain = a_source(lambda region: asked.append(region) or np.zeros(sized(region), "<u2"), Revision(lambda: "a"))  # type: ignore[func-returns-value]
    node = replace(plain, source=Dense(plain.dense.read))
    resources = Resources.of()
    chunks = list(chunks_of(node, (16, 16), resources))
    for chunk in chunks:
        encode(chunk, resources)
    assert asked == [chunk.region for chunk in chunks]
