"""References of kerchunk to an HDF5 file."""

from __future__ import annotations

import gc
import io
from typing import Any

from kerchunk.hdf import SingleHdf5ToZarr


def references(raw: bytes, url: str) -> dict[str, Any]:
    """What kerchunk writes of a file with these bytes at a URL.

    It holds h5py's lock while it waits for zarr-python's thread. If the garbage collector ran there
    and met an object of h5py, that thread would wait for the lock: so it does not run meanwhile.
    """
    gc.disable()
    try:
        found: dict[str, Any] = SingleHdf5ToZarr(io.BytesIO(raw), url, inline_threshold=0).translate()
    finally:
        gc.enable()
    return found
