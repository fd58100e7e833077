"""A debug build says so when it is imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import _native"


@pytest.mark.timeout(600)
def test_a_debug_build_warns(tmp_path):
    subprocess.run(["cargo", "build", "--quiet", "--package", "tiled-zarr-py"], cwd=ROOT, check=True)
    (library,) = (
        ROOT / "target" / "debug" / name for name in ("lib_native.so", "lib_native.dylib") if (ROOT / "target" / "debug" / name).exists()
    )
    shutil.copy(library, tmp_path / "_native.abi3.so")
    result = subprocess.run([sys.executable, "-c", IMPORT, tmp_path], capture_output=True, text=True, check=True)
    assert "RuntimeWarning: tiled_zarr._native is a debug build" in result.stderr


def test_a_release_build_does_not_warn():
    result = subprocess.run([sys.executable, "-W", "error", "-c", "import tiled_zarr._native"], capture_output=True, text=True, check=True)
    assert result.stderr == ""
