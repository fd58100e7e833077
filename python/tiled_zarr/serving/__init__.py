"""`tiled_zarr.serve`: a server in a thread of the calling process."""

from .handle import Handle, serve

__all__ = ["Handle", "serve"]
