"""Our application with an executor of the standard library in place of its threads for sources.

`BENCH_EXECUTOR` is the number of the executor's threads; with 0 our own threads stay. The executor
gives sources no shares and no deadlines, and does not notice clients that disconnect.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from tiled_zarr.app import app
from tiled_zarr.http.work.threads import Threads

__all__ = ["app"]

COUNT = int(os.environ["BENCH_EXECUTOR"])

if COUNT:
    executor = ThreadPoolExecutor(COUNT)
    Threads.submit = lambda _self, make, _find: asyncio.get_running_loop().run_in_executor(executor, make)
