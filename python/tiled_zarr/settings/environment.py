"""Reads settings from environment variables: TILED_ZARR_ and the setting's name in capitals."""

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
"""The variables, without prefix, that say which tree is served; at most one may be set."""
TILED_NAMES = MappingProxyType(
    {
        "allow_origins": "TILED_ALLOW_ORIGINS",
        "api_key": "TILED_SINGLE_USER_API_KEY",
        "public": "TILED_ALLOW_ANONYMOUS_ACCESS",
    }
)
"""Variables of Tiled that we also read; our own names win."""


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in the environment, which win over the file that TILED_ZARR_CONFIG names.

    Raises SettingsError if a value is not valid, or if more than one variable names a tree.
    """
    given = {name: environ[PREFIX + name] for name in TREES if environ.get(PREFIX + name)}
    if len(given) > 1:
        raise SettingsError(f"set only one of {', '.join(PREFIX + name for name in given)}: each says which tree is served")
    settings = files.read(Path(given["CONFIG"])) if "CONFIG" in given else Settings(trees=(mount_of(given),))
    return dataclasses.replace(settings, **with_one_key(dict(overrides(environ)), environ))


def mount_of(given: Mapping[str, str]) -> Mount:
    """The tree that the environment names, else the demo."""
    if "TREE" in given:
        return Mount(source="pyobject", target=given["TREE"])
    if "DIRECTORY" in given:
        return Mount(source="directory", target=given["DIRECTORY"])
    return DEMO[0]


def with_one_key(found: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Settings of which `api_key` and `api_key_file` replace each other in a file of settings.

    Raises SettingsError if the environment gives both by our names.
    """
    both = [PREFIX + name for name in ("API_KEY", "API_KEY_FILE")]
    if all(map(environ.get, both)):
        raise SettingsError(f"set only one of {', '.join(both)}")
    if "api_key_file" in found:
        return {**found, "api_key": None}
    return {**found, "api_key_file": None} if "api_key" in found else found


def overrides(environ: Mapping[str, str]) -> list[tuple[str, Any]]:
    """The settings that the environment gives; an empty variable counts as unset."""
    found = []
    for name, parse in PARSERS.items():
        for variable in (PREFIX + name.upper(), TILED_NAMES.get(name, "")):
            if environ.get(variable):
                found.append((name, parsed(variable, parse, environ[variable])))
                break
    return found
