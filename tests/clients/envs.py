"""Environments of the client tests: `build/envs/<name>` is made from `requirements/<name>.txt`, and again when that file changes.

python tests/clients/envs.py          make all that are missing or stale
python tests/clients/envs.py tiled    make one
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).parent / "requirements"
NAMES = tuple(sorted(file.stem for file in REQUIREMENTS.glob("*.txt")))
OLDEST_PYTHON = {"zarr-new": (3, 12)}
"""The newest zarr needs a newer Python than the package does: the one environment that a machine may lack."""


class Missing(Exception):
    """There is no such environment; the text says how to make it."""


def interpreter(name: str) -> Path:
    """The Python of an environment that is there and up to date. Raises `Missing`."""
    if not _is_fresh(name):
        raise Missing(f"the client environment {name!r} is missing or stale: run `make envs`")
    return _folder(name) / "bin" / "python"


def base_python(name: str) -> str | None:
    """The interpreter to build on: the running one where it will do, else the newest that is installed, else None."""
    oldest = OLDEST_PYTHON.get(name, (3, 11))
    if sys.version_info >= oldest:
        return sys.executable
    found = [(version, path) for path in _installed_pythons() if (version := _version(path)) >= oldest]
    return max(found)[1] if found else None


def make(name: str) -> str:
    """Make or renew one environment and say in a line what was done. Raises CalledProcessError where pip fails."""
    if _is_fresh(name):
        return f"{name}: up to date"
    base = base_python(name)
    if base is None:
        return f"{name}: LEFT OUT, it needs Python {'.'.join(map(str, OLDEST_PYTHON[name]))} or newer and none is installed"
    folder = _folder(name)
    python = folder / "bin" / "python"
    subprocess.run([base, "-m", "venv", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--upgrade", "pip"], check=True)
    subprocess.run([*install, "--requirement", _requirements(name)], check=True)
    _stamp(name).write_text(_digest(name))
    return f"{name}: made with {base}"


def _folder(name: str) -> Path:
    return ROOT / "build" / "envs" / name


def _requirements(name: str) -> Path:
    return REQUIREMENTS / f"{name}.txt"


def _stamp(name: str) -> Path:
    return _folder(name) / "requirements.sha256"


def _digest(name: str) -> str:
    return hashlib.sha256(_requirements(name).read_bytes()).hexdigest()


def _is_fresh(name: str) -> bool:
    stamp = _stamp(name)
    return stamp.exists() and stamp.read_text() == _digest(name)


def _installed_pythons() -> list[str]:
    on_path = [found for minor in range(12, 20) if (found := shutil.which(f"python3.{minor}"))]
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return on_path
    root = subprocess.run([pyenv, "root"], check=True, capture_output=True, text=True).stdout.strip()
    return on_path + [str(path) for path in Path(root).glob("versions/3.1*/bin/python")]


def _version(python: str) -> tuple[int, int]:
    """Its version, (0, 0) where it does not start: pyenv's shims stand on PATH for versions that are not switched on."""
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
