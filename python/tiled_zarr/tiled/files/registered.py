"""A folder as walkers of Tiled register it: in a catalog of its own, which is then served.

A walker decides which files are one node, and writes that to a catalog by Tiled's client. So we do
what `tiled serve directory` does: make an empty catalog in a temporary folder, let a Tiled server in
this process register the folder in it, and serve the catalog. Files that come later are seen when
the server is started again, as with Tiled.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine
from tiled.alembic_utils import stamp_head
from tiled.catalog import from_uri
from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
from tiled.catalog.core import initialize_database
from tiled.client import Context, from_context
from tiled.client.register import register
from tiled.server.app import build_app
from tiled.utils import ensure_specified_sql_driver

from ...resources import Resources
from ..catalog import Served, open_catalog

FILE = "catalog.db"


def registered(folder: Path, options: Mapping[str, Any], adapters: Mapping[str, Any], resources: Resources | None = None) -> Served:
    """The catalog of a folder. Blocks until all its files are registered.

    `options` are those of a directory (settings/directories.py), and `adapters` the classes that its
    `adapter` names, by mimetype. Raises what a walker raises.
    """
    temporary = tempfile.mkdtemp(prefix="tiled-zarr-")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that Tiled's server uses
            uri = _made(f"sqlite:///{temporary}/{FILE}")
            _fill(uri, folder, options, adapters)
        served = open_catalog(uri, [str(folder)], resources, adapters=adapters)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise

    async def remove() -> None:
        shutil.rmtree(temporary, ignore_errors=True)

    return replace(served, shutdown_tasks=[*served.shutdown_tasks, remove])


def _made(uri: str) -> str:
    """The address of a new, empty catalog."""
    database = ensure_specified_sql_driver(uri)

    async def initialize() -> None:
        engine = create_async_engine(database)
        await initialize_database(engine)
        await engine.dispose()

    asyncio.run(initialize())
    stamp_head(ALEMBIC_INI_TEMPLATE_PATH, ALEMBIC_DIR, database)
    return uri


def _fill(uri: str, folder: Path, options: Mapping[str, Any], adapters: Mapping[str, Any]) -> None:
    """Register a folder in the catalog at an address."""
    catalog = from_uri(uri, readable_storage=[str(folder)], adapters_by_mimetype=dict(adapters))
    with Context.from_app(build_app(catalog)) as context:
        asyncio.run(
            register(
                from_context(context),
                folder,
                walkers=list(options["walker"]),
                adapters_by_mimetype=dict(adapters),
                mimetypes_by_file_ext=dict(options.get("ext", {})),
                mimetype_detection_hook=options.get("mimetype_hook"),
            )
        )
