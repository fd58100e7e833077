"""Sources to trees: an adapter turns an object or a file into a node."""

from .registry import adapt, file_adapter, followed, open_file, suffixes

__all__ = ["adapt", "file_adapter", "followed", "open_file", "suffixes"]
