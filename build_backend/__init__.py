"""Build the package with maturin, after the viewer and the licences are in place.

The hooks of PEP 517 and PEP 660, for pip and `python -m build`. A source archive always carries the
viewer's bundle, so a wheel that is made from it needs no Node. A wheel that is made from a checkout
has the viewer if Node is installed; `pip install . --config-settings viewer=no` leaves it out.

`maturin develop` and `maturin build` do not pass here: they package what is there.

https://peps.python.org/pep-0517/
https://peps.python.org/pep-0660/
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TypeAlias

import maturin
from maturin import get_requires_for_build_sdist

from . import licences, viewer

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

os.environ["MATURIN_NO_MISSING_BUILD_BACKEND_WARNING"] = "1"  # pip comes to maturin through this module

Settings: TypeAlias = Mapping[str, str | list[str]] | None
"""What follows `--config-settings`: `viewer=no`, and `build-args=...` for maturin."""


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Make the source archive; its name comes back. Ends the process if the viewer cannot be built."""
    try:
        viewer.build_if_stale()
    except viewer.Missing as why:
        raise SystemExit(f"A source archive carries the viewer's bundle. {why}") from why
    licences.write_npm()
    licences.remove_crates()  # the archive has none
    return maturin.build_sdist(sdist_directory, config_settings)


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Make the wheel; its name comes back."""
    prepare(config_settings)
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Make a wheel that leads to the sources in this folder; its name comes back."""
    prepare(config_settings)
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write the wheel's metadata, which list the licences."""
    prepare(config_settings)
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What a build needs beside maturin: zig, if maturin shall link with it."""
    needs_zig = "--zig" in maturin.get_maturin_pep517_args(config_settings)
    return [*maturin.get_requires_for_build_wheel(config_settings), *(["ziglang>=0.13"] if needs_zig else [])]


def prepare(settings: Settings) -> None:
    """Put in place what maturin packages: the viewer, and the licences of what others wrote."""
    try:
        if (settings or {}).get("viewer") != "no":
            viewer.build_if_stale()
    except viewer.Missing as why:
        print(f"WARNING: this installation will have no viewer page (/view/ answers 501). {why}", file=sys.stderr)
    licences.write_npm()
    licences.write_crates()


get_requires_for_build_editable = get_requires_for_build_wheel
prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
