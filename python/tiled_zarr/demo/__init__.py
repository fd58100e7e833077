"""The demo tree: names, shapes and types of Tiled's demo, filled with one computed landscape.

It needs numpy alone, and computes each part on demand.
"""

from .catalog import tree

__all__ = ["tree"]
