"""The trees that a server shows, and the paths at which it shows them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..nodes import Options

PASSWORD = re.compile(r"(?<=://)[^/@]*@")
"""The user and password in a URL."""
Source: TypeAlias = Literal["demo", "directory", "file", "pyobject", "catalog", "tiled", "remote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A tree and the path at which it is served ("" is the root).

    `target` is the folder of a directory, the path of a file, the `module:name` of a Python object, the address of the
    database of a catalog, that of a Tiled server, which is read over HTTP, or that of objects, whose
    `store` has options. `options` hold for the
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
    store: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    bare: bool = False

    @property
    def shown(self) -> str:
        """The target without a password and without the query of a URL, which may sign it."""
        target = PASSWORD.sub("", self.target)
        return target.partition("?")[0] if self.source == "remote" else target


DEMO = (Mount(),)
