"""The memory that images take is bounded, whatever the source is like.

That holds for decoded chunks, samples, passes and documents.
"""

from __future__ import annotations

import math
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pytest

from ome.serving import DOCUMENTS, assert_neighbours_are_well, attributes, served
from ome.twins import halved, image, node_of, stores, whole
from tiled_zarr.budgets import Budget
from tiled_zarr.nodes import Array, Busy, Region, TooLarge
from tiled_zarr.ome.display.display import display
from tiled_zarr.ome.pyramid import exact
from tiled_zarr.ome.pyramid.looks import default_place, look
from tiled_zarr.ome.pyramid.reads import Reader

pytestmark = pytest.mark.slow

MIB = 2**20


def huge(*, levels: tuple[Array, ...] = ()) -> Array:
    """One chunk of 8.6 GB, which nobody may read."""
    shape = (65_536, 65_536)

    def read(region: Region) -> np.ndarray:
        raise AssertionError("8.6 GB are decoded")

    return Array(shape=shape, dtype=np.dtype("u2"), read=read, chunks=shape, revision=lambda: "1", levels=levels)


def test_an_image_of_one_huge_chunk_is_refused_by_name() -> None:
    get = served({"huge": huge()})
    for key in ("/ome-zarr/0.4/huge/.zattrs", "/ome-zarr/0.5/huge/zarr.json", "/ome-zarr/0.4/huge/7/0/0", "/thumbnail/huge.png"):
        answer = get(key)
        assert answer.status == 413, key
        assert b"8,589,934,592 bytes" in answer.body
        assert b"in_flight" in answer.body
        head = get(key, method="HEAD")
        assert (head.status, head.headers["content-length"]) == (413, answer.headers["content-length"])
    for version, name in DOCUMENTS.items():
        reasons = attributes(get(f"/ome-zarr/{version}/{name}"))["tiled_zarr"]["unavailable"]
        assert "8,589,934,592 bytes" in reasons["huge"]
        assert b'href="huge' not in get(f"/ome-zarr/{version}/").body
    assert get("/view/huge").status == 200
    assert get("/zarr/v3/huge/zarr.json").status == 200
    assert_neighbours_are_well(get)


def test_levels_that_can_be_read_are_shown_without_those_that_cannot() -> None:
    values = np.arange(32_768, dtype="u2")
    small = Array(
        shape=(32_768, 32_768),
        dtype=np.dtype("u2"),
        read=lambda region: np.broadcast_to(values, (32_768, 32_768))[region],
        chunks=(512, 512),
        revision=lambda: "1",
    )
    get = served({"huge": huge(levels=(small,))})
    for version, name in DOCUMENTS.items():
        found = attributes(get(f"/ome-zarr/{version}/huge/{name}"))
        datasets = found["multiscales"][0]["datasets"]
        assert [dataset["path"] for dataset in datasets] == ["1", "2", "3", "4", "5", "6", "7"]
        assert datasets[0]["coordinateTransformations"] == [
            {"type": "scale", "scale": [2, 2]},
            {"type": "translation", "translation": [0.5, 0.5]},
        ]
        assert found["omero"]["channels"][0]["window"]["max"] > 30_000
    assert get("/ome-zarr/0.4/huge/0/.zarray").status == 404
    assert get("/ome-zarr/0.4/huge/1/0/0").status == 200
    assert get("/ome-zarr/0.4/huge/7/0/0").status == 200
    assert get("/thumbnail/huge.png").status == 200
    assert b"huge" in get("/ome-zarr/0.4/").body
    made = image(huge(levels=(small,)), stores(memory=Budget(2**30, 60)))
    np.testing.assert_array_equal(made.level(2).read((slice(0, 1), slice(0, 512)))[0], halved(np.tile(values[:1024], (2, 1)))[0])


def test_a_stored_level_of_a_huge_chunk_is_made_of_the_one_before() -> None:
    values = np.random.default_rng(0).integers(0, 60_000, (2000, 2000)).astype("u2")
    bad = replace(node_of(np.broadcast_to(np.uint16(1), (1000, 1000))), chunks=(1000, 1000))
    made = image(replace(node_of(values, chunks=(256, 256)), levels=(bad,)), stores(memory=Budget(2 * 300_000, 60)))
    assert list(made.levels) == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(whole(made.level(1)), halved(values))


