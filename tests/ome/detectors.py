"""Frames of detectors and cameras, and maps, as instruments and files have them."""

from __future__ import annotations

import numpy as np

GAP = (range(195, 212), range(300, 307))
"""Rows and columns without pixels."""


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Values blurred by a Gaussian."""
    kernel = np.exp(-0.5 * (np.arange(-4 * width, 4 * width + 1) / width) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        values = np.apply_along_axis(lambda line: np.convolve(line, kernel, "same"), axis, values)
    return values


def counts(shape: tuple[int, int] = (400, 520), seed: int = 1) -> np.ndarray:
    """Scattered X-rays: a halo around the beam and some Bragg peaks."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    rate = 2 + 50 * np.exp(-np.hypot(y - shape[0] / 2, x - shape[1] / 2) / 40)
    peaks = np.zeros(shape)
    peaks[random.integers(0, shape[0], 4), random.integers(0, shape[1], 4)] = random.exponential(5e4, 4)
    return random.poisson(rate + smooth(peaks, 1)).astype("f8")


def with_gaps(values: np.ndarray, mark: int, dtype: str) -> np.ndarray:
    """A frame of two by two modules, with a mark where there are none."""
    out = np.minimum(values, np.iinfo(dtype).max - 2).astype(dtype)
    out[GAP[0].start : GAP[0].stop] = mark
    out[:, GAP[1].start : GAP[1].stop] = mark
    return out


def eiger(dtype: str = "u4") -> np.ndarray:
    """Gaps hold the largest integer."""
    return with_gaps(counts(), np.iinfo(dtype).max, dtype)


def pilatus() -> np.ndarray:
    """Gaps hold -1, some bad pixels -2."""
    out = with_gaps(counts(), -1, "i4")
    out[10:60:7, 100] = -2
    return out


def camera(brightness: float, blur: float, count: int = 8) -> np.ndarray:
    """Bright beads, saturated at 65535."""
    random = np.random.default_rng(5)
    scene = np.zeros((500, 600))
    y, x = np.mgrid[:500, :600]
    for row, column in random.integers(0, 500, (count, 2)):
        scene[np.hypot(y - row, x - column) < 25] = brightness
    return np.minimum(random.poisson(smooth(scene, blur) + 300), 65535).astype("u2")


def heights() -> np.ndarray:
    """Mountains of up to 4,000 m."""
    y, x = np.mgrid[:400, :520] / 100
    return 2000 + 1200 * np.sin(x + y / 3) * np.cos(y) + 800 * np.sin(x * 2)


def sea() -> np.ndarray:
    """Where there is no height."""
    y, x = np.mgrid[:400, :520] / 100
    return np.hypot(y - 2, x - 2.6) > 1.8


def map_of(mark: float, dtype: str) -> np.ndarray:
    """Heights with a mark in the sea."""
    return np.where(sea(), np.array(mark, dtype), heights().astype(dtype))


def drawn(values: np.ndarray, is_valid: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 between the percentiles of the valid ones, 0 where they are not valid."""
    low, high = np.percentile(values[is_valid], (0.1, 99.9))
    return np.where(is_valid, np.clip((values - low) / (high - low), 0, 1), 0)


def is_pixel() -> np.ndarray:
    """Where there is no gap."""
    out = np.ones((400, 520), bool)
    out[GAP[0].start : GAP[0].stop] = False
    out[:, GAP[1].start : GAP[1].stop] = False
    return out


DRAWN = {
    "eiger": lambda: drawn(counts(), is_pixel()),
    "map": lambda: drawn(heights(), ~sea()),
    "map16": lambda: drawn(heights(), ~sea()),
}
"""What viewers are to draw of the gallery's images."""
