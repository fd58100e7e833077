"""Images with values that mean "no value here".

We test their levels, what is served in place of marks, and what the metadata say of it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ome import detectors
from ome.serving import DOCUMENTS, attributes, served
from ome.test_faults import Broken
from ome.twins import assert_same, halved, image, levels, node_of, stores, valid_levels, whole
from tiled_zarr.nodes import Array
from tiled_zarr.ome.pyramid import looks as looking
from tiled_zarr.ome.pyramid.nodata import NOTHING, NoData

U4, I4 = 2**32 - 1, -(2**31)
EIGER = {"no_data": U4, "paths": ["marked-0", "marked-1", "marked-2", "marked-3", "marked-4"]}
SERVED = {
    "u4": ((U4,), 0),
    "u2": ((65535,), 0),
    "i4": ((-1, -2), -2),
    "i2": ((-9999,), -9999),
    ">i2": ((-32768,), -32768),
    "i8": ((I4,), I4),
}
"""Marks of a type, and what is served in their place."""


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.shapes.TILE", 64)
    monkeypatch.setattr("tiled_zarr.ome.pyramid.shapes.OWN_TILES", (64,))


@st.composite
def frames(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...], int]:
    """Counts with blocks, lines and single pixels of marks; the marks; what is served for them."""
    dtype = draw(st.sampled_from(["u4", "i4", "i2", ">i2"]))
    marks, value = SERVED[dtype]
    shape = draw(st.tuples(st.integers(60, 150), st.integers(60, 150)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = random.integers(0, 1000, shape).astype(dtype)
    values[0, 0] = 1000
    for mark in marks:
        values[random.random(shape) < 0.05] = mark
        values[10:30, 5:] = mark
        values[:, 17:20] = mark
    return values, marks, value


def as_node(values: np.ndarray, *, is_stepped: bool) -> Array:
    return node_of(values, blocking=not is_stepped, chunks=None if is_stepped else (64, 64))


@given(frame=frames(), is_stepped=st.booleans())
def test_levels_are_made_of_valid_pixels(frame: tuple[np.ndarray, tuple[int, ...], int], is_stepped: bool) -> None:
    values, marks, value = frame
    made = image(as_node(values, is_stepped=is_stepped))
    for number, expected in enumerate(valid_levels(values, len(made.pyramid.shapes), marks, value)):
        assert_same(whole(made.level(number)), expected)
        assert_same(made.level(number).read((slice(1, 20), slice(3, 30))), expected[1:20, 3:30])


@given(frame=frames(), is_on_disk=st.booleans())
def test_planes_of_the_pass_are_made_of_valid_pixels(
    tmp_path_factory: pytest.TempPathFactory, frame: tuple[np.ndarray, tuple[int, ...], int], is_on_disk: bool
) -> None:
    values, marks, value = frame
    shared = stores(budget=1, folder=tmp_path_factory.mktemp("levels") if is_on_disk else None)
    made = image(as_node(values, is_stepped=False), shared)
    try:
        for number in range(len(made.pyramid.shapes)):
            whole(made.level(number))
        assert shared.background.wait(60)
        assert made.pyramid.sampled() == []
        for number, expected in enumerate(valid_levels(values, len(made.pyramid.shapes), marks, value)):
            assert_same(whole(made.level(number)), expected)
    finally:
        shared.background.stop()


@pytest.mark.parametrize("is_stepped", [True, False])
def test_samples_hold_no_marks_that_are_mixed_in(is_stepped: bool) -> None:
    """No value of a sampled level is a mean of marks and counts; a sampled gap is zero."""
    values = detectors.eiger("u4")
    shared = stores(budget=1, planes=0, eager=0)
    made = image(as_node(values, is_stepped=is_stepped), shared)
    try:
        assert made.pyramid.sampled()
        most = values[values != U4].max()
        for number in made.pyramid.sampled():
            got = whole(made.level(number))
            assert got.max() <= most
            assert (got == 0).any() or not is_stepped, "a tile of one patch may show no gap"
    finally:
        shared.background.stop()


@pytest.mark.parametrize("mark", [-9999.0, 1e20])
@pytest.mark.parametrize("declared", [{}, {"_FillValue": True}])
def test_floats_become_no_numbers(mark: float, declared: dict[str, bool]) -> None:
    values = detectors.map_of(mark, "f4")
    expected = np.where(detectors.sea(), np.float32(np.nan), values)
    made = image(node_of(values, attributes=dict.fromkeys(declared, mark)))
    for number, level in enumerate(levels(expected, len(made.pyramid.shapes))):
        assert_same(whole(made.level(number)), level)


def test_a_packed_map_is_averaged_as_numpy_does() -> None:
    packed = detectors.map_of(-32768, "i2")
    made = image(node_of(packed, attributes={"scale_factor": 0.1, "add_offset": 5.0, "_FillValue": -32768}))
    numbers = np.where(packed == -32768, np.nan, packed * 0.1 + 5.0)
    rows, columns = (size // 2 for size in packed.shape)
    squares = numbers.reshape(rows, 2, columns, 2).swapaxes(1, 2).reshape(rows, columns, 4)
    is_valid = ~np.isnan(squares).all(axis=-1)
    got = whole(made.level(1))
    np.testing.assert_array_equal(np.isnan(got), ~is_valid)
    np.testing.assert_allclose(got[is_valid], np.nanmean(squares[is_valid], axis=-1), rtol=2e-7)


def test_ordinary_images_are_halved_as_before() -> None:
    """A saturated camera's pixels count in means like others."""
    values = detectors.camera(2e5, 2)[:130, :150]
    made = image(node_of(values))
    np.testing.assert_array_equal(whole(made.level(1)), halved(values))
    assert made.pyramid.marks("1").marks == ()
    block = np.ones((4, 4), "u2")
    assert NOTHING.joined(block) is NOTHING.shown(block) is block


