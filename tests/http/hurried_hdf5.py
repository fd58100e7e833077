"""The application with short deadlines for the HDF5 library: 2 seconds, or HURRY for reads."""

import os

from tiled_zarr.app import app
from tiled_zarr.helpers.library import Library

__all__ = ["app"]


def hurry(self: Library, _: float) -> None:
    self.open_timeout = 2.0
    self.read_timeout = float(os.environ.get("HURRY", "2"))


Library.answer_within = hurry  # type: ignore[method-assign] # the settings come later
