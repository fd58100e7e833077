"""What several workers cannot share, each of them a process of its own."""

from __future__ import annotations

from typing import Any

from ...settings import SettingsError

ONE = "serve it with one worker"


def check_shared(config: Any) -> None:
    """Raise SettingsError if the configuration keeps in memory what all workers must see.

    Tiled itself refuses a database of users in memory (`tiled serve config --scalable`).
    """
    if config.streaming_cache is not None and (config.streaming_cache.uri or "").startswith("memory"):
        raise SettingsError(f"streaming_cache: uri: memory is in one process alone, so other workers miss updates; give a Redis, or {ONE}")
    for tree in config.trees:
        if is_in_memory(tree):
            raise SettingsError(f"the catalog at {tree.path} is in memory, so each worker has one of its own; give it a file, or {ONE}")


def may_create(config: Any) -> bool:
    """True if a worker that starts may create a database; Tiled knows no other way than to look and to create."""
    asked = [(tree.args or {}).get("init_if_not_exists") for tree in config.trees]
    return any(asked) or bool(config.database is not None and config.database.init_if_not_exists)


def is_in_memory(tree: Any) -> bool:
    """True if a tree is a catalog whose database is in memory."""
    from tiled.catalog import from_uri, in_memory
    from tiled.server.connection_pool import is_memory_sqlite
    from tiled.utils import ensure_specified_sql_driver

    if tree.tree_type is in_memory:
        return True
    return tree.tree_type is from_uri and is_memory_sqlite(ensure_specified_sql_driver(tree.args["uri"]))
