"""Reads settings from options, from environment variables and from a file.

The variable of a setting is TILED_ZARR_ and its name in capitals. Its option is `--` and its name
with hyphens. An option wins over a variable, which wins over the file.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import arguments, files
from .declarations import SettingsError, nearest, parsed
from .directories import DIRECTORY
from .mounts import DEMO, Mount
from .values import SETTINGS, Settings

PREFIX = "TILED_ZARR_"
TREES = ("TREE", "DIRECTORY", "TILED", "CONFIG")
"""The variables, without prefix, that say which tree is served; at most one may be set."""
TILED_NAMES = MappingProxyType(
    {
        "allow_origins": "TILED_ALLOW_ORIGINS",
        "api_key": "TILED_SINGLE_USER_API_KEY",
        "public": "TILED_ALLOW_ANONYMOUS_ACCESS",
    }
)
"""Variables of Tiled that we also read; our own names win."""
KEYS = ("api_key", "api_key_file")
"""The settings that say which key to use."""
NOTHING: Mapping[str, str] = MappingProxyType({})
LIST = "docs/settings.md lists all of them"
KUBERNETES = re.compile(r"TILED_ZARR_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
"""Variables that Kubernetes sets in every pod beside a service that is named tiled-zarr.

https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
"""
SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")
"""What Kubernetes then gives as TILED_ZARR_PORT."""


def from_environment(
    environ: Mapping[str, str] = os.environ, options: Mapping[str, str] = NOTHING, tree: Mapping[str, str] | None = None
) -> Settings:
    """The settings in `options`, by name, and in the environment.

    `tree` says which tree is served, as the variables in TREES do, which then do not count; an
    empty one means the demo. Raises SettingsError if a variable or a value is not valid, or if more
    than one variable names a tree.
    """
    environ = {name: text for name, text in environ.items() if name.startswith("TILED_") and not is_of_kubernetes(name, text)}
    check_names(environ)
    given = named_tree(environ) if tree is None else tree
    settings = of_tree(given)
    is_behind = settings.tiled is not None or any(mount.source == "tiled" for mount in settings.trees)
    theirs = {} if is_behind else of_tiled(environ)  # else they are for the server behind
    for layer in (theirs, of_variables(environ), of_options(options)):
        settings = over(settings, layer)
    return settings


def over(settings: Settings, layer: Mapping[str, tuple[str, str]]) -> Settings:
    """The settings with those of a layer, each as spelling and text. Raises SettingsError."""
    values = {name: parsed(spelling, SETTINGS[name].parse, text) for name, (spelling, text) in layer.items()} | other_key(layer)
    spellings = {name: spelling for name, (spelling, _) in layer.items()}
    return dataclasses.replace(settings, spellings={**settings.spellings, **spellings}, **values)


def other_key(layer: Mapping[str, tuple[str, str]]) -> dict[str, None]:
    """What a layer unsets: its key replaces the key file of a layer below, and the other way round.

    Raises SettingsError if the layer gives both.
    """
    given = [name for name in KEYS if name in layer]
    if len(given) > 1:
        raise SettingsError(f"set only one of {', '.join(layer[name][0] for name in given)}")
    return {name: None for name in KEYS if given and name not in given}


def of_options(options: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The settings that were given as options."""
    return {name: (option(name), text) for name, text in options.items()}


def of_variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The settings that our variables give; an empty variable counts as unset."""
    names = {name: variable(name) for name in SETTINGS}
    return {name: (spelling, environ[spelling]) for name, spelling in names.items() if environ.get(spelling)}


def of_tiled(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The settings that variables of Tiled give and ours do not."""
    given = {name: theirs for name, theirs in TILED_NAMES.items() if environ.get(theirs) and not environ.get(variable(name))}
    return {name: (theirs, environ[theirs]) for name, theirs in given.items()}


def option(name: str) -> str:
    """The option of a setting.

    >>> option("chunk_shape"), variable("chunk_shape")
    ('--chunk-shape', 'TILED_ZARR_CHUNK_SHAPE')
    """
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The variable of a setting."""
    return PREFIX + name.upper()


def check_names(environ: Mapping[str, str]) -> None:
    """Raise SettingsError if a variable begins like ours and is none; an empty one is ignored."""
    known = [*map(str.upper, SETTINGS), *TREES]
    for name, text in environ.items():
        if text and name.startswith(PREFIX) and (rest := name.removeprefix(PREFIX)) not in known:
            raise SettingsError(f"{name}: there is no such setting{nearest(rest, known, PREFIX)}; {LIST}")


def is_of_kubernetes(name: str, text: str) -> bool:
    """Whether Kubernetes has set a variable, for a service that is named tiled-zarr.

    >>> is_of_kubernetes("TILED_ZARR_PORT_80_TCP_ADDR", "10.0.0.11"), is_of_kubernetes("TILED_ZARR_PORT", "tcp://10.0.0.11:80")
    (True, True)
    """
    return KUBERNETES.fullmatch(name) is not None or (name == variable("port") and SERVICE_ADDRESS.fullmatch(text) is not None)


def named_tree(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that name a tree, without prefix: one, or none for the demo.

    Raises SettingsError if there are several, or if those that are set are empty.
    """
    present = {name: environ[PREFIX + name] for name in TREES if PREFIX + name in environ}
    given = {name: text for name, text in present.items() if text.strip()}
    if len(given) > 1:
        raise SettingsError(f"set only one of {', '.join(PREFIX + name for name in given)}: each says which tree is served")
    if present and not given:
        empty = " and ".join(PREFIX + name for name in present)
        raise SettingsError(f"{empty} names no tree to serve: give it a value, or unset it to serve the demo")
    return given


def of_tree(given: Mapping[str, str]) -> Settings:
    """The settings of the tree that `given` names, else of the demo. Raises SettingsError."""
    words = given["ANYTHING"].split(arguments.SEPARATOR) if "ANYTHING" in given else []
    path = Path(given["CONFIG"]) if "CONFIG" in given else arguments.configuration(words)
    if path is not None:
        require_none(given)
        return files.read(path)
    return Settings(trees=arguments.mounts(words, files_of(given), places(given)) if words else (mount_of(given),))


def require_none(given: Mapping[str, str]) -> None:
    """Raise SettingsError if there are options for files or a catalog besides a configuration."""
    name = next((name for name in [*DIRECTORY, "READ"] if given.get(name)), None)
    if name is not None:
        raise SettingsError(f"{option(name.lower())}: write this into the configuration, for the tree that it is for")


def places(given: Mapping[str, str]) -> tuple[str, ...]:
    """Where the data of a catalog may be."""
    return tuple(given.get("READ", "").splitlines())


def mount_of(given: Mapping[str, str]) -> Mount:
    """The tree that `given` names, else the demo."""
    if "TREE" in given:
        return Mount(source="pyobject", target=given["TREE"])
    if "TILED" in given:
        return Mount(source="tiled", target=given["TILED"])
    if "DIRECTORY" in given:
        return Mount(source="directory", target=given["DIRECTORY"], files=files_of(given))
    if "CATALOG" in given:
        return Mount(source="catalog", target=given["CATALOG"], read=places(given))
    return DEMO[0]


def files_of(given: Mapping[str, str]) -> dict[str, Any]:
    """The options for the files of a directory, by name. Raises SettingsError."""
    names = [name for name in DIRECTORY if name in given]
    return {name: parsed(option(name), DIRECTORY[name].parse, given[name]) for name in names}
