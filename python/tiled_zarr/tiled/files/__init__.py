"""What `tiled serve directory` lets one say about files, for `tiled-zarr serve directory`."""

from .adapters import adapter, default_adapter
from .walkers import rule

__all__ = ["adapter", "default_adapter", "rule"]
