"""Zarr hierarchies on disk."""

from .open import open_zarr

__all__ = ["open_zarr"]
