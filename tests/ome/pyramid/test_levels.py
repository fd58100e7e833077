"""Levels against their naive twin, made on demand, from kept planes, and by many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ome import twins
from ome.twins import assert_same, image, levels, node_of, stores, whole
from tiled_zarr.nodes import Array, Options

DTYPES = ["u1", "<u2", ">u2", "i2", "<u4", ">i4", "<f4", ">f4"]


@st.composite
def pictures(draw: st.DrawFn) -> np.ndarray:
    """Small pictures of every type that is shown as it is, 1 or 2 planes deep, some dull."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(st.tuples(st.integers(1, 2), st.integers(1, 90), st.integers(1, 90)))
    seed = draw(st.integers(0, 2**32 - 1))
    values = np.random.default_rng(seed).integers(0, draw(st.sampled_from([3, 256])), shape).astype(dtype)
    if dtype.kind == "f" and draw(st.booleans()):
        values[np.random.default_rng(seed).random(shape) < 0.3] = np.nan
    return values


def tiny(node: Array) -> Array:
    """The node cut into tiles of 16 pixels, so that small pictures have several levels."""
    return replace(node, chunks=(1, 16, 16))


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.shapes.TILE", 16)


@given(values=pictures(), rule=st.sampled_from(["mean", "mode"]))
def test_levels_equal_the_twin(values: np.ndarray, rule: str) -> None:
    node = node_of(values, attributes={"tiled_zarr": {"is_label": rule == "mode", "axes": "zyx"}})
    made = image(node)
    shapes = made.pyramid.shapes
    assert max(shapes[-1][-2:]) <= 16
    for number, expected in enumerate(levels(values, len(shapes), rule)):
        got = whole(made.level(number))
        assert got.shape == made.level(number).shape == expected.shape
        assert_same(got, expected)


@given(values=pictures(), chunks=st.tuples(st.just(1), st.integers(1, 100), st.integers(1, 100)), is_on_disk=st.booleans())
def test_exact_planes_equal_the_twin(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, chunks: tuple[int, int, int], is_on_disk: bool
) -> None:
    """With almost no budget, all levels come from the pass over the source, whatever its chunks."""
    shared = stores(budget=1, folder=tmp_path_factory.mktemp("levels") if is_on_disk else None)
    made = image(node_of(values, chunks=chunks, attributes={"tiled_zarr": {"axes": "zyx"}}), shared)
    try:
        for number in range(len(made.pyramid.shapes)):
            assert whole(made.level(number)).shape == made.pyramid.shapes[number]
        assert shared.background.wait(60)
        assert made.pyramid.sampled() == []
        for number, expected in enumerate(levels(values, len(made.pyramid.shapes))):
            assert_same(whole(made.level(number)), expected)
    finally:
        shared.background.stop()


def test_any_region_is_put_together_from_tiles() -> None:
    values = np.random.default_rng(0).integers(0, 999, (3, 100, 70)).astype("u2")
    made = image(node_of(values))
    expected = levels(values, 2)[1]
    for region in [
        (slice(0, 3), slice(5, 41), slice(3, 35)),
        (slice(1, 2), slice(16, 32), slice(16, 32)),
        (slice(0, 1), slice(0, 1), slice(34, 35)),
    ]:
        np.testing.assert_array_equal(made.level(1).read(region), expected[region])


def test_a_tile_is_made_once_for_all_who_ask() -> None:
    values = np.random.default_rng(0).integers(0, 255, (64, 64)).astype("u1")
    reads: list[object] = []

    def read(region: tuple[slice, ...]) -> np.ndarray:
        reads.append(region)
        return values[region]

    made = image(replace(node_of(values), read=read))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: whole(made.level(2)), range(16)))
    assert len(reads) == 16


@pytest.mark.parametrize(("chunks", "count"), [((1, 64), 4), ((64, 64), 1), ((32, 32), 4), ((16, 16), 16)])
def test_one_read_serves_all_tiles_that_a_chunk_covers(chunks: tuple[int, int], count: int) -> None:
    values = np.random.default_rng(0).integers(0, 255, (64, 64)).astype("u1")
    reads: list[object] = []

    def read(region: tuple[slice, ...]) -> np.ndarray:
        reads.append(region)
        return values[region]

    made = image(replace(node_of(values), read=read, chunks=chunks))
    if made.pyramid.tile == 16:
        np.testing.assert_array_equal(whole(made.level(2)), levels(values, 3)[2])
        assert len(reads) == count


def test_the_tile_cache_stays_within_its_bounds() -> None:
    values = np.random.default_rng(0).integers(0, 255, (300, 300)).astype("u1")
    shared = stores(tiles=2000)
    made = image(node_of(values), shared)
    for number, expected in enumerate(levels(values, len(made.pyramid.shapes))):
        np.testing.assert_array_equal(whole(made.level(number)), expected)
        assert shared.tiles.nbytes <= 2000
    assert shared.tiles.counters.evictions > 0


