"""The application with short deadlines for the HDF5 library: 2 seconds, or HURRY for reads."""

import os

from tiled_zarr.adapters.hdf5.library import LIBRARY, Library
from tiled_zarr.app import app

__all__ = ["app"]

LIBRARY.open_timeout = 2.0
LIBRARY.read_timeout = float(os.environ.get("HURRY", "2"))
Library.answer_within = lambda self, seconds: None  # type: ignore[method-assign] # the settings come later
