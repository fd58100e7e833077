"""Build the bundles of the pages that run scripts with Node; `python build_backend/viewer.py` does so from a shell.

It needs the standard library alone.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "viewer"
BUNDLE = ROOT / "python" / "tiled_zarr" / "http" / "static" / "viewer"
PAGES = ("viewer", "explore", "table")
FILES = tuple(f"{page}.{suffix}" for page in PAGES for suffix in ("css", "js", "txt"))
"""The style sheet and the script of each page, and the licences of what they contain."""
LOCK = SOURCES / "package-lock.json"
INSTALLED = SOURCES / "node_modules" / ".package-lock.json"
"""npm writes this file when it has installed what the lock file names."""
OLDEST_NODE = 18
"""The oldest that Vite 6 runs on."""
CURE = (
    f"Install Node {OLDEST_NODE} or newer with npm (Debian: apt-get install nodejs npm) and install again, or install a "
    "released wheel or source archive, which bring the viewer."
)


class Missing(Exception):
    """The viewer is not built and cannot be; the text says what to do."""


def build_if_stale() -> None:
    """Build the bundle unless it is newer than its sources.

    Raises Missing if there is no bundle and no Node to build it with. Ends the process if Node is
    there and fails: who has Node expects the viewer.
    """
    if is_fresh():
        return
    try:
        build()
    except Missing:
        if not is_whole():
            raise
        print("The viewer's sources are newer than its bundle, which is packaged as it is, since Node is missing.")


def build() -> None:
    """Install the packages that the lock file names, if need be, and build the bundle."""
    if not LOCK.is_file():
        raise Missing(f"The viewer's bundle is not in {BUNDLE}, and neither are its sources in {SOURCES}.")
    npm = shutil.which("npm")
    if npm is None or node_version() < OLDEST_NODE:
        raise Missing(f"npm was not found, or its Node is older than {OLDEST_NODE}. {CURE}")
    command = [npm, "--prefix", str(SOURCES)]
    try:
        if not INSTALLED.is_file() or INSTALLED.stat().st_mtime < LOCK.stat().st_mtime:
            subprocess.run([*command, "ci", "--no-audit", "--no-fund"], check=True, cwd=ROOT)
            INSTALLED.touch()
        subprocess.run([*command, "run", "build"], check=True, cwd=ROOT)
    except subprocess.CalledProcessError as error:
        without = "pip install . --config-settings viewer=no"
        raise SystemExit(f"The viewer could not be built: {error}. To install without it: {without}") from error


def node_version() -> int:
    """The major version of Node; 0 if there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    printed = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout  # v20.20.2
    major = printed.removeprefix("v").partition(".")[0]
    return int(major) if major.isdecimal() else 0


def is_whole() -> bool:
    """Whether the bundle has all its files."""
    return all((BUNDLE / name).is_file() for name in FILES)


def is_fresh() -> bool:
    """Whether the bundle is whole and newer than its sources, if these are here."""
    if not is_whole():
        return False
    newest = max((path.stat().st_mtime for path in sources()), default=0.0)
    return min((BUNDLE / name).stat().st_mtime for name in FILES) >= newest


def sources() -> list[Path]:
    """The files that the bundle is made from."""
    inner = (SOURCES / "src").rglob("*")
    return [path for path in [*SOURCES.glob("*.json"), *SOURCES.glob("*.ts"), *SOURCES.glob("*.mjs"), *inner] if path.is_file()]


if __name__ == "__main__":
    try:
        build()
    except Missing as why:
        raise SystemExit(str(why)) from why
