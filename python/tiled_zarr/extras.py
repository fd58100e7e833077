"""What pip installs for the extras of this package, which not every installation has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from types import MappingProxyType

REQUIREMENT = re.compile(r"""(([\w.-]+)[^;]*);.*\bextra\s*==\s*["']([^"']+)["']""")
"""A requirement of an extra, its package, and the extra, as the installed metadata spell them.

https://packaging.python.org/en/latest/specifications/dependency-specifiers/
"""


def command(extra: str) -> str:
    """The command that installs what an extra of this package needs.

    It names the packages themselves: `pip install 'tiled-zarr[...]'` would fail in an installation
    from source as long as no index has tiled-zarr, and could replace that installation afterwards.

    >>> command("images")
    "pip install 'pillow>=11,<13'"
    """
    return shlex.join(["pip", "install", *_extras().get(extra, {}).values()])


def cure(module: str | None) -> str:
    """The command for a module that is missing, after "; ". Empty if no extra has its package.

    If several extras have it, takes the one with the fewest packages.

    >>> cure("pyarrow.parquet")
    "; pip install 'pandas>=2.2,<4' 'pyarrow>=17'"
    """
    package = (module or "").partition(".")[0]
    found = [extra for extra, needed in _extras().items() if package in needed]
    return f"; {command(min(found, key=lambda extra: len(_extras()[extra])))}" if found else ""


@lru_cache(maxsize=1)
def _extras() -> Mapping[str, Mapping[str, str]]:
    """The requirements of each extra by their packages."""
    found: dict[str, dict[str, str]] = {}
    for line in metadata.requires("tiled-zarr") or ():
        if match := REQUIREMENT.match(line):
            found.setdefault(match[3], {})[match[2]] = match[1].strip()
    return MappingProxyType(found)