class Decoder:
    """A source that decodes whole chunks, and counts how many bytes there are at once."""

    def __init__(self, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
        self.held = self.most = self.total = 0
        self.lock = threading.Lock()
        self.chunk_nbytes = 2 * math.prod(chunks)
        self.node = Array(shape=shape, dtype=np.dtype("u2"), read=self.read, chunks=chunks, revision=lambda: "1")

    def read(self, region: Region) -> np.ndarray:
        """One chunk decoded after the other, into a block."""
        block = np.zeros(tuple(part.stop - part.start for part in region), "u2")
        with self.lock:
            self.held += block.nbytes + self.chunk_nbytes
            self.most = max(self.most, self.held)
            self.total += 1
        threading.Event().wait(0.01)
        with self.lock:
            self.held -= block.nbytes + self.chunk_nbytes
        return block


CHUNKS = [(4096, 4096), (1, 2_000_000), (1000, 3000), (4097, 4097), (64, 64), (8000, 2000)]


@pytest.mark.parametrize("chunks", CHUNKS)
def test_tiles_samples_windows_and_passes_share_what_may_be_decoded(chunks: tuple[int, int]) -> None:
    """Twelve clients at once: what is decoded at a time stays below `in_flight`, for any chunks."""
    limit = 80 * MIB
    source = Decoder((20_000, max(20_000, chunks[1])), chunks)
    shared = stores(memory=Budget(limit, 60), tiles=1000, budget=MIB, planes=8 * MIB)
    made = image(source.node, shared)
    try:
        with ThreadPoolExecutor(12) as pool:
            jobs = [
                pool.submit(made.pyramid.tile_at, level, (0, number), "1")
                for level in range(len(made.pyramid.shapes))
                for number in range(min(2, -(-made.pyramid.shapes[level][1] // made.pyramid.tile)))
            ]
            jobs.append(pool.submit(made.attributes, "0.5", "image"))
            for job in jobs:
                job.result(120)
    finally:
        shared.background.stop()
    layout = made.pyramid.layout
    assert layout is not None
    plane = exact.Plane("pass", layout, (), "1", partial(made.pyramid.marks, "1"), made.pyramid.codec)
    for _ in islice(exact.run(made.pyramid.base, shared.planes, plane), 3):
        pass
    assert 0 < source.most <= limit
    assert shared.memory.free == limit


def test_a_pass_holds_no_more_than_levels_size(tmp_path: Any) -> None:
    """Levels of 11 MB from 64 MB take their size if kept in memory, almost nothing in a folder."""
    values = np.broadcast_to(np.arange(8192, dtype="u1"), (8192, 8192))
    peaks = {}
    for folder in (None, tmp_path):
        shared = stores(budget=512 * 512 * 16, planes=12 * MIB, folder=folder)
        made = image(node_of(values, chunks=(512, 512)), shared)
        tracemalloc.start()
        try:
            made.pyramid.make_exact((), "1")
            assert shared.background.wait(60)
            peaks[folder] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            shared.background.stop()
        assert made.pyramid.sampled() == []
        np.testing.assert_array_equal(whole(made.level(4))[0], halved(halved(halved(halved(values[:16]))))[0])
    kept = sum(math.prod(shape) for shape in made.pyramid.shapes[3:])
    assert peaks[None] < kept + 24 * MIB
    assert peaks[tmp_path] < 24 * MIB


def test_windows_of_large_chunks_take_few_samples() -> None:
    shape = (16_384, 8192)
    values = np.broadcast_to(np.arange(8192, dtype="u2"), shape)
    shown = display(node_of(values, chunks=(8192, 8192)))
    assert shown is not None
    tracemalloc.start()
    try:
        [window] = look(Reader(shown, Budget(256 * MIB, 60)), default_place(shown)).windows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB
    assert window.start < 100
    assert window.end > 1900


def test_kept_units_pin_no_chunks() -> None:
    """A source may return views of a decoded chunk; the tiles that we keep must not pin it."""
    chunk = np.zeros((4096, 4096), "u2")
    node = node_of(chunk, chunks=(4096, 4096))
    shared = stores(tiles=2 * MIB)
    made = image(node, shared)
    made.pyramid.tile_at(0, (0, 0), "1")
    kept = [entry.value for entry in shared.tiles._entries.values()]
    assert len(kept) == 1
    assert not np.shares_memory(kept[0], chunk)


def test_a_read_that_gets_no_memory_in_time_is_refused_for_now() -> None:
    source, budget = Decoder((4096, 4096), (1024, 1024)), Budget(10 * MIB, 0.01)
    shown = display(source.node)
    assert shown is not None
    reader, begun, release = Reader(shown, budget), threading.Event(), threading.Event()

    def hold() -> None:
        with budget.hold(9 * MIB):
            begun.set()
            release.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    assert begun.wait(60)
    with pytest.raises(Busy, match="ask again later"):
        reader.read((slice(0, 512), slice(0, 512)))
    assert source.total == 0
    release.set()
    other.join()
    reader.read((slice(0, 4096), slice(0, 4096)))
    assert (source.total, budget.free) == (1, budget.nbytes)


def test_sources_that_read_parts_of_chunks_are_never_too_large() -> None:
    node = huge()
    node = replace(node, source=replace(node.source, read_stepped=lambda region, steps: np.zeros((1, 1), "u2")))
    shown = display(node)
    assert shown is not None
    Reader(shown, Budget(1000, 60)).require()
    with pytest.raises(TooLarge, match="8,589,934,592"):
        image(huge(), stores(memory=Budget(2**30, 60)))


@pytest.mark.parametrize("count", [3, 2048, 2049, 100_000])
def test_documents_of_many_channels_are_small(count: int) -> None:
    """Viewers want all channels described or none (WIRE): with none they choose contrast limits."""
    hint = {"tiled_zarr": {"channels": [{"label": "\N{GREEK SMALL LETTER ALPHA}" * 10_000}] * min(count, 2048)}}
    values = np.broadcast_to(np.uint16(1), (count, 20, 20))
    get = served({"many": node_of(values, dimension_names=("c", "y", "x"), attributes=hint)})
    for version, name in DOCUMENTS.items():
        answer = get(f"/ome-zarr/{version}/many/{name}")
        found = attributes(answer)
        assert len(answer.body) < 2.5 * MIB
        assert ("omero" in found) == (count <= 2048)
        if count > 2048:
            assert len(answer.body) < 4096
            assert "2,048 channels" in found["multiscales"][0]["metadata"]["unavailable"]["omero"]
        else:
            assert len(found["omero"]["channels"]) == count
