"""The command `tiled-zarr`."""

from .commands import main

__all__ = ["main"]
