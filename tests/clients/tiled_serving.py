"""A server in the environment that has Tiled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import live
from clients import envs, running

SEEDED_CLI = f"""
import os, random
os.register_at_fork(after_in_child=lambda: random.seed({running.SEED}))  # Python seeds anew in a worker, which makes the tree
from tiled_zarr.cli import main
main()
"""
START_SECONDS = 120


@contextmanager
def serving(tree: str, folder: Path, extra: Mapping[str, str | os.PathLike[str]] | None = None) -> Iterator[live.Live]:
    """Serve a Python object by command in the environment with Tiled; `folder` gets its log."""
    port = live.free_port()
    command = [envs.interpreter("tiled"), "-c", SEEDED_CLI, "serve", "pyobject", tree, "--public", "--port", str(port)]
    log = folder / "server.log"
    env = live.environment({"PYTHONPATH": running.SOURCES, **(extra or {})})
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True)
    try:
        yield live.Live(live.wait(process, port, log, START_SECONDS), process.pid, log, process)
    finally:
        live.stop(process)