def test_positive_marks_of_signed_integers_are_served_as_the_least() -> None:
    marked = NoData((np.int16(32767),))
    assert (marked.value, marked.shown(np.array([[5, 32767]], "i2")).tolist()) == (-32768, [[5, -32768]])


@pytest.mark.parametrize("version", DOCUMENTS)
@pytest.mark.parametrize(
    ("values", "said", "expected"),
    [
        (detectors.eiger("u4"), {}, {"no_data": 0, "marks": [U4], "marked": EIGER}),
        (detectors.pilatus(), {}, {"no_data": -2, "marks": [-2, -1]}),
        (detectors.map_of(-9999, "f4"), {}, {"no_data": "NaN", "marks": [-9999.0]}),
        (detectors.map_of(-9999, "i2"), {"_FillValue": -9999}, {"no_data": "NaN", "marks": [-9999]}),
        (
            detectors.map_of(-9999, "i2"),
            {"_FillValue": -9999, "scale_factor": 0.5, "add_offset": 3},
            {"no_data": "NaN", "marks": [-9999], "scale_factor": 0.5, "add_offset": 3.0},
        ),
        (np.arange(12).reshape(3, 4), {"_FillValue": -(2**63)}, {"no_data": "NaN", "marks": [str(-(2**63))]}),
        (detectors.camera(2e5, 2), {}, {}),
    ],
    ids=["Eiger", "Pilatus", "map", "declared", "packed", "beyond 2^53", "camera"],
)
def test_the_metadata_say_so(version: str, values: np.ndarray, said: dict[str, float], expected: dict[str, object]) -> None:
    get = served({"image": node_of(values, attributes=said)})
    [multiscale] = attributes(get(f"/ome-zarr/{version}/image/{DOCUMENTS[version]}"))["multiscales"]
    assert {name: value for name, value in multiscale["metadata"].items() if name != "sampled"} == expected


@pytest.mark.parametrize("mark", [U4, 65535])
def test_unsigned_levels_are_also_there_with_their_mark(mark: int) -> None:
    """Zeros may be counts, so our viewer reads these levels, on whose names the metadata agree."""
    values = detectors.eiger("u4" if mark == U4 else "u2")
    made = image(node_of(values))
    count = len(made.pyramid.shapes)
    said = made.attributes("0.4", "a")["multiscales"][0]["metadata"]["marked"]
    assert said == {"paths": [f"marked-{number}" for number in range(count)], "no_data": mark}
    assert list(made.marked) == said["paths"]
    for level, expected in zip(made.marked.values(), valid_levels(values, count, (mark,), mark), strict=True):
        assert_same(whole(level), expected)
    assert made.marked["marked-1"].revision() != made.level(1).revision()


@pytest.mark.parametrize("values", [detectors.pilatus(), detectors.map_of(-9999, "f4"), np.ones((70, 80), "u1")])
def test_other_levels_are_there_once(values: np.ndarray) -> None:
    made = image(node_of(values))
    assert (made.marked, made.attributes("0.4", "a")["multiscales"][0]["metadata"].get("marked")) == ({}, None)


