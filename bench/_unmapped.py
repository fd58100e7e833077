"""`tiled-zarr` with files that are read where ours maps them: BENCH_FILES is `kept` (descriptors) or `opened` (anew for each read)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tiled_zarr.adapters.common import flat, mapped
from tiled_zarr.adapters.tiff import segments
from tiled_zarr.cli.commands import main

GAP = 4096
"""Bytes that cost as much to copy as another `pread`, about half a microsecond."""


def read(self: segments.Segments, dtype: np.dtype[Any], offset: int, nbytes: int, extent: Any) -> Any:
    """An uncompressed segment, copied."""
    sizes = tuple(part.stop - part.start for part in extent)
    stored = self.segment if self.is_tiled else sizes
    view = np.ndarray(stored, dtype, mapped.read_bytes(self.snapshot, offset, nbytes))
    return view if stored == sizes else view[tuple(map(slice, sizes))]


if os.environ["BENCH_FILES"] == "kept":
    flat.GAP = GAP
    flat.Pieces.are_small = property(lambda _: True)
    segments.Segments._view = read
else:
    mapped.Mappings.of = lambda *_: None

if __name__ == "__main__":
    main()
