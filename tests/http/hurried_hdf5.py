"""The application with short deadlines for the HDF5 library, whatever the settings say."""

from tiled_zarr.adapters.hdf5.library import LIBRARY, Library
from tiled_zarr.app import app

__all__ = ["app"]

LIBRARY.open_timeout = 2.0
LIBRARY.read_timeout = 2.0
Library.answer_within = lambda self, seconds: None  # type: ignore[method-assign] # the settings come later
