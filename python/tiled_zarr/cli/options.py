"""The options of `tiled-zarr serve`: one for each setting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import click

from ..settings import environment, parsers
from ..settings.declarations import Setting
from ..settings.directories import DIRECTORY, RULES, SEVERAL
from ..settings.values import SERVERS, SETTINGS

TYPES: Mapping[str, click.ParamType[Any]] = MappingProxyType(
    {
        "port": click.IntRange(0, parsers.LAST_PORT),
        "workers": click.IntRange(1),
        "server": click.Choice(SERVERS),
        "api_key_file": click.Path(exists=True, dir_okay=False),
    }
)
"""The settings that click checks; our parsers check all others."""
SHOWN = frozenset({"host", "port", "workers", "server"})
"""The settings whose help has the default; the texts of all others say it."""


SHORT = MappingProxyType({"host": "-H", "port": "-p", "workers": "-w"})
"""Short options; `-h` is help."""


def common(command: Callable[..., None]) -> Callable[..., None]:
    """Add --open and an option for each setting to a command; its help shows those that are common."""
    opened = click.option("-o", "--open", is_flag=True, help="Show the first page in a browser.")(command)
    return functools.reduce(lambda decorated, name: made(name, SETTINGS[name])(decorated), reversed(SETTINGS), opened)


def of_catalog(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option of a catalog to a command."""
    text = "Folder or database in which the data of a catalog may be; may be given several times."
    return click.option("--read", multiple=True, metavar="PLACE", help=text)(command)


def made(name: str, setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that adds the option of one setting."""
    return click.option(
        *([SHORT[name]] if name in SHORT else []),
        environment.option(name),
        is_flag=setting.parse is parsers.boolean,
        type=TYPES.get(name),
        help=setting.text,
        hidden=not setting.is_common,
        show_default=setting.shown if name in SHOWN else False,
    )


def of_files(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the files of a directory to a command."""

    def add(decorated: Callable[..., None], name: str) -> Callable[..., None]:
        kind = click.Choice(RULES) if name == "sequences" else None
        return click.option(environment.option(name), multiple=name in SEVERAL, type=kind, help=DIRECTORY[name].text)(decorated)

    return functools.reduce(add, reversed(DIRECTORY), command)


def files(typed: dict[str, Any]) -> dict[str, str]:
    r"""The options for the files of a directory, taken out of those that were typed, as text.

    >>> files({"ext": (".a=hdf5", ".b=tiff"), "walker": (), "sequences": None, "port": 0})
    {'ext': '.a=hdf5\n.b=tiff'}
    """
    found = {name: typed.pop(name, None) for name in DIRECTORY}
    return {name: "\n".join(value) if name in SEVERAL else value for name, value in found.items() if value}


def given(typed: Mapping[str, Any]) -> dict[str, str]:
    """The settings that were typed, as text; an empty option counts as left out, but for a key.

    >>> given({"port": 0, "public": True, "server_timing": False, "codec": None, "title": "", "api_key": ""})
    {'port': '0', 'public': 'True', 'api_key': ''}
    """
    return {
        name: str(value)
        for name, value in typed.items()
        if value is not None and value is not False and (value != "" or name in environment.KEYS)
    }
