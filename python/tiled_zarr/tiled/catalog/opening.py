"""Opens a catalog by the address of its database, to read it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from tiled.alembic_utils import DatabaseUpgradeNeeded, UninitializedDatabase, UnrecognizedDatabase
from tiled.catalog import from_uri
from tiled.catalog.core import check_catalog_database
from tiled.server.connection_pool import is_memory_sqlite
from tiled.utils import ensure_specified_sql_driver

from ...nodes import Busy, Group, Node
from ...resources import Resources
from . import ours
from .engines import reading, with_engine
from .homes import Apart
from .nodes import Members, node_of

EXPECTED = "expected sqlite:///PATH or postgresql://USER@HOST/NAME"
DATABASES = frozenset({"sqlite", "postgresql"})
Place = str | Mapping[str, Any]
"""A folder, the address of a database, or what Tiled's configuration says of an object store."""


class CannotOpen(Exception):
    """A catalog cannot be served. The text is a sentence that says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A catalog that is served: its root, and what to do when the server ends."""

    node: Group
    shutdown_tasks: Sequence[Callable[[], Awaitable[Any]]]


def open_catalog(
    uri: str, places: Sequence[Place] = (), resources: Resources | None = None, *, adapters: Mapping[str, Any] | None = None
) -> Served:
    """The root of a catalog, whose files may lie in the `places`.

    `adapters` are classes by mimetype, beside Tiled's own. Nothing is ever written to the database. Blocks; raises CannotOpen.
    """
    url = _url(uri)
    home = None
    try:
        adapter = from_uri(
            url.render_as_string(hide_password=False),
            readable_storage=[_place(place) for place in places],
            adapters_by_mimetype=dict(adapters or {}),
        )
        engine = reading(adapter.context.engine)
        home = Apart(engine.dispose)
        home(check_catalog_database(engine))
        root = _begun(node_of(with_engine(adapter, engine), home, resources))
    except Exception as error:
        if home is not None:
            home.close()
        if isinstance(error, CannotOpen):
            raise
        raise CannotOpen(_why(error, url)) from error

    async def close() -> None:
        home.close()

    return Served(root, [close])


def _begun(root: Node) -> Group:
    """The root, after what the first request would take longer for.

    That is to open a connection, to compile the questions, and to import our adapters.
    """
    assert isinstance(root, Group)
    assert isinstance(root.children, Members)
    root.children.begin()
    ours.load()
    return root


def _url(uri: str) -> URL:
    """The address of a database that exists if it is a file. Raises CannotOpen."""
    try:
        url = make_url(ensure_specified_sql_driver(uri))
        dialect = url.get_dialect().name
    except (ArgumentError, ValueError, ModuleNotFoundError) as error:
        raise CannotOpen(f"{uri!r} is no address of a catalog: {EXPECTED}") from error
    if dialect not in DATABASES or is_memory_sqlite(url):
        raise CannotOpen(f"{shown(url)} is no address of a catalog: {EXPECTED}")
    if dialect == "sqlite" and not Path(url.database or "").is_file():
        raise CannotOpen(f"there is no catalog {url.database}: check the path, or create one with: tiled catalog init {shown(url)}")
    return url


def shown(url: URL) -> str:
    """An address as people write it, without its password."""
    plain = url.set(drivername=url.get_backend_name())
    return plain.render_as_string(hide_password=True)


def _place(place: Place) -> Any:
    """A place that may be read, as Tiled takes it. Raises CannotOpen if it is no folder."""
    if isinstance(place, Mapping):
        return dict(place)
    if "://" not in place and not Path(place).is_dir():
        raise CannotOpen(f"{place} is no folder; give with --read the folders in which the files of the catalog are")
    return place if "://" in place else os.path.abspath(place)  # noqa: PTH100 - without dots, as Tiled compares it


def _why(error: Exception, url: URL) -> str:
    """Why a catalog cannot be opened, and what to do."""
    name = shown(url)
    match error:
        case Busy():
            return f"the catalog {name} cannot be opened now: {error}"
        case UninitializedDatabase():
            return f"there is no catalog in the database {name}: create one with: tiled catalog init {name}"
        case DatabaseUpgradeNeeded():
            return (
                f"the catalog {name} was written by an older Tiled: make a copy of the database, "
                f"then run: tiled catalog upgrade-database {name}"
            )
        case UnrecognizedDatabase():
            return f"the database {name} belongs to a newer Tiled or to another program: install the Tiled that wrote it"
        case _ if url.get_backend_name() == "postgresql":
            return f"the database {name} cannot be reached: {_said(error)}; check host, name, user and password, and that it runs"
        case DBAPIError():
            return f"{name} cannot be read as a catalog: {_said(error)}; check the path, and that the file may be read"
        case _:
            return f"the catalog {name} cannot be opened: {type(error).__name__}: {error}"


def _said(error: Exception) -> str:
    """What the driver of a database says, on one line."""
    return " ".join(str(getattr(error, "orig", error)).split())
