"""The trees that a server shows, and the paths at which it shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..nodes import Options

Source: TypeAlias = Literal["demo", "directory", "file", "pyobject", "catalog", "tiled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A tree and the path at which it is served ("" is the root).

    `target` is the folder of a directory, the path of a file, the `module:name` of a Python object, the address of the
    database of a catalog, or that of a Tiled server, which is read over HTTP. `options` hold for the
    whole tree, those in `nodes` for the nodes at and below their paths. `csv` says how the text
    tables in a directory are written, `files` what else is chosen for its files, `read` in which
    folders and stores the data of a catalog may be. With `bare`, an array is at `path` itself, and not
    the only child of a group there; a file always is.
    """

    path: str = ""
    source: Source = "demo"
    target: str = ""
    options: Options = dataclasses.field(default_factory=Options)
    nodes: Mapping[str, Options] = dataclasses.field(default_factory=dict)
    csv: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    read: tuple[str | Mapping[str, Any], ...] = ()
    bare: bool = False


DEMO = (Mount(),)
