"""A folder of files as a group."""

from .open import open_directory

__all__ = ["open_directory"]
