"""What a setting declares: how to parse it, its default, and one sentence about it.

The parsers, the options of `tiled-zarr serve` and the table in docs/settings.md are all made from
the declarations in values.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

KEY = "setting"
"""Under which a field of a dataclass keeps its declaration, in its metadata."""


class SettingsError(Exception):
    """Settings with which the server cannot start; the text says which, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The declaration of one setting.

    `parse` takes text or a value of YAML, and raises ValueError with what it expects. `shown` is
    the default in words. `is_common` says that `tiled-zarr serve --help` lists it.
    """

    parse: Callable[[Any], Any]
    text: str
    shown: str
    is_common: bool


def setting(parse: Callable[[Any], Any], default: Any, text: str, *, shown: str | None = None, common: bool = False, **field: Any) -> Any:
    """A field of a dataclass for a setting with this declaration."""
    declared = Setting(parse=parse, text=text, shown=in_words(default) if shown is None else shown, is_common=common)
    return dataclasses.field(default=default, metadata={KEY: declared}, **field)


def described(parse: Callable[[Any], Any], text: str) -> Setting:
    """The declaration of an option of a file that is found out from the data if it is left out."""
    return Setting(parse=parse, text=text, shown="", is_common=False)


def in_words(default: Any) -> str:
    """The default of a setting, as one would write it.

    >>> in_words(None), in_words(False), in_words(1.5), in_words(60.0)
    ('', 'false', '1.5', '60')
    """
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default) if default or default == 0 else ""


def declared(settings: type[Any]) -> dict[str, Setting]:
    """The declarations of a dataclass of settings, by name."""
    return {field.name: field.metadata[KEY] for field in dataclasses.fields(settings) if KEY in field.metadata}


def parsed(where: object, parse: Callable[[Any], Any], value: Any) -> Any:
    """The value that `parse` returns. Raises SettingsError, which begins with `where`."""
    try:
        return parse(value)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """A question that names the known name nearest to a mistyped one, or nothing.

    Both are without `prefix`, which all of them have in the environment.

    >>> nearest("max_ages", ["max_age", "codec"]), nearest("x", ["codec"])
    (' (did you mean max_age?)', '')
    """
    found = get_close_matches(name, list(known), n=1)
    return f" (did you mean {prefix}{found[0]}?)" if found else ""
