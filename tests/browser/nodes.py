"""A tree with a node of each kind that the browse page shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiled_zarr import Array, Group, Table

RANDOM = np.random.default_rng(1)
TIME = np.linspace(0, 20, 5000)
SIGNAL = np.sin(TIME) * np.exp(-TIME / 9) + RANDOM.normal(size=TIME.size) * 0.03
ROWS = 1000
ENERGY = np.float64(12.6584)


def held(data: Any, **fields: Any) -> Array:
    """An array in memory."""
    block = np.asarray(data)
    return Array(shape=block.shape, dtype=block.dtype, read=block.__getitem__, blocking=False, revision=lambda: "r1", **fields)


def text(value: Any) -> Array:
    """Text of any length in memory."""
    block = np.array(value, dtype=object)
    return Array(shape=block.shape, dtype=block.dtype, read=lambda region: block[region], blocking=False, revision=lambda: "r1")


def failing(region: Any) -> Any:
    """A read of a broken disk."""
    raise OSError(5, "Input/output error")


def records() -> np.ndarray[Any, Any]:
    """Peaks with a name each."""
    made = np.zeros(20, [("x", "f4"), ("y", "f4"), ("name", "S8"), ("ok", "?")])
    made["x"], made["name"] = np.arange(20) / 3, b"peak"
    return made


def image() -> np.ndarray[Any, Any]:
    """A pattern with noise."""
    rows, columns = np.mgrid[:600, :800]
    pattern = (np.sin(columns / 40) * np.cos(rows / 30) + 1) * 20_000
    return (pattern + RANDOM.poisson(200, pattern.shape)).astype("u2")


def table() -> Group:
    """A table with columns of five types."""
    return Table(
        {
            "time": held(np.datetime64("2026-11-27T06:00:00", "s") + np.arange(ROWS)),
            "temperature": held(20 + RANDOM.normal(size=ROWS).cumsum() / 10, attributes={"units": "°C"}),
            "detector": text(["Eiger" if row % 2 else "Pilatus, with a longer name" for row in range(ROWS)]),
            "valid": held(np.arange(ROWS) % 3 == 0),
            "counts": held(RANDOM.poisson(1000, ROWS)),
        }
    )


def tree() -> Group:
    """The root."""
    return Group(
        children={
            "camera": held(image(), attributes={"units": "counts"}),
            "signal": held(SIGNAL, attributes={"units": "V"}),
            "scans": table(),
            "energy": held(ENERGY, attributes={"units": "keV"}),
            "started": held(np.datetime64("2026-11-27T06:12:45.123")),
            "title": text("Lysozyme, room temperature, second crystal"),
            "beam": held(np.array([12.5, 3.25, 0.5]), attributes={"units": "µm"}),
            "peaks": held(records()),
            "response": held(np.exp(1j * np.arange(40)).astype("c8")),
            "broken": Array(shape=(), dtype=np.dtype("f8"), read=failing),
            "many": Group(children={f"scan{number}": held(np.arange(5.0) + number) for number in range(1200)}),
            "empty": Group(children={}),
        },
        attributes={"beamline": "ID30", "proposal": {"number": 4711, "people": ["A", "B"]}},
        unavailable=lambda: {"ragged": "its rows differ in length"},
    )
