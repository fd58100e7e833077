"""Connections of our own to the database of a catalog, which can only read."""

from __future__ import annotations

import copy
import os
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from tiled.server.connection_pool import is_memory_sqlite, json_serializer

from .locks import PATIENCE
from .stamps import file_of

POOL = 5
"""Connections that are kept; twice as many may be open."""
READING = MappingProxyType({"plan_cache_mode": "force_custom_plan", "default_transaction_read_only": "on"})
"""Settings of a PostgreSQL session: the first as Tiled has it, the second refuses to write."""


def reading(engine: AsyncEngine) -> AsyncEngine:
    """An engine for the same database that only reads. One in memory has no other than its own."""
    if is_memory_sqlite(engine.url):
        return engine
    file = file_of(engine)
    return for_url(engine.url) if file is None else for_file(file)


def for_file(path: str) -> AsyncEngine:
    """An engine that reads an SQLite file, which has to exist."""
    url = URL.create("sqlite+aiosqlite", database=f"file:{quote(os.path.abspath(path))}", query={"mode": "ro", "uri": "true"})  # noqa: PTH100
    return create_async_engine(
        url,
        json_serializer=json_serializer,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=POOL,
        max_overflow=POOL,
        connect_args={"timeout": PATIENCE},
    )


def for_url(url: URL) -> AsyncEngine:
    """An engine that reads a PostgreSQL database."""
    return create_async_engine(
        url,
        json_serializer=json_serializer,
        pool_size=POOL,
        max_overflow=POOL,
        pool_pre_ping=True,
        connect_args={"server_settings": dict(READING)},
    )


def with_engine(adapter: Any, engine: AsyncEngine) -> Any:
    """A copy of an adapter of a catalog that asks another engine for the same database."""
    context = copy.copy(adapter.context)
    context.engine = engine
    ours = copy.copy(adapter)
    ours.context = context
    return ours
