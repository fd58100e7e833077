"""A script that serves and does not stop its server ends without a word."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import numpy as np
import tiled_zarr

server = tiled_zarr.serve({"a": np.arange(6)})
print(server.zarr("a")[2:4])
"""


def test_a_script_ends_with_its_server() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2 3]\n", "")
