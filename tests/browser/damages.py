"""A tree of empty and damaged nodes, in memory and as stored OME-Zarr images."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from browser.nodes import failing, held
from tiled_zarr import Array, Group, Table
from tiled_zarr.adapters import open_file

SHAPE = (60, 90)
DAMAGE = {
    "no rows": "",
    "no columns": "",
    "no planes": "",
    "not a number": "every value is NaN",
    "failing": "could not read",
    "stored/empty": "The image is empty: its shape is 0 \u00d7 60 \u00d7 90.",
    "stored/cut": "could not read",
    "stored/without a level": "",
}
"""Images, and what the page says of them; nothing if it has no picture of them, or one with gaps."""
TABLES = {"good and failing": "could not read", "without columns": "0 columns", "without rows": "0 rows", "uneven": "5 rows"}


def stored(path: Path, shape: tuple[int, ...]) -> Path:
    """An OME-Zarr image with two levels."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    datasets = []
    for number in range(2):
        values = np.arange(np.prod(shape), dtype="u2").reshape(shape)[..., :: 2**number, :: 2**number]
        group.create_array(f"{number}", data=values, chunks=(*[1] * (len(shape) - 2), 16, 16))
        scale = [*[1] * (len(shape) - 2), 2**number, 2**number]
        datasets.append({"path": f"{number}", "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    axes = [{"name": name, "type": "space"} for name in "zyx"[-len(shape) :]]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return path


def folder() -> Path:
    """Stored images: one without planes, one with a chunk that is cut, one that lacks a level."""
    root = Path(tempfile.mkdtemp(prefix="damages-"))
    stored(root / "empty", (0, *SHAPE))
    chunk = stored(root / "cut", SHAPE) / "0" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:7])
    shutil.rmtree(stored(root / "without a level", SHAPE) / "1")
    return root


def tree() -> Group:
    """The nodes of DAMAGE and TABLES."""
    bad: Any = Array(shape=SHAPE, dtype=np.dtype("f4"), read=failing)
    column = Array(shape=(50,), dtype=np.dtype("f4"), read=failing)
    root = folder()
    images = {
        "no rows": held(np.zeros((0, 9))),
        "no columns": held(np.zeros((9, 0))),
        "no planes": held(np.zeros((0, *SHAPE))),
        "not a number": held(np.full(SHAPE, np.nan)),
        "failing": bad,
        "stored": Group(children={path.name: open_file(path) for path in root.iterdir()}),
    }
    tables = {
        "good and failing": Table(children={"good": held(np.arange(50)), "bad": column}),
        "without columns": Table(children={}),
        "without rows": Table(children={"a": held(np.zeros(0))}),
        "uneven": Table(children={"a": held(np.arange(5)), "b": held(np.arange(9))}),
    }
    return Group(children={**images, **tables})
