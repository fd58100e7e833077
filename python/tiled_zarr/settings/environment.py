"""Settings out of environment variables, each TILED_ZARR_ and the setting's name in capitals."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import files
from .values import DEMO, PARSERS, Mount, Settings, SettingsError, parsed

PREFIX = "TILED_ZARR_"
TREES = ("TREE", "DIRECTORY", "CONFIG")
"""The variables that say which tree is served; at most one of them may be set."""
TILED_NAMES = MappingProxyType({"allow_origins": "TILED_ALLOW_ORIGINS", "api_key": "TILED_SINGLE_USER_API_KEY"})
"""What a Tiled user may have set already; our own names win."""


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """What the environment says, over what the file named by TILED_ZARR_CONFIG says. Raises SettingsError."""
    given = {name: environ[PREFIX + name] for name in TREES if environ.get(PREFIX + name)}
    if len(given) > 1:
        raise SettingsError(f"set only one of {', '.join(PREFIX + name for name in given)}: each says which tree is served")
    settings = files.read(Path(given["CONFIG"])) if "CONFIG" in given else Settings(trees=(mount_of(given),))
    return dataclasses.replace(settings, **dict(overrides(environ)))


def mount_of(given: Mapping[str, str]) -> Mount:
    """The one tree that the environment names, else the demo."""
    if "TREE" in given:
        return Mount(source="pyobject", target=given["TREE"])
    if "DIRECTORY" in given:
        return Mount(source="directory", target=given["DIRECTORY"])
    return DEMO[0]


def overrides(environ: Mapping[str, str]) -> list[tuple[str, Any]]:
    """The settings that the environment gives; an empty variable gives nothing."""
    found = []
    for name, parse in PARSERS.items():
        for variable in (PREFIX + name.upper(), TILED_NAMES.get(name, "")):
            if environ.get(variable):
                found.append((name, parsed(variable, parse, environ[variable])))
                break
    return found
