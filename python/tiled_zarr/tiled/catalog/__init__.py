"""Catalogs: Tiled's databases of nodes, as trees.

`node_of` makes the node of an adapter, `open_catalog` that of the database at an address.
"""

from .adopted import adapt_catalog
from .homes import Home, Within
from .nodes import node_of
from .opening import CannotOpen, Served, open_catalog

__all__ = ["CannotOpen", "Home", "Served", "Within", "adapt_catalog", "node_of", "open_catalog"]
