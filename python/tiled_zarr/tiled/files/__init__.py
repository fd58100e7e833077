"""What `tiled serve directory` lets one say about files, for `tiled-zarr serve directory`.

The module `registered` is imported by itself, since it needs Tiled's server.
"""

from .adapters import adapter, default_adapter
from .walkers import rule

__all__ = ["adapter", "default_adapter", "rule"]
