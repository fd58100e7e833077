"""The options of `tiled-zarr serve`: one for each setting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import click

from ..settings import environment, parsers
from ..settings.declarations import Setting
from ..settings.values import SERVERS, SETTINGS

TYPES: Mapping[str, click.ParamType[Any]] = MappingProxyType(
    {"port": click.IntRange(0, parsers.LAST_PORT), "workers": click.IntRange(1), "server": click.Choice(SERVERS)}
)
"""The settings that click checks, and shows the values of; our parsers check all others."""


def common(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting to a command; its help shows those that are common."""
    return functools.reduce(lambda decorated, name: made(name, SETTINGS[name])(decorated), reversed(SETTINGS), command)


def made(name: str, setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that adds the option of one setting."""
    return click.option(
        environment.option(name),
        is_flag=setting.parse is parsers.boolean,
        type=TYPES.get(name),
        help=setting.text,
        hidden=not setting.is_common,
        show_default=setting.shown if name in TYPES or name == "host" else False,
    )


def given(typed: Mapping[str, Any]) -> dict[str, str]:
    """The settings that were typed, as text; an empty option counts as left out.

    >>> given({"port": 0, "public": True, "server_timing": False, "codec": None})
    {'port': '0', 'public': 'True'}
    """
    return {name: str(value) for name, value in typed.items() if value not in {None, ""} and value is not False}
