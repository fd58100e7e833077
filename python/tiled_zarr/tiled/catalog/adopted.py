"""Catalogs that are met in a tree: as a Python object, in a mapping or below a MapAdapter.

Whoever made the catalog may use its engine in a loop of theirs. So ours has connections and a loop
of its own; a database in memory alone has one connection, which is shared.
"""

from __future__ import annotations

from typing import Any

from tiled.server.connection_pool import is_memory_sqlite

from ...nodes import Node
from ...resources import Resources
from .engines import reading, with_engine
from .homes import Apart
from .nodes import node_of


def adapt_catalog(adapter: Any, resources: Resources | None = None) -> Node:
    """The node of an adapter of Tiled's catalog. Blocks; raises what the database raises."""
    engine = adapter.context.engine
    if is_memory_sqlite(engine.url):
        home = Apart()
        home(adapter.context.startup())
        return node_of(adapter, home, resources)
    own = reading(engine)
    return node_of(with_engine(adapter, own), Apart(own.dispose), resources)
