"""Writes docs/settings.md: the tables of all settings, from their declarations.

`python docs/tables.py` writes the file anew; `tests/settings/test_tables.py` compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tiled_zarr.settings.declarations import Setting
from tiled_zarr.settings.directories import DIRECTORY
from tiled_zarr.settings.files import OPTIONS, TABLES
from tiled_zarr.settings.values import SETTINGS

PAGE = Path(__file__).parent / "settings.md"
HEAD = """# Settings

`python docs/tables.py` writes this page from the declarations in
`python/tiled_zarr/settings`.

A setting has one name. `max_age` in a YAML file is `TILED_ZARR_MAX_AGE` in the environment and
`--max-age` on the command line. An option wins over a variable, and a variable over the file. An
empty variable counts as unset. A name or a value that is wrong stops the server at its start, with
a message that says where it was given and which name is nearest.

Sizes are in bytes or have a unit (`512MB`, `1GiB`); durations are in seconds; lists have commas
between their items; true and false are also `1` and `0`, `yes` and `no`. `host`, `port`, `workers`
and `server` are for `tiled-zarr serve` and stay as they are until the server is started again;
SIGHUP reads all others anew. Without a size of its own, each pool of memory gets a part of
`memory`; the sizes below are those of 2.5 GiB a worker, and [deploy.md](deploy.md#memory) has the
rest.
"""
TREES = """
## Trees

In a file, `trees` lists what is served. Each item has a `path` and one of `directory: FOLDER`,
`file: FILE`, `pyobject: MODULE:NAME`, `catalog: URI`, `tiled: URL` and `demo: true`. An array in a
`file` is at `path` itself. An item may have the options below, and `nodes` may give them to nodes
by path; those of a node win over those of its tree, and these over the setting of the same name. A
catalog is a database of Tiled's, and its item lists under `read` the folders in which its files may
be. In the environment, one of `TILED_ZARR_DIRECTORY`, `TILED_ZARR_TREE` (`module:name`) and
`TILED_ZARR_CONFIG` (a file) says what is served. That file, or folder of files, may also be a
[configuration of Tiled](tiled.md#its-configuration).
"""
FILES = """
## Files

A tree that is a directory or a file may have these options as well; they are also options of
`tiled-zarr serve`, and mean what they mean in `tiled serve directory`. Those that take
pairs or lists may be given several times there.
"""
CSV = """
## Text tables

A tree that is a directory or a file may say under `csv` how its text tables are written. What is left out is
found out from each table.
"""


def page() -> str:
    """The whole page."""
    parts = (
        HEAD,
        table("setting", SETTINGS),
        TREES,
        table("option", OPTIONS),
        FILES,
        table("option", DIRECTORY),
        CSV,
        table("option", TABLES),
    )
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def table(what: str, settings: Mapping[str, Setting]) -> str:
    """A table with one row for each setting."""
    return "\n".join(rows(what, settings))


def rows(what: str, settings: Mapping[str, Setting]) -> Iterator[str]:
    """The rows of a table; it has no column of defaults if there are none."""
    has_defaults = any(setting.shown for setting in settings.values())
    names = [what, *(["default"] if has_defaults else []), "meaning"]
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for name, setting in settings.items():
        cells = [f"`{name}`", *([setting.shown] if has_defaults else []), setting.text]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
