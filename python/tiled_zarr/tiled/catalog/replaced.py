"""Files of SQLite that are replaced: a restored backup takes the name of the one that is open."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

from ...nodes import Busy

OF_FILE = "tiled_zarr.file"
"""Under this key a connection notes which file it has opened."""


def file_at(path: str) -> tuple[int, int]:
    """The device and the inode of the file at a path. Raises Busy if there is none now."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a string: asked for with every request
    except FileNotFoundError as error:
        raise Busy("the file of the database is not there now; restore it, or ask again later") from error
    return found.st_dev, found.st_ino


def follow(engine: Any, path: str) -> None:
    """Let an asynchronous engine open the file at a path anew when it is another one.

    Its pool drops each connection to the former file instead of handing it out.
    """

    def opens(_dialect: Any, record: Any, _arguments: Any, _named: Any) -> None:
        record.info[OF_FILE] = file_at(path)

    def hands_out(_connection: Any, record: Any, _proxy: Any) -> None:
        known = record.info.get(OF_FILE)
        if known is None:
            record.info[OF_FILE] = file_at(path)
        elif known != file_at(path):
            raise DisconnectionError("the file of the database was replaced")

    event.listen(engine.sync_engine, "do_connect", opens)
    event.listen(engine.sync_engine, "checkout", hands_out)