@pytest.mark.parametrize(("version", "header"), [("0.4", ".zarray"), ("0.5", "zarr.json")])
def test_nobody_lists_the_levels_with_marks(version: str, header: str) -> None:
    get = served({"image": node_of(detectors.eiger("u4"))})
    store = f"/ome-zarr/{version}/image"
    statuses = [get(f"{store}/{name}/{header}").status for name in ("marked-0", "marked-1", "marked-99", "marked")]
    assert statuses == [200, 200, 404, 404]
    listing = json.loads(get(f"{store}/", headers={"accept": "application/json"}).body)
    assert "marked" not in json.dumps(listing)
    consolidated = json.loads(get(f"{store}/{'.zmetadata' if version == '0.4' else 'zarr.json'}").body)
    members = consolidated["metadata"] if version == "0.4" else consolidated["consolidated_metadata"]["metadata"]
    assert [name for name in members if name.startswith("marked")] == []


def chunk(body: bytes, dtype: str, edge: int = 64) -> np.ndarray:
    return np.frombuffer(body, dtype).reshape(edge, edge)


def test_the_exact_tree_stays_raw() -> None:
    values = detectors.eiger("u4")
    get = served({"image": node_of(values, chunks=(64, 64), attributes={"_FillValue": U4})}, codec="none", chunk_shape=(64, 64))
    got = chunk(get("/zarr/v2/image/3.4").body, "<u4")
    np.testing.assert_array_equal(got, values[192:256, 256:320])


def test_a_tile_is_the_same_before_and_after_the_attributes_were_asked_for() -> None:
    values = detectors.eiger("u4")
    get = served({"image": node_of(values, chunks=(64, 64))}, codec="none")
    before = get("/ome-zarr/0.4/image/0/3/4")
    get("/ome-zarr/0.4/image/.zattrs")
    after = get("/ome-zarr/0.4/image/0/3/4")
    assert (before.body, before.headers["etag"]) == (after.body, after.headers["etag"])
    expected = np.where(values == U4, 0, values)[192:256, 256:320]
    np.testing.assert_array_equal(chunk(before.body, "<u4"), expected)


def test_tiles_of_an_image_that_cannot_be_looked_at_are_served_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad chunk does not spoil the others.

    A tile that was made without knowing the marks is never kept.
    """
    values = detectors.eiger("u4")
    is_broken = [True]

    def read(region: tuple[slice, ...]) -> np.ndarray:
        if is_broken[0] and region[0].start == 0:
            raise OSError("bad sector")
        return values[region]

    get = served({"image": replace(node_of(values, chunks=(64, 64)), read=read)}, codec="none")
    first = get("/ome-zarr/0.4/image/0/3/4")
    assert (first.status, first.headers["cache-control"]) == (200, "no-cache")
    assert chunk(first.body, "<u4").max() == U4
    assert get("/ome-zarr/0.4/image/1/1/2").status == 200
    is_broken[0] = False
    monkeypatch.setattr("tiled_zarr.ome.pyramid.looks.RETRY", 0)
    second = get("/ome-zarr/0.4/image/0/3/4")
    assert chunk(second.body, "<u4").max() < U4
    assert second.headers["etag"] != first.headers["etag"]
    assert chunk(get("/ome-zarr/0.4/image/1/1/2").body, "<u4").max() < U4


def test_a_broken_source_is_looked_at_once_by_many_tiles() -> None:
    source = Broken(OSError("bad sector"))
    made = image(Array(shape=(40, 50), dtype=np.dtype("u2"), read=source.read, revision=lambda: "1"))
    for _ in range(3):
        with pytest.raises(OSError, match="bad sector"):
            whole(made.level(0))
    assert source.tries == 1 + 3


def test_an_image_without_a_revision_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles share a look for a while; attributes tell what is there now."""
    values, looks = detectors.eiger("u4"), []
    monkeypatch.setattr(looking, "look", lambda *given, look=looking.look: looks.append(1) or look(*given))
    made = image(node_of(values, revision=lambda: None))
    for number in range(3):
        assert whole(made.level(number)).max() < U4
    assert len(looks) == 1
    values[...] = 7
    [channel] = made.attributes("0.4", "image")["omero"]["channels"]
    assert (channel["window"]["end"], len(looks)) == (7, 2)


def test_kept_levels_of_images_that_may_have_marks_have_their_own_names(tmp_path: Path) -> None:
    """A folder of an earlier version, which knew of no marks, is not read for them."""
    marked, plain = (image(node_of(np.zeros((200, 200), dtype)), stores(folder=tmp_path)).pyramid for dtype in ("u2", "u1"))
    assert "no data" in marked.plane_name((), "1")
    assert "no data" not in plain.plane_name((), "1")
