"""Planes for tests: a layout, its pixels, and stores of it in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tiled_zarr.codecs import parse
from tiled_zarr.ome.pyramid.drafts import Draft
from tiled_zarr.ome.pyramid.layouts import Layout
from tiled_zarr.ome.pyramid.planes import Planes

CODEC = parse("blosc:lz4:5:shuffle")
LAYOUT = Layout(2, ((40, 60), (20, 30)), 16, np.dtype("<u2"))
SHARD = "3/c/0/0"
"""The key of a shard in a store of LAYOUT."""


def levels(layout: Layout = LAYOUT) -> list[np.ndarray]:
    """What is written to a plane in tests: all pixels differ."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 60_000, shape).astype(layout.dtype) for shape in layout.shapes]


def keep(planes: Planes, name: str, layout: Layout = LAYOUT) -> None:
    draft = planes.draft(name, layout, CODEC)
    assert draft is not None
    for number, values in enumerate(levels(layout)):
        draft.put(layout.first + number, 0, 0, values)
    seal(draft)
    planes.keep(name, draft)
    draft.drop()


def seal(draft: Draft) -> None:
    for row in draft.left():
        with draft.sealing(*row) as sealed:
            for tile in draft.layout.row(*row):
                sealed(tile)


def same(planes: Planes, name: str, layout: Layout = LAYOUT) -> list[bool]:
    """Of each tile that is kept, whether it is what was written."""
    found = []
    for tile in layout.tiles():
        block = planes.tile(name, layout, tile)
        if block is not None:
            top, left = tile.row * layout.tile, tile.column * layout.tile
            expected = levels(layout)[tile.level - layout.first][top : top + layout.tile, left : left + layout.tile]
            found.append(np.array_equal(block, expected))
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def parts(folder: Path) -> list[Path]:
    """All files of the stores in a folder: documents and shards."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def nbytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in parts(folder))
