"""Serve any tree of scientific data as Zarr v2 and v3 over HTTP, every chunk computed on demand."""

from importlib.metadata import PackageNotFoundError, version

from .nodes import Array, Group, Node, Sparse, Table, Unavailable

try:
    __version__ = version("tiled-zarr")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["Array", "Group", "Node", "Sparse", "Table", "Unavailable", "__version__"]
