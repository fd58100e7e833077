"""Python objects that a setting or an argument names as MODULE:NAME."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

from .settings import SettingsError


def found(spelling: str) -> object:
    """The object that `module:name` names; a callable is called, and its result returned.

    Raises SettingsError if there is no such object.
    """
    source = named(spelling)
    return source() if callable(source) else source


def named(spelling: str) -> object:
    """The object that `module:name` names. The current folder is searched as well.

    Raises SettingsError if there is no such object.
    """
    module_name, _, name = spelling.partition(":")
    if not module_name or not name:
        raise SettingsError(f"{spelling!r}: expected MODULE:NAME, like tiled.examples.generated:tree")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        source: object = reduce(getattr, name.split("."), importlib.import_module(module_name))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise SettingsError(f"{spelling}: there is no module {error.name!r} in {Path.cwd()} or among the installed ones") from error
    except AttributeError as error:
        raise SettingsError(f"{spelling}: {error}") from error
    return source


def called(found: Any, spelling: str) -> Callable[..., Any]:
    """The object that `spelling` names. Raises SettingsError if it cannot be called."""
    if not callable(found):
        raise SettingsError(f"{spelling} is a {type(found).__name__}, which cannot be called; give a function")
    function: Callable[..., Any] = found
    return function
