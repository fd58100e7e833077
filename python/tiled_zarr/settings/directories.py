"""The options of a tree that is a directory: which files are data, what opens them, what is a stack.

They have the same names in a file and on the command line of `tiled-zarr serve directory`, and mean
what they mean in `tiled serve directory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from . import parsers
from .declarations import Setting, SettingsError

RULES = ("numbers", "tiled", "none")


def rule(value: Any) -> str:
    """Which numbered files are one stack; true is `numbers`, and false is `none`.

    >>> rule("tiled"), rule(False)
    ('tiled', 'none')
    """
    if str(value).lower() in parsers.TRUE | parsers.FALSE:
        return RULES[0] if parsers.boolean(value) else RULES[-1]
    return parsers.among(*RULES)(value)


def suffixes(value: Any) -> dict[str, str]:
    """Mimetypes or names of formats by suffix.

    >>> suffixes(".foo=text/csv;header=present"), suffixes({"h5ad": "hdf5"})
    ({'.foo': 'text/csv;header=present'}, {'.h5ad': 'hdf5'})
    """
    found = pairs(value, lambda line: line.partition("="), ".SUFFIX=MIMETYPE or .SUFFIX=FORMAT, like .foo=image/tiff or .h5ad=hdf5")
    return {f".{suffix.removeprefix('.')}": target for suffix, target in found.items()}


def adapters(value: Any) -> dict[str, str]:
    """Classes of adapters, as `module:Class`, by mimetype.

    >>> adapters("application/x-foo=my.module:Adapter")
    {'application/x-foo': 'my.module:Adapter'}
    """
    found = pairs(value, lambda line: line.rpartition("="), "MIMETYPE=MODULE:CLASS, like application/x-foo=my.module:Adapter")
    return {mimetype: spelling(target) for mimetype, target in found.items()}


def of_objects(files: Mapping[str, Any], address: str) -> Mapping[str, str]:
    """What suffixes mean for the objects of a store, the one option that they have.

    Raises SettingsError if there is another one.
    """
    other = next((name for name in files if name != "ext"), None)
    if other is not None:
        raise SettingsError(f"{other}: {address} is in a store, whose objects are opened by their suffixes alone; leave it out")
    return files.get("ext") or {}


def spellings(value: Any) -> tuple[str, ...]:
    """Objects as `module:name`; as a list, or one a line."""
    return tuple(map(spelling, lines(value)))


def spelling(value: Any) -> str:
    """An object as `module:name`."""
    found = parsers.text(value).strip()
    module, colon, name = found.partition(":")
    if not (module and colon and name):
        raise ValueError(f"expected MODULE:NAME, got {value!r}")
    return found


def pairs(value: Any, split: Any, expected: str) -> dict[str, str]:
    """The pairs in a mapping, or in text with one `A=B` a line. Raises ValueError."""
    if isinstance(value, Mapping):
        found = [(name, "=", target) for name, target in value.items()]
    else:
        found = [split(line) for line in lines(value)]
    for name, equals, target in found:
        if not (equals and all(isinstance(part, str) and part.strip() for part in (name, target))):
            raise ValueError(f"expected {expected}, got {value!r}")
    return {name.strip(): target.strip() for name, _, target in found}


def lines(value: Any) -> list[Any]:
    """The items of a list, or the lines of text."""
    if isinstance(value, list | tuple):
        return list(value)
    return parsers.text(value).splitlines()


def option(parse: Any, text: str, shown: str = "") -> Setting:
    """The declaration of an option."""
    return Setting(parse=parse, text=text, shown=shown, is_common=True)


DIRECTORY = MappingProxyType(
    {
        "sequences": option(
            rule,
            "Which numbered TIFF, JPEG, PNG and NPY files are one stack: `numbers` (two or more, in the order of their numbers), "
            "`tiled` (also one alone, in the order of their names) or `none`.",
            RULES[0],
        ),
        "ext": option(
            suffixes, "What a suffix means: `.foo=image/tiff` (a mimetype) or `.h5ad=hdf5` (a format). In YAML `{.foo: image/tiff}`."
        ),
        "mimetype_hook": option(
            spelling, "Function MODULE:NAME(path, mimetype) that returns the mimetype of each file; None: it is no data."
        ),
        "adapter": option(adapters, "Class of a Tiled adapter for a mimetype: `application/x-foo=my.module:Adapter`. In YAML a mapping."),
        "walker": option(
            spellings,
            "Walker of Tiled, as MODULE:NAME; one of your own registers the folder in a catalog, once at the start. In YAML a list.",
        ),
    }
)
"""By name; the first is found in `adapters/directory/sequences.py`, the others in `mimetypes.py` beside it."""
SEVERAL = frozenset({"ext", "adapter", "walker"})
"""The options that may be given several times."""