def test_without_a_revision_nothing_is_kept() -> None:
    values = np.zeros((40, 40), "u1")
    shared = stores()
    made = image(node_of(values, revision=lambda: None), shared)
    assert not whole(made.level(1)).any()
    values[...] = 200
    assert (whole(made.level(1)) == 200).all()
    assert (made.level(1).revision(), shared.tiles.nbytes) == (None, 0)


def test_a_new_revision_is_seen_at_once() -> None:
    values, revision = np.zeros((40, 40), "u1"), ["1"]
    made = image(node_of(values, revision=lambda: revision[0]))
    before = made.level(1).revision()
    assert not whole(made.level(1)).any()
    values[...], revision[0] = 200, "2"
    assert (whole(made.level(1)) == 200).all()
    assert made.level(1).revision() != before


def test_a_failing_source_is_an_error_and_is_asked_again() -> None:
    values, is_broken = np.ones((40, 40), "u1"), [True]

    def read(region: tuple[slice, ...]) -> np.ndarray:
        if is_broken[0]:
            raise OSError("disk")
        return values[region]

    made = image(replace(node_of(values), read=read))
    with pytest.raises(OSError, match="disk"):
        whole(made.level(1))
    is_broken[0] = False
    assert (whole(made.level(1)) == 1).all()


def test_levels_are_sampled_until_a_pass_has_made_them_exact() -> None:
    values = np.random.default_rng(0).integers(0, 255, (200, 200)).astype("u1")
    shared = stores(budget=16 * 16 * 4)
    made = image(node_of(values), shared)
    assert made.pyramid.sampled() == [2, 3, 4]
    assert [made.level(number).revision() is None for number in range(5)] == [False, False, True, True, True]
    whole(made.level(4))
    assert shared.background.wait(60)
    shared.background.stop()
    assert made.pyramid.sampled() == []
    assert all(made.level(number).revision() for number in range(5))
    for number, expected in enumerate(levels(values, 5)):
        np.testing.assert_array_equal(whole(made.level(number)), expected)


def test_a_pass_gives_up_where_the_source_changes() -> None:
    values, revision = np.zeros((200, 200), "u1"), ["1"]
    shared = stores(budget=1)

    def read(region: tuple[slice, ...]) -> np.ndarray:
        revision[0] = "2"
        return values[region]

    made = image(replace(node_of(values, revision=lambda: revision[0]), read=read), shared)
    made.pyramid.make_exact((), "1")
    assert shared.background.wait(60)
    shared.background.stop()
    assert shared.planes.nbytes == 0


def test_images_in_memory_get_their_levels_without_being_asked() -> None:
    values = np.random.default_rng(0).integers(0, 255, (3, 100, 100)).astype("u1")
    shared = stores()
    made = image(node_of(values, blocking=False), shared)
    made.attributes("0.5", "image")
    assert shared.background.wait(60)
    shared.background.stop()
    assert shared.planes.nbytes == 3 * sum(level[0].size for level in levels(values, 4)[1:])
    assert shared.tiles.nbytes == 0
    np.testing.assert_array_equal(whole(made.level(3)), levels(values, 4)[3])
    assert shared.tiles.nbytes == 0


def test_what_does_not_fit_is_kept_from_a_smaller_level_on() -> None:
    values = np.random.default_rng(0).integers(0, 255, (200, 200)).astype("u1")
    shared = stores(budget=1, planes=1000)
    made = image(node_of(values), shared)
    whole(made.level(4))
    assert shared.background.wait(60)
    shared.background.stop()
    assert made.pyramid.sampled() == [1, 2]
    np.testing.assert_array_equal(whole(made.level(3)), levels(values, 4)[3])


def test_the_budget_of_a_node_wins() -> None:
    made = image(node_of(np.zeros((200, 200), "u1"), options=Options(tile_budget=16 * 16 * 16)))
    assert made.pyramid.exact == 2


def test_gigapixel_subtrees_equal_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile of level 2 of the demo's largest picture, against the pixels under it."""
    from tiled_zarr.demo import tree

    monkeypatch.undo()
    node = tree().children["nested"].children["images"].children["gigapixel"]
    made = image(replace(node, options=Options(tile_budget=1 << 22)), stores())
    y, x = 40_960, 61_440
    tile = made.pyramid.tile_at(2, (y // 2048, x // 2048), made.pyramid.source_revision())
    corner = node.read((slice(y, y + 256), slice(x, x + 256)))
    np.testing.assert_array_equal(tile[:64, :64], levels(corner, 3)[2])


def test_the_twin_counts_only_what_exists() -> None:
    assert twins.halved(np.array([[1, 2, 4]], "u1")).tolist() == [[2, 4]]
    assert twins.halved(np.array([[1, 2, 4]], "u1"), "mode").tolist() == [[1, 4]]
