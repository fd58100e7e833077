"""A tree to look at: names, shapes and types of Tiled's demo, filled with one landscape; numpy alone, every part made on demand."""

from .catalog import tree

__all__ = ["tree"]
