"""Environments of the client tests.

    python tests/clients/envs.py          make all that are missing or stale
    python tests/clients/envs.py tiled    make one

`build/envs/<name>` is made from `requirements/<name>.txt`, and again when that file changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).parent / "requirements"
NAMES = tuple(sorted(file.stem for file in REQUIREMENTS.glob("*.txt")))
OLDEST_PYTHON = {"zarr-new": (3, 12), "listing": (3, 12), "virtual": (3, 12)}
"""Environments that need a newer Python than the package does; a machine may lack it.

The newest zarr, rasterio with GDAL 3.12, VirtualiZarr and icechunk need it.
"""


class Missing(Exception):
    """There is no such environment; the text says how to make it."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder, from a requirements file, on Python `oldest` or newer."""

    folder: Path
    requirements: Path
    oldest: tuple[int, int] = (3, 11)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def is_fresh(self) -> bool:
        return self._stamp.exists() and self._stamp.read_text() == self._digest()

    def base_python(self) -> str | None:
        """The Python to build on: this one if it is new enough, else the newest, or None."""
        if sys.version_info >= self.oldest:
            return sys.executable
        found = [(version, path) for path in _installed_pythons() if (version := _version(path)) >= self.oldest]
        return max(found)[1] if found else None

    def make(self) -> str:
        """Make or renew it, and print what was done. Raises CalledProcessError if pip fails."""
        if self.is_fresh:
            return f"{self.name}: up to date"
        base = self.base_python()
        if base is None:
            return f"{self.name}: LEFT OUT, it needs Python {'.'.join(map(str, self.oldest))} or newer and none is installed"
        subprocess.run([base, "-m", "venv", self.folder], check=True)
        install = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--upgrade", "pip"], check=True)
        subprocess.run([*install, "--requirement", self.requirements], check=True)
        self._stamp.write_text(self._digest())
        return f"{self.name}: made with {base}"

    @property
    def _stamp(self) -> Path:
        return self.folder / "requirements.sha256"

    def _digest(self) -> str:
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()


def interpreter(name: str) -> Path:
    """The Python of an environment that is there and up to date. Raises `Missing`."""
    environment = of(name)
    if not environment.is_fresh:
        raise Missing(f"the client environment {name!r} is missing or stale: run `make envs`")
    return environment.python


def of(name: str) -> Environment:
    """The environment of a client."""
    return Environment(ROOT / "build" / "envs" / name, REQUIREMENTS / f"{name}.txt", OLDEST_PYTHON.get(name, (3, 11)))


def base_python(name: str) -> str | None:
    """The interpreter that a client's environment is built on, if there is one."""
    return of(name).base_python()


def make(name: str) -> str:
    """Make or renew a client's environment and say in a line what was done."""
    return of(name).make()


def _installed_pythons() -> list[str]:
    on_path = [found for minor in range(12, 20) if (found := shutil.which(f"python3.{minor}"))]
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return on_path
    root = subprocess.run([pyenv, "root"], check=True, capture_output=True, text=True).stdout.strip()
    return on_path + [str(path) for path in Path(root).glob("versions/3.1*/bin/python")]


def _version(python: str) -> tuple[int, int]:
    """The version of a Python; (0, 0) if it does not start.

    pyenv puts shims on PATH also for versions that are not switched on.
    """
    script = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", script], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        return (0, 0)
    major, minor = done.stdout.split()
    return (int(major), int(minor))


def main(names: list[str]) -> None:
    """Make the named environments, two at a time, or all."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for line in pool.map(make, names or NAMES):
            print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
