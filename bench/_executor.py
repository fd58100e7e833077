"""The application of the environment, with an executor of the standard library in place of its threads for sources.

`BENCH_EXECUTOR` says how many threads the executor has; 0 leaves our own. The executor has no shares, no deadlines, and no clients that
have gone.
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
