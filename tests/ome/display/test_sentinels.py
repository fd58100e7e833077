"""Undeclared marks: found in frames of detectors and in maps, and not in ordinary pictures."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from ome import detectors
from ome.detectors import map_of
from ome.twins import node_of
from tiled_zarr.budgets import Budget
from tiled_zarr.ome.display.display import display
from tiled_zarr.ome.pyramid.looks import Look, default_place, look
from tiled_zarr.ome.pyramid.reads import Reader

RNG = np.random.default_rng(0)
FLOAT_MAX = float(np.finfo("f4").max)


def seen(values: np.ndarray, **fields: object) -> Look:
    shown = display(node_of(values, **fields))
    assert shown is not None
    return look(Reader(shown, Budget(2**28, 60)), default_place(shown))


def marks(values: np.ndarray, **fields: object) -> set[float]:
    return {mark.item() for mark in seen(values, **fields).no_data.marks}


def overloaded() -> np.ndarray:
    """An Eiger's frame with pixels that are overloaded or defective."""
    values = detectors.eiger("u4")
    values[20:80:3, 30:90:3] = 2**32 - 2
    return values


MARKED = {
    "Eiger, with overloads": (overloaded(), {2**32 - 2, 2**32 - 1}),
    "Eiger, 32 bits in singles": (overloaded().astype("f4"), {2.0**32}),
    "Eiger, 32 bits in doubles": (detectors.eiger("u4").astype("f8"), {2.0**32}),
    "Eiger, 16 bits in singles": (detectors.eiger("u2").astype("f4"), {65535.0}),
    "Eiger, 32 bits": (detectors.eiger("u4"), {2**32 - 1}),
    "Eiger, 16 bits": (detectors.eiger("u2"), {65535}),
    "Pilatus": (detectors.pilatus(), {-1, -2}),
    "64 bits": (detectors.with_gaps(detectors.counts(), np.iinfo("i8").min, "i8"), {float(-(2**63))}),
    **{f"map {dtype} {mark}": (map_of(mark, dtype), {mark}) for dtype in ("i2", "i4", "f4", "f8") for mark in (-9999, -32768)},
    "netCDF's i2": (map_of(-32767, "i2"), {-32767}),
    "netCDF's f4": (map_of(9.969209968386869e36, "f4"), {float(np.float32(9.969209968386869e36))}),
    "climate models": (map_of(1e20, "f4"), {float(np.float32(1e20))}),
    "least float": (map_of(-FLOAT_MAX, "f4"), {-FLOAT_MAX}),
    "ESRI": (map_of(-3.40282306074e38, "f4"), {float(np.float32(-3.40282306074e38))}),
    "big-endian": (map_of(-9999, ">i2"), {-9999}),
}


@pytest.mark.parametrize("fields", [{"blocking": False}, {}, {"chunks": (256, 256)}], ids=["memory", "patches", "chunks"])
@pytest.mark.parametrize(("values", "expected"), MARKED.values(), ids=MARKED)
def test_marks_are_found(values: np.ndarray, expected: set[float], fields: dict[str, object]) -> None:
    assert marks(values, **fields) == expected


def hot() -> np.ndarray:
    values = RNG.poisson(300, (500, 500)).astype("u2")
    values[RNG.random(values.shape) < 0.001] = 65535
    return values


def tomogram() -> np.ndarray:
    """Hounsfield units; a strip of them happens to be -999."""
    values = np.clip(RNG.normal(-200, 500, (256, 256)), -1024, 3071).astype("i2")
    values[:20] = -999
    return values


