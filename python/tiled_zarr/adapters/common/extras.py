"""Packages that only some adapters need."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...extras import command
from ...nodes import Damaged


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
