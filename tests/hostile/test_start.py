"""Trees that cannot be served at all: a message at start, not a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import live
from hostile.serving import SMALL, paths

SECONDS = 60


@pytest.mark.parametrize("root", ["metadata_raises", "structure_raises"])
def test_a_root_that_cannot_be_made_is_a_message(root: str) -> None:
    """The exit code says that it failed, the text with what and not where in our code."""
    command = live.cli_command(("pyobject", f"hostile.objects:{root}"), "hypercorn", 1, live.free_port())
    env = live.environment({**SMALL, "PYTHONPATH": os.pathsep.join([str(Path(live.__file__).parent), *paths()])})
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode != 0
    assert "the detector is off" in done.stderr
    assert "Traceback" not in done.stderr
