"""`tiled-zarr` that maps no file: BENCH_FILES is `kept`, as on macOS (open once), or `reopened`, as on Windows (for each read)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tiled_zarr.adapters.common import mapped
from tiled_zarr.cli.commands import main

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import unmapped

mapped._native = unmapped.WAYS[os.environ["BENCH_FILES"]]

if __name__ == "__main__":
    main()
