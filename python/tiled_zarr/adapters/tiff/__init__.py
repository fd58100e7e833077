"""TIFF files, and sets of them, as arrays."""

from .open import open_tiff

__all__ = ["open_tiff"]
