"""Runs any ASGI application in the way that `tiled-zarr serve` runs ours.

python bench/_serve.py MODULE:NAME SERVER WORKERS PORT
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tiled_zarr.cli.servers import Limits, listen
from tiled_zarr.cli.supervisor import Crew, Supervisor
from tiled_zarr.cli.worker import Work
from tiled_zarr.settings import Settings


def application(spelling: str) -> Any:
    """The application with this import name; the worker imports it."""
    module, _, name = spelling.partition(":")
    return getattr(importlib.import_module(module), name)


def main(spelling: str, server: str, workers: int, port: int) -> int:
    """Run supervised workers with our limits; return the exit code."""
    settings, listener = Settings(), listen("127.0.0.1", port)
    work = Work(
        make=lambda: application(spelling),
        server=server,
        listener=listener,
        limits=Limits(connections=settings.connections, request_timeout=settings.request_timeout),
        shutdown_timeout=settings.shutdown_timeout,
    )
    crew = Crew(lambda _: work.run, seconds=settings.shutdown_timeout, handover=settings.request_timeout)
    return Supervisor(lambda: crew, workers, listener, print).run(lambda: None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
