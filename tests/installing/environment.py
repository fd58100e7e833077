"""A virtual environment that holds an installed tiled-zarr, and nothing of this checkout."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import live
import snippets


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *arguments: str | Path) -> str:
        """What its Python prints."""
        done = subprocess.run(
            [self.python, *arguments], check=True, cwd=self.folder, env=snippets.environment(), stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    @contextmanager
    def serving(self, *arguments: str | Path) -> Iterator[str]:
        """The address of `python -m tiled_zarr serve ARGUMENTS`."""
        port = live.free_port()
        command = [self.python, "-m", "tiled_zarr", "serve", *arguments, "--port", str(port)]
        with tempfile.TemporaryDirectory(prefix="installing-") as folder:
            log = Path(folder) / "server.log"
            with log.open("wb") as output:
                streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
                process = subprocess.Popen(command, cwd=folder, env=snippets.environment(), start_new_session=True, **streams)
            try:
                yield live.wait(process, port, log, live.START_SECONDS)
            finally:
                live.stop(process)
