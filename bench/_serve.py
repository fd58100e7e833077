"""Run an ASGI application as `tiled-zarr serve` runs ours, for those that are not ours.

python bench/_serve.py MODULE:NAME SERVER WORKERS PORT
"""

from __future__ import annotations

import importlib
import sys

from tiled_zarr.cli.servers import IN_PROCESS, RUNNERS, listen


def main(spelling: str, server: str, workers: int, port: int) -> None:
    """One worker of hypercorn or uvicorn is this process; all others import the application by its name."""
    module, _, name = spelling.partition(":")
    is_own_process = workers == 1 and server in IN_PROCESS
    served = getattr(importlib.import_module(module), name) if is_own_process else spelling
    RUNNERS[server](served, listen("127.0.0.1", port), workers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
