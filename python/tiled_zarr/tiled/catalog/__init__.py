"""Catalogs: Tiled's databases of nodes, as trees. `node_of` makes one."""

from .adopted import adapt_catalog
from .nodes import node_of

__all__ = ["adapt_catalog", "node_of"]
