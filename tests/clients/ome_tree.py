"""Images of every kind for clients of OME-NGFF: `tree()`, and what their levels hold."""

from __future__ import annotations

import numpy as np

from tiled_zarr.nodes import Array, Group, Region

SEED = 2026
COLOURS = [{"label": "DAPI", "color": "0000FF"}, {"label": "GFP", "color": "00FF00"}]


def pictures() -> dict[str, np.ndarray]:
    """The pixels of each image, in the order in which the source has its axes."""
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[:1100, :1300]
    missing = np.hypot(y - 550, x - 650).astype("f8")
    missing[400:600, 500:900] = np.nan
    return {
        "plain": ((y * 7 + x * 3) % 65536).astype("u2"),
        "big_endian": (y * x % 30000).astype(">i4"),
        "missing": missing,
        "mask": (y + x) % 700 < 300,
        "labels": (y // 90 * 20 + x // 70).astype("u4"),
        "photograph": rng.integers(0, 255, (600, 700, 3)).astype("u1"),
        "stack": rng.integers(0, 4000, (2, 3, 4, 300, 600)).astype("u2"),
        "waves": np.exp(1j * (y[:300, :400] + x[:300, :400]) / 30),
        "climate": np.where(np.hypot(y - 200, x - 650) < 300, -9999, y - x).astype("i2"),
        "tiny": np.arange(6).reshape(2, 3).astype("i8"),
    }


NAMES = {"stack": ("t", "c", "z", "y", "x"), "climate": ("lat", "lon")}
MARKS = {"climate": {"_FillValue": -9999}}
HINTS = {
    "plain": {"scale": {"y": 0.5, "x": 0.25}, "units": {"y": "micrometer", "x": "micrometer"}, "labels": ["labels"]},
    "labels": {"is_label": True},
    "stack": {"channels": COLOURS, "scale": {"z": 2.0}},
    "climate": {"scale": {"y": 0.1, "x": 0.1}},
}


def tree() -> Group:
    """All images in one group, and the latitudes of one of them, which ascend."""
    latitudes = node("lat", np.linspace(-55, 54.9, 1100))
    return Group(children={"lat": latitudes, **{name: node(name, values) for name, values in pictures().items()}}, blocking=True)


def node(name: str, values: np.ndarray) -> Array:
    def read(region: Region) -> np.ndarray:
        return values[region]

    hints = {**({"tiled_zarr": HINTS[name]} if name in HINTS else {}), **MARKS.get(name, {})}
    return Array(
        shape=values.shape, dtype=values.dtype, read=read, dimension_names=NAMES.get(name), attributes=hints, revision=lambda: "ome-tree-1"
    )


def shown(name: str, values: np.ndarray) -> np.ndarray:
    """The pixels as they are to be displayed."""
    match name:
        case "mask":
            return values.astype("u1")
        case "photograph":
            return np.moveaxis(values, 2, 0)
        case "climate":
            return np.flipud(np.where(values == -9999, np.nan, values).astype("f4"))
        case "waves":
            return np.stack([np.abs(values), np.angle(values)]).astype("f4")
    return values.astype("f4") if values.dtype.itemsize == 8 else values


def halved(values: np.ndarray, *, is_label: bool) -> np.ndarray:
    """An image with half the rows and columns.

    Each pixel is the mean of those that exist, rounded half up, or the most frequent value; of
    equally frequent values the smallest.
    """
    pad = [(0, 0)] * (values.ndim - 2) + [(0, size % 2) for size in values.shape[-2:]]
    padded = np.pad(values, pad, mode="edge")  # a pixel that counts twice among two changes neither
    four = np.stack([padded[..., down::2, aside::2] for down in (0, 1) for aside in (0, 1)])
    if is_label:
        counts = (four[:, None] == four[None, :]).sum(1)
        return np.where(counts == counts.max(0), four, four.max()).min(0).astype(values.dtype)
    if values.dtype.kind in "iu":
        return ((four.astype("i8").sum(0) + 2) >> 2).astype(values.dtype)
    numbers = (~np.isnan(four)).sum(0)
    with np.errstate(invalid="ignore"):
        return (np.where(np.isnan(four), 0, four).astype("f8").sum(0) / numbers).astype(values.dtype)


def levels(name: str) -> list[np.ndarray]:
    """What every level is to hold, down to one tile of 512 pixels."""
    made = [shown(name, pictures()[name])]
    while max(made[-1].shape[-2:]) > 512:
        made.append(halved(made[-1], is_label=name == "labels"))
    return made
