"""Packages that only some adapters need."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

from ...nodes import Damaged

REQUIREMENT = re.compile(r"""([^;]+);.*\bextra\s*==\s*["']([^"']+)["']""")
"""A requirement of an extra and the extra's name, as the installed package's metadata spell them.

https://packaging.python.org/en/latest/specifications/dependency-specifiers/
"""


def check_installed(module: str, extra: str) -> None:
    """Raise Damaged, saying what to install, if a module is missing. Does not import it."""
    if find_spec(module) is None:
        raise Damaged(f"the package {module!r} is not installed; {command(extra)}")


def require(module: str, extra: str) -> Any:
    """The module, imported now.

    Raises Damaged, saying what to install, if its package is missing.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise Damaged(f"the package {error.name!r} is not installed; {command(extra)}") from error


@lru_cache(maxsize=32)
def command(extra: str) -> str:
    """The command that installs what an extra of this package needs.

    It names the packages themselves: `pip install 'tiled-zarr[...]'` would fail in an installation
    from source as long as no index has tiled-zarr, and could replace that installation afterwards.

    >>> command("images")
    "pip install 'pillow>=11,<13'"
    """
    found = [match for line in metadata.requires("tiled-zarr") or () if (match := REQUIREMENT.match(line))]
    return shlex.join(["pip", "install", *(match[1].strip() for match in found if match[2] == extra)])
