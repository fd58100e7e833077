"""Client scripts, and the servers that they are run against."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clients import envs
from clients.compare import Report

HERE = Path(__file__).parent
KEY = "a-key-for-the-tests"
CLIENT_SECONDS = 380
CACHE = str(2**30)
SEED = 2026
SOURCES = os.pathsep.join(str(envs.ROOT / folder) for folder in ("python", "tests"))


@dataclass(frozen=True)
class Served:
    """A tree as `module:function`, and the API key that guards it.

    If clients should find another tree, that one is given too.
    """

    tree: str
    key: str = ""
    other: str = ""

    @property
    def truth(self) -> str:
        """The tree that clients are to find."""
        return self.other or self.tree


SERVED = {
    "demo": Served("tiled_zarr.demo:tree"),
    "locked demo": Served("tiled_zarr.demo:tree", KEY),
    "every_type": Served("clients.every_type:tree"),
    "locked types": Served("clients.every_type:tree", KEY),
    "every_codec": Served("clients.every_codec:tree"),
    "records": Served("clients.record_fields:tree", other="clients.record_fields:truth"),
    "bad_children": Served("clients.bad_children:tree"),
}


@dataclass(frozen=True)
class Client:
    """A script and the environment that it runs in."""

    environment: str
    script: str


CLIENTS = {
    "zarr 2.18": Client("zarr2", "read_zarr2.py"),
    "zarr 3.1": Client("zarr3", "read_zarr.py"),
    "zarr newest": Client("zarr-new", "read_zarr.py"),
    "dask": Client("zarr3", "read_dask.py"),
    "xarray": Client("zarr3", "read_xarray.py"),
    "tensorstore": Client("zarr3", "read_tensorstore.py"),
}


def both(*stores: str) -> tuple[str, ...]:
    """Readers over these stores in both formats."""
    return tuple(f"v{version} {store}" for version in (2, 3) for store in stores)


READERS = {
    ("zarr 2.18", "demo"): ("v2 mapper", "v2 tree"),
    ("zarr 2.18", "every_type"): ("v2 mapper", "v2 consolidated", "v2 tree"),
    ("zarr 2.18", "every_codec"): ("v2 consolidated",),
    ("zarr 2.18", "records"): ("v2 mapper", "v2 consolidated"),
    ("zarr 2.18", "locked types"): ("v2 header", "v2 path"),
    ("zarr 3.1", "demo"): both("mapper", "fsspec"),
    ("zarr 3.1", "every_type"): both("mapper", "fsspec", "listing", "obstore", "fsspec zarrs", "obstore zarrs"),
    ("zarr 3.1", "every_codec"): both("fsspec", "fsspec zarrs"),
    ("zarr 3.1", "records"): both("mapper", "fsspec", "listing", "fsspec zarrs"),
    ("zarr 3.1", "locked types"): both("header", "path", "path listing", "path obstore"),
    ("zarr newest", "demo"): both("fsspec"),
    ("zarr newest", "every_type"): both("mapper", "fsspec", "listing"),
    ("zarr newest", "every_codec"): both("fsspec"),
    ("zarr newest", "records"): both("mapper", "fsspec", "listing"),
    ("zarr newest", "locked types"): both("header", "path", "path listing"),
    ("dask", "demo"): ("v3 dask",),
    ("dask", "every_type"): both("dask"),
    ("dask", "locked types"): both("dask"),
    ("xarray", "demo"): both("xarray"),
    ("xarray", "every_type"): both("xarray"),
    ("xarray", "records"): both("xarray"),
    ("xarray", "locked types"): both("xarray"),
    ("tensorstore", "demo"): ("v3 tensorstore",),
    ("tensorstore", "every_type"): both("tensorstore"),
    ("tensorstore", "every_codec"): both("tensorstore"),
    ("tensorstore", "locked types"): both("tensorstore"),
}
"""By client and served tree: the stores and the formats in which it is read.

A script reads only those that it is asked for.
"""


def environment(name: str) -> dict[str, str]:
    """The environment of a server of `SERVED`."""
    served = SERVED[name]
    access = {"TILED_ZARR_API_KEY": served.key} if served.key else {"TILED_ZARR_PUBLIC": "1"}
    common = {"PYTHONPATH": SOURCES, "TILED_ZARR_ALLOW_ORIGINS": "*", "TILED_ZARR_CACHE_SIZE": CACHE}
    return {"TILED_ZARR_TREE": served.tree, **common, **access}


def read_all(client: str, served: str, url: str, truth: Path) -> dict[str, Report]:
    """Run a client's script over a served tree.

    `truth` is a folder that keeps the tree's larger blocks. Raises if the script's environment is
    missing or the script fails.
    """
    what, tree = CLIENTS[client], SERVED[served]
    readers = ",".join(READERS[client, served])
    printed = in_environment(what.environment, HERE / what.script, url, tree.truth, truth, readers, *([tree.key] if tree.key else []))
    report: dict[str, Report] = json.loads(printed.splitlines()[-1])
    return report


def in_environment(name: str, script: Path, *arguments: str | Path) -> str:
    """What a script prints in a client environment. Raises if either is missing or fails."""
    return run([envs.interpreter(name), script, *arguments], env=sources())


def sources() -> dict[str, str]:
    """The environment in which a script finds the package and the tests."""
    return {**os.environ, "PYTHONPATH": SOURCES, "PYTHONWARNINGS": "ignore"}


def run(command: list[str | Path], *, env: dict[str, str] | None = None, given: str = "") -> str:
    """What a command prints. Raises AssertionError with the end of its error output if it fails."""
    done = subprocess.run(command, env=env, input=given, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stderr[-4000:]}"
    return done.stdout


def node() -> str:
    """Node.js. Raises `envs.Missing` with how to get it."""
    found = shutil.which("node")
    if found is None:
        raise envs.Missing("Node.js 18 or newer is needed on PATH: apt-get install nodejs npm")
    if not (envs.ROOT / "node_modules" / "zarrita").is_dir():
        raise envs.Missing("the packages of package-lock.json are missing: run `npm ci`")
    return found
