"""Our application with other constants in http/work/native.py, set by the environment.

For example, BENCH_POOL="AHEAD=4 TURN=1048576" sets two of them.
"""

from __future__ import annotations

import os

from tiled_zarr.app import app
from tiled_zarr.http.work import native

__all__ = ["app"]

for setting in os.environ.get("BENCH_POOL", "").split():
    name, _, value = setting.partition("=")
    kind = type(getattr(native, name))
    setattr(native, name, kind(float(value)))
