import os
import subprocess
from pathlib import Path

import pytest

from clients.envs import interpreter

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PACKAGE = HERE.parents[2] / "python"


@pytest.mark.timeout(600)  # Tiled makes its demo tree and starts three servers
def test_every_node_equals_what_tileds_own_client_reads():
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run([interpreter("tiled"), HERE / "in_tiled.py"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all equal\n")
