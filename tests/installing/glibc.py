"""Hold wheels to the glibc that their names promise, as `make wheel` does.

    python tests/installing/glibc.py WHEEL...

https://peps.python.org/pep-0600/
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

Version = tuple[int, int]

PROMISED = re.compile(r"manylinux_(\d+)_(\d+)_")
NEEDED = re.compile(rb"GLIBC_(\d+)\.(\d+)")


def promised(wheel: Path) -> Version | None:
    """The oldest glibc on which a wheel runs by its name, None if it says nothing of it."""
    found = [(int(major), int(minor)) for major, minor in PROMISED.findall(wheel.name)]
    return min(found, default=None)


def needed(wheel: Path) -> Version:
    """The newest version of a symbol of glibc that a native module in a wheel refers to."""
    with zipfile.ZipFile(wheel) as archive:
        modules = [archive.read(name) for name in archive.namelist() if name.endswith(".so")]
    return max((int(major), int(minor)) for module in modules for major, minor in NEEDED.findall(module))


def fault(wheel: Path) -> str:
    """Why a wheel would not start where its name lets pip install it; empty if it would."""
    said, found = promised(wheel), needed(wheel)
    if said is None:
        return f"{wheel.name}: its name promises no version of glibc"
    return f"{wheel.name}: needs glibc {found[0]}.{found[1]}" if found > said else ""


def main(wheels: list[Path]) -> None:
    faults = [text for wheel in wheels if (text := fault(wheel))]
    if faults or not wheels:
        raise SystemExit("\n".join(faults) or "no wheel")
    for wheel in wheels:
        print(f"{wheel.name}: runs with glibc {'.'.join(map(str, needed(wheel)))} or newer")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
