"""zarr-http-server over a stored array, on disk, or in memory if BENCH_STORE is `memory`.

It sends the stored bytes and encodes nothing.
"""

from __future__ import annotations

import os

from zarr.core.buffer.cpu import Buffer
from zarr.storage import LocalStore, MemoryStore
from zarr_http_server import store_app

import _images
import _stores

folder = _stores.folder(_images.served())
if os.environ["BENCH_STORE"] == "memory":
    keys = {str(path.relative_to(folder)): Buffer.from_bytes(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    store = MemoryStore(keys, read_only=True)
else:
    store = LocalStore(folder, read_only=True)
app = store_app(store)
