"""Hierarchies of Zarr that are no files by their keys: references of kerchunk, and icechunk.

What opens them needs zarr-python, whose absence is reported here, when one is opened.
"""

from __future__ import annotations

from pathlib import Path

from ...nodes import Node
from ...resources import Resources
from ..common.extras import check_installed
from ..common.ranged import by_ranges
from ..common.snapshot import Elsewhere


@by_ranges()
def open_references(path: Path | Elsewhere, resources: Resources | None = None) -> Node:
    """The hierarchy of references of kerchunk, as `references.open_references`."""
    for package in ("zarr", "fsspec"):
        check_installed(package, "zarr")
    from .references import open_references as opened

    return opened(path, resources)


@by_ranges()
def open_repository(path: Path | Elsewhere, resources: Resources | None = None) -> Node:
    """The hierarchy of a repository of icechunk, as `repositories.open_repository`."""
    check_installed("zarr", "zarr")
    from .repositories import open_repository as opened

    return opened(path, resources)
