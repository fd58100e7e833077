"""The source archive and the wheels that people install, and environments in which they are alone.

The archive becomes a wheel where Node fails, so Node can have built nothing in it. Cargo finds in
a copy of its folder what it has compiled before: it compiles only our own two crates anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import snippets
from installing.environment import Environment
from snippets import ROOT

NO_NODE = '#!/bin/sh\necho "$0 was called: $*" >&2\nexit 1\n'


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that is removed at the end, since it holds half a gigabyte."""
    made = tmp_path_factory.mktemp("installing")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def tools(folder: Path) -> dict[str, str]:
    """The variables of a build: a folder of its own for cargo, and one for what pip unpacks."""
    target = folder / "target"
    known = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    if known.is_dir():
        shutil.copytree(known, target / "release", symlinks=True)
    scratch = folder / "scratch"
    scratch.mkdir()
    return {**snippets.environment(), "CARGO_TARGET_DIR": str(target), "TMPDIR": str(scratch)}


@pytest.fixture(scope="session")
def archive(folder: Path, tools: dict[str, str]) -> Path:
    """The source archive of this checkout."""
    if shutil.which("npm", path=tools["PATH"]) is None:
        pytest.skip("nothing is installed from a source archive: npm is missing")
    return folder / "archive" / hooked("build_sdist", folder / "archive", tools)


@pytest.fixture(scope="session")
def wheel(folder: Path, tools: dict[str, str]) -> Path:
    """A wheel of this checkout, as pip makes it."""
    subprocess.run([*pip(sys.executable), "wheel", "--no-deps", "--wheel-dir", folder / "wheel", ROOT], check=True, env=tools)
    [made] = (folder / "wheel").glob("*.whl")
    return made


@pytest.fixture(scope="session", params=["archive", "wheel"])
def installed(request: pytest.FixtureRequest, folder: Path, tools: dict[str, str]) -> Environment:
    """An environment that pip has filled from an archive or a wheel, without a working Node."""
    artifact: Path = request.getfixturevalue(request.param)
    traps = folder / "traps"
    traps.mkdir(exist_ok=True)
    for name in ("node", "npm", "npx"):
        (traps / name).write_text(NO_NODE)
        (traps / name).chmod(0o755)
    made = Environment(folder / f"from-{request.param}")
    subprocess.run([sys.executable, "-m", "venv", made.folder], check=True)
    path = os.pathsep.join([str(traps), tools["PATH"]])
    subprocess.run([*pip(made.python), "install", artifact], check=True, env=tools | {"PATH": path})
    return made


def hooked(hook: str, folder: Path, tools: dict[str, str]) -> str:
    """What a hook of the build backend returns; it runs in its own process, as under a frontend."""
    script = "import sys, build_backend; print(getattr(build_backend, sys.argv[1])(sys.argv[2]))"
    command = [sys.executable, "-c", script, hook, str(folder)]
    printed = subprocess.run(command, check=True, cwd=ROOT, env=tools, stdout=subprocess.PIPE, text=True).stdout
    return printed.splitlines()[-1]


def pip(python: str | Path) -> list[str]:
    return [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
