"""Revisions of the assets behind a data source: those of their files, if they are files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from urllib.parse import urlparse

from tiled.utils import path_from_uri

from ...adapters.common.stores import store_revision
from ...nodes import live
from ...revisions import file_revision, joined
from .rows import Asset

Revised: TypeAlias = Callable[[], str | None]

JOURNALS = MappingProxyType({"sqlite": "-wal", "duckdb": ".wal"})
"""What follows the name of a database in the name of the file that holds its last commits."""
ABSENT = "absent"
"""Stands for the revision of a file that does not exist: a partition that is not written yet."""


class Assets(NamedTuple):
    """The assets of a data source.

    `revision()` covers all of them; it is None if one of them is no local file. Of a store in a
    folder it covers the documents alone: it tells whether the array in it is another one, but not
    when a chunk is written. `tell_data` says that it tells that too. `parts` are the same for each
    asset, if all of them tell their data.
    """

    revision: Revised
    tell_data: bool
    parts: Sequence[Revised] = ()

    @classmethod
    def of(cls, assets: Sequence[Asset]) -> Assets:
        """The assets with these addresses."""
        parts = [_revised(asset.uri) for asset in assets]
        if not parts or any(part is live for part in parts):
            return cls(live, tell_data=False)
        tell_data = not any(part.func is store_revision for part in parts if isinstance(part, partial))
        return cls(parts[0] if len(parts) == 1 else partial(_joined, parts), tell_data, parts if tell_data else ())

    def some(self, numbers: Iterable[int]) -> str:
        """The revision of some assets, by their places in the order of the assets."""
        return _joined([self.parts[number] for number in numbers])


def local_path(asset: Asset) -> Path | None:
    """The path of a file or a folder in the local file system, else None."""
    return Path(path_from_uri(asset.uri)) if urlparse(asset.uri).scheme == "file" else None


def _joined(parts: Sequence[Revised]) -> str:
    return joined([part() or ABSENT for part in parts])


def _revised(uri: str) -> Revised:
    scheme = urlparse(uri).scheme
    if scheme not in {"file", *JOURNALS}:
        return live
    path = os.fspath(path_from_uri(uri))
    if scheme in JOURNALS:
        return partial(_of_database, path, path + JOURNALS[scheme])
    if os.path.isdir(path):  # noqa: PTH112 - strings throughout: revisions are asked for with every request
        return partial(store_revision, path) if store_revision(path) else live
    return partial(_of_file, path)


def _of_file(path: str) -> str:
    try:
        return file_revision(path)
    except FileNotFoundError:
        return ABSENT


def _of_database(path: str, journal: str) -> str:
    """The revision of a database of one file and of the journal that holds its last commits."""
    return joined([_of_file(path), _of_file(journal)])