PHOTOGRAPH = skimage.data.astronaut().mean(axis=-1) * 257
PLAIN = {
    "noise u4": RNG.integers(0, 2**32, (300, 300), dtype="u4"),
    "noise i2": RNG.integers(-(2**15), 2**15, (300, 300)).astype("i2"),
    "clipped i2": np.clip(RNG.normal(0, 20_000, (300, 300)), -(2**15), 2**15 - 1).astype("i2"),
    "differences": RNG.normal(0, 5, (300, 300)).astype("i4"),
    "minus one, zero, one": RNG.integers(-1, 2, (300, 300)).astype("i4"),
    "mask u2": ((PHOTOGRAPH > 20_000) * 65535).astype("u2"),
    "mask u4": ((PHOTOGRAPH > 20_000) * (2**32 - 1)).astype("u4"),
    "photograph": PHOTOGRAPH.astype("u2"),
    "too long exposed": np.minimum(PHOTOGRAPH * 1.6, 65535).astype("u2"),
    "photograph in singles": PHOTOGRAPH.astype("f4"),
    "too long exposed in singles": np.minimum(PHOTOGRAPH * 1.6, 65535).astype("f4"),
    "hot pixels": hot(),
    "hot pixels in halves": np.minimum(hot(), 60000).astype("f2"),
    "beads in singles": detectors.camera(2e5, 2).astype("f4"),
    "tomogram": tomogram(),
    "white bytes": np.where(detectors.sea(), 255, 7).astype("u1"),
    "all the same": np.full((50, 50), 65535, "u2"),
    "nothing but -9999": np.full((50, 50), -9999, "f4"),
    **{f"beads {light:.0e}, {blur} pixels": detectors.camera(light, blur) for light in (7e4, 2e5, 1e6) for blur in (1, 2, 4)},
    **{name: getattr(skimage.data, name)().astype("u2") * 257 for name in ("camera", "coins", "moon", "page", "text", "clock")},
}


@pytest.mark.parametrize("fields", [{"blocking": False}, {}, {"chunks": (256, 256)}], ids=["memory", "patches", "chunks"])
@pytest.mark.parametrize("values", PLAIN.values(), ids=PLAIN)
def test_ordinary_pictures_have_none(values: np.ndarray, fields: dict[str, object]) -> None:
    assert marks(values, **fields) == set()


def test_what_is_declared_is_all_there_is() -> None:
    values = map_of(-9999, "i2")
    assert marks(values, attributes={"_FillValue": -5}) == set()
    assert marks(values, attributes={"_FillValue": 0}) == {-9999}, "zero is no mark"
    assert marks(values, attributes={"_FillValue": None}) == {-9999}, "nor is NaN, which JSON has as null"
    assert marks(values, attributes={"tiled_zarr": {"no_data": []}}) == set()
    assert marks(values, attributes={"tiled_zarr": {"is_label": True}}) == set()
    assert marks(np.stack([values] * 3, axis=-1)) == set(), "colours"


def test_marks_of_packed_numbers_are_found_among_the_unpacked() -> None:
    found = marks(map_of(-32768, "i2"), attributes={"scale_factor": 0.01, "add_offset": 273.15})
    assert found == {float(np.float32(-32768 * 0.01 + 273.15))}


def test_limits_are_those_of_the_valid_pixels() -> None:
    small = {name: values[180:280, 280:400] for name, (values, _) in MARKED.items() if name in {"Eiger, 32 bits", "Pilatus"}}
    for values in (*small.values(), map_of(-9999, "f4")[:250, :250]):
        is_valid = (values != 2**32 - 1) & (values >= 0)
        [window] = seen(values, chunks=values.shape).windows
        assert (window.start, window.end) == tuple(np.percentile(values[is_valid], (0.1, 99.9)))
        assert (window.least, window.largest) == (values[is_valid].min(), values[is_valid].max())


def test_limits_of_a_saturated_camera_are_those_of_the_other_pixels() -> None:
    values = detectors.camera(2e5, 2)[:256, :256]
    [window] = seen(values, chunks=values.shape).windows
    assert (window.start, window.end) == tuple(np.percentile(values[values < 65535], (0.1, 99.9)))
    assert window.largest == 65535


def test_limits_keep_to_the_valid_range() -> None:
    values = np.linspace(-50, 200, 200 * 200).reshape(200, 200).astype("f4")
    inside = values[(values >= 0) & (values <= 100)]
    for attributes in ({"valid_range": [0, 100]}, {"valid_min": 0, "valid_max": 100}, {"valid_range": [0, 1000], "scale_factor": 0.1}):
        stored = values / np.float32(0.1) if "scale_factor" in attributes else values
        [window] = seen(stored, chunks=values.shape, attributes=attributes).windows
        np.testing.assert_allclose((window.start, window.end), np.percentile(inside, (0.1, 99.9)), rtol=1e-4, atol=1e-3)
    [window] = seen(values, chunks=values.shape, attributes={"valid_range": [900, 1000]}).windows
    assert window.start < window.end < 201
